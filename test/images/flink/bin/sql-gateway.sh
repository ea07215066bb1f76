#!/bin/bash
# sql-gateway.sh start-foreground [args]
[ "${1:-}" = start-foreground ] || { echo "sql-gateway.sh: only start-foreground" >&2; exit 2; }
exec "$(dirname "$0")/flink-java.sh" sql-gateway org.apache.flink.table.gateway.SqlGateway "${@:2}"
