#!/bin/bash
# Builds stand-ins for the public images, where no registry can be reached: Debian's own packages with the same environment,
# ports, volumes and commands; what Debian has not comes from Maven and npm. Root, debootstrap and a running engine (DOCKER_HOST) are
# needed, a Debian mirror, and Node; for Kafka and Flink Java 17 and Maven as well, unless their jars are in the cache.
#   test/images/build.sh [node] [postgres] [redis] [rabbitmq] [kafka] [flink] [clickhouse] [prometheus]     default: the first four
# What has not changed since it was built is left as it is.
set -euo pipefail
cd "$(dirname "$0")"
export DOCKER_BUILDKIT=0
suite=bookworm
mirror=${LAB_DEBIAN_MIRROR:-http://deb.debian.org/debian}
# Each line: name, tag. The tag says what is inside, not what it stands for.
tag() { case $1 in debian) echo load-lab-test/debian:12 ;; node) echo load-lab-test/node:24 ;; postgres) echo load-lab-test/postgres:15 ;; redis) echo load-lab-test/redis:7 ;; rabbitmq) echo load-lab-test/rabbitmq:3.10 ;;
  java) echo load-lab-test/java:17 ;; kafka) echo load-lab-test/kafka:4.3.1 ;; flink) echo load-lab-test/flink:2.0.0-java17 ;; clickhouse) echo load-lab-test/clickhouse:26.7 ;; prometheus) echo load-lab-test/prometheus:2.42 ;; *) echo "no stand-in for $1" >&2; exit 2 ;; esac; }
made_from() { docker image inspect --format '{{ index .Config.Labels "load-lab.made-from" }}' "$1" 2>/dev/null || true; }

base() {
  [ -z "$(made_from "$(tag debian)")" ] || return 0
  root=$(mktemp -d /var/tmp/load-lab-debian-XXXXXX)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase "$suite" "$root/debian" "$mirror" >"$root/log" 2>&1 || { tail -n 20 "$root/log" >&2; exit 1; }
  rm -rf "$root"/debian/var/cache/apt/archives/*.deb "$root"/debian/usr/share/{doc,man,locale}
  tar -C "$root/debian" -c . | docker import --change "LABEL load-lab.made-from=$suite" - "$(tag debian)" >/dev/null
  rm -rf "$root"
  trap - EXIT
}

# What a stand-in is built on, and the sources beside its folder that say what is in it.
base_of() { case $1 in kafka | flink) echo java ;; clickhouse) echo node ;; *) echo debian ;; esac; }
sources() { case $1 in kafka | flink) echo ../../src/runtime/local/"$1"-jars.ts context.ts ;; clickhouse) echo ../../src/runtime/local/clickhouse-{binaries,config,metrics,server}.ts context.ts ;; esac; }

image() {
  local name=$1 base context hash before
  base=$(base_of "$name")
  [ "$base" = debian ] || image "$base"
  # shellcheck disable=SC2046
  hash=$({ find "$name" -type f | sort | xargs cat; [ -z "$(sources "$name")" ] || cat $(sources "$name"); docker image inspect --format '{{ .Id }}' "$(tag "$base")"; } | sha256sum | cut -c1-16)
  [ "$(made_from "$(tag "$name")")" != "$hash" ] || { echo "$(tag "$name") is there"; return 0; }
  before=$(docker image inspect --format '{{ .Id }}' "$(tag "$name")" 2>/dev/null || true)
  context=$(mktemp -d /var/tmp/load-lab-image-XXXXXX)
  # shellcheck disable=SC2064
  trap "rm -rf '$context'" EXIT
  PATH=$PWD/../../node_modules/.bin:$PATH node context.ts "$name" "$context"
  docker build --quiet --network host --build-arg "BASE=$(tag "$base")" --label "load-lab.made-from=$hash" --tag "$(tag "$name")" "$context" >/dev/null
  rm -rf "$context"
  trap - EXIT
  # What is built on it keeps it.
  [ -z "$before" ] || docker image rm "$before" >/dev/null 2>&1 || true
  echo "$(tag "$name") built"
}

base
[ $# -gt 0 ] || set -- node redis postgres rabbitmq
for name in "$@"; do image "$name"; done
