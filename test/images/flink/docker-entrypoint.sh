#!/bin/bash
# As the public image's: FLINK_PROPERTIES (every space taken out, the last of a key wins) on top of what a container needs; then the roles by
# their names, or any other command, without root's rights.
set -euo pipefail
settings() {
  echo "jobmanager.rpc.address: ${JOB_MANAGER_RPC_ADDRESS:-$(hostname -f)}"
  printf '%s: 0.0.0.0\n' jobmanager.bind-host rest.bind-address taskmanager.bind-host
  printf '%s\n' 'blob.server.port: 6124' 'query.server.port: 6125'
  [ "${1:-}" != taskmanager ] || printf '%s\n' "taskmanager.host: $(hostname -f)" "taskmanager.numberOfTaskSlots: ${TASK_MANAGER_NUMBER_OF_TASK_SLOTS:-$(nproc)}"
  printf '%s\n' 'jobmanager.memory.process.size: 1600m' 'taskmanager.memory.process.size: 1728m'
  echo "${FLINK_PROPERTIES:-}"
}
# A size of the whole that is not asked for must not contradict the parts that are.
settings "$@" | tr -d ' ' | awk '
  { at = index($0, ":"); if (at == 0) next; key = substr($0, 1, at - 1); if (!(key in value)) order[++n] = key; value[key] = substr($0, at + 1) }
  END {
    if ("jobmanager.memory.heap.size" in value) delete value["jobmanager.memory.process.size"]
    if ("taskmanager.memory.task.heap.size" in value) delete value["taskmanager.memory.process.size"]
    for (i = 1; i <= n; i++) if (order[i] in value) print order[i] ": " value[order[i]]
  }' > conf/config.yaml
chown flink:flink conf/config.yaml
case ${1:-help} in
  help) echo 'Usage: docker-entrypoint.sh (jobmanager|taskmanager|help|any command)' ;;
  jobmanager | taskmanager) role=$1; shift; exec gosu flink "bin/$role.sh" start-foreground "$@" ;;
  *) exec gosu flink "$@" ;;
esac
