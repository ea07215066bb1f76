#!/bin/bash
# jobmanager.sh start-foreground [args]
[ "${1:-}" = start-foreground ] || { echo "jobmanager.sh: only start-foreground" >&2; exit 2; }
exec "$(dirname "$0")/flink-java.sh" jobmanager org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint "${@:2}"
