#!/usr/bin/env bash
# Runs the service in the background for the Makefile: start | stop | status | logs.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${DATA_DIR:-.modelyard}
pid_file=$data/service.pid
log_file=$data/service.log
mkdir -p "$data"

running() { [ -f "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }
address() { grep -oE 'Modelyard listens on http://[^ "]+' "$log_file" 2>/dev/null | tail -n 1 | sed 's/Modelyard listens on //'; }

case ${1:-} in
start)
  if running; then
    echo "Modelyard is already running at $(address) (process $(cat "$pid_file"))."
    exit 0
  fi
  : >"$log_file"
  # In a process group of its own, which Ctrl-C in `make demo` does not reach; macOS has no setsid.
  set -m
  node_modules/.bin/node --max-semi-space-size=8 src/main.ts serve >>"$log_file" 2>&1 </dev/null &
  echo $! >"$pid_file"
  set +m
  for _ in $(seq 300); do
    [ -n "$(address)" ] && break
    if ! running; then
      cat "$log_file" >&2
      rm -f "$pid_file"
      exit 1
    fi
    sleep 0.1
  done
  if [ -z "$(address)" ]; then
    echo "Modelyard did not come up within 30 s; see $log_file" >&2
    exit 1
  fi
  # It listens before its database is up; whoever asks next should find it healthy.
  node_modules/.bin/node --input-type=module -e '
    const [url, until] = [`${process.argv[1]}/health`, Date.now() + 5_000]
    const status = async () => (await fetch(url).then((reply) => reply.json(), () => ({}))).status
    while ((await status()) !== "healthy" && Date.now() < until) await new Promise((go) => setTimeout(go, 100))
  ' "$(address)"
  echo "Modelyard listens on $(address)  (docs: $(address)/docs)"
  echo "Next: make demo, make logs, make stop"
  ;;
stop)
  if ! running; then
    echo "Modelyard is not running."
    rm -f "$pid_file"
    exit 0
  fi
  pid=$(cat "$pid_file")
  kill "$pid"
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  if kill -0 "$pid" 2>/dev/null; then
    echo "Process $pid did not stop within 30 s; killing it. Nothing acknowledged is lost by that."
    kill -9 "$pid"
  fi
  rm -f "$pid_file"
  echo "Modelyard has stopped."
  ;;
status)
  if running; then
    echo "Modelyard is running at $(address) (process $(cat "$pid_file"))."
  else
    echo "Modelyard is not running."
  fi
  ;;
logs) exec tail -n 200 -F "$log_file" ;;
*)
  echo "usage: $0 start|stop|status|logs" >&2
  exit 2
  ;;
esac
