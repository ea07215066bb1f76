#!/bin/bash
# As the public image's: no root, data in /data, and no protected mode, which that image is built without.
set -eu
if [ "${1#-}" != "$1" ]; then set -- redis-server "$@"; fi
if [ "$1" = redis-server ]; then
  set -- "$@" --protected-mode no
  [ "$(id -u)" != 0 ] || { chown -R redis:redis /data && exec gosu redis "$@"; }
fi
exec "$@"
