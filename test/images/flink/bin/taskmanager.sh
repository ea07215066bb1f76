#!/bin/bash
# taskmanager.sh start-foreground [args]
[ "${1:-}" = start-foreground ] || { echo "taskmanager.sh: only start-foreground" >&2; exit 2; }
exec "$(dirname "$0")/flink-java.sh" taskmanager org.apache.flink.runtime.taskexecutor.TaskManagerRunner "${@:2}"
