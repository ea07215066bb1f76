#!/bin/bash
# What the scripts of the roles share: flink-java.sh <role> <main class> [args]. Memory is worked out by Flink's own tool.
set -euo pipefail
role=$1 main=$2
shift 2
home=${FLINK_HOME:-/opt/flink}
export FLINK_CONF_DIR=$home/conf FLINK_LIB_DIR=$home/lib FLINK_PLUGINS_DIR=$home/plugins FLINK_OPT_DIR=$home/opt MALLOC_ARENA_MAX=2
class_path="$home/lib/*"
java_options=(-Dlog4j2.configurationFile="$home/conf/log4j-console.properties" --add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED --add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED)
for name in lang net io nio lang.reflect text time util util.concurrent util.concurrent.atomic util.concurrent.locks; do java_options+=("--add-opens=java.base/java.$name=ALL-UNNAMED"); done
java_options+=(--add-opens=java.base/sun.nio.ch=ALL-UNNAMED)
asked=()
case $role in
  jobmanager) tool=GET_JM_RESOURCE_PARAMS ;;
  taskmanager) tool=GET_TM_RESOURCE_PARAMS ;;
  *) tool='' class_path="$class_path:$home/opt/*" ;;
esac
if [ -n "$tool" ]; then
  said=$(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$class_path" org.apache.flink.runtime.util.bash.BashJavaUtils "$tool" --configDir "$FLINK_CONF_DIR" | sed -n 's/^.*BASH_JAVA_UTILS_EXEC_RESULT://p')
  # The first line is for Java, the second for Flink.
  read -ra memory <<< "$(sed -n 1p <<< "$said")"
  read -ra asked <<< "$(sed -n 2p <<< "$said")"
  java_options=("${memory[@]}" "${java_options[@]}")
  set -- --configDir "$FLINK_CONF_DIR" "${asked[@]}" "$@"
fi
# shellcheck disable=SC2086
exec java ${JVM_ARGS:-} "${java_options[@]}" -cp "$class_path" "$main" "$@"
