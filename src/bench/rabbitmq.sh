#!/usr/bin/env bash
# Runs a command beside a RabbitMQ of this machine, whose URL it gives in POSTROOM_BENCH_RABBITMQ. W12 measures it then, too:
#   src/bench/rabbitmq.sh ./mvnw -q -Pbench -Dbench.workloads=W12
# Needs rabbitmq-server, of Debian's package for one. The broker listens on loopback, keeps everything in a temporary directory, and
# ends with the command.
set -euo pipefail

server=${RABBITMQ_SERVER:-/usr/lib/rabbitmq/bin/rabbitmq-server}
[ -x "$server" ] || { echo "no RabbitMQ at $server: install rabbitmq-server, or name it in RABBITMQ_SERVER" >&2; exit 1; }
port=${RABBITMQ_PORT:-5699}

home=$(mktemp -d)
export HOME="$home" RABBITMQ_NODENAME="postroom-bench@localhost" RABBITMQ_NODE_PORT="$port" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
export RABBITMQ_DIST_PORT=$((port + 1)) ERL_EPMD_PORT=$((port + 2)) ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_MNESIA_BASE="$home/data" RABBITMQ_LOG_BASE="$home/log" RABBITMQ_PID_FILE="$home/pid"
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
export RABBITMQ_ENABLED_PLUGINS_FILE="$home/plugins" RABBITMQ_CONFIG_FILE="$home/none"
mkdir "$home/data" "$home/log"
echo "[]." > "$home/plugins"

stop() {
    [ -f "$home/pid" ] && kill "$(cat "$home/pid")" 2> /dev/null || true
    wait "$broker" 2> /dev/null || true
    epmd -port "$ERL_EPMD_PORT" -kill > /dev/null 2>&1 || true
    rm -rf "$home"
}

"$server" > "$home/log/console" 2>&1 &
broker=$!
trap stop EXIT
for _ in $(seq 300); do
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break
    kill -0 "$broker" 2> /dev/null || { cat "$home/log/console" >&2; exit 1; }
    sleep 0.2
done

export POSTROOM_BENCH_RABBITMQ="amqp://guest:guest@127.0.0.1:$port"
HOME=$(getent passwd "$(id -u)" | cut -d: -f6) "$@"
