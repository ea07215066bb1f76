#!/bin/bash
# As the public image's: RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS, no root, log on stdout.
set -eu
if [ "$1" = rabbitmq-server ] && [ "$(id -u)" = 0 ]; then
  {
    echo 'loopback_users.guest = false'
    echo 'log.console = true'
    [ -z "${RABBITMQ_DEFAULT_USER:-}" ] || echo "default_user = $RABBITMQ_DEFAULT_USER"
    [ -z "${RABBITMQ_DEFAULT_PASS:-}" ] || echo "default_pass = $RABBITMQ_DEFAULT_PASS"
  } > /etc/rabbitmq/rabbitmq.conf
  chown -R rabbitmq:rabbitmq /var/lib/rabbitmq /etc/rabbitmq
  exec gosu rabbitmq "$@"
fi
exec "$@"
