#!/usr/bin/env bash
# Runs the service in the background for the Makefile: start | stop | status | logs | remove.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${DATA_DIR:-.modelyard}
pid_file=$data/service.pid
log_file=$data/service.log
node=node_modules/.bin/node
program=$PWD/src/main.ts

# By its command: after a restart of the machine the number may be that of any program.
command_of() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || ps -o args= -p "$1" 2>/dev/null; }
running() { [ -f "$pid_file" ] && [[ $(command_of "$(cat "$pid_file")") == *"$program serve"* ]]; }
address() { grep -oE 'Modelyard listens on http://[^ "]+' "$log_file" 2>/dev/null | tail -n 1 | sed 's/Modelyard listens on //'; }

case ${1:-} in
start)
  if running; then
    echo "Modelyard is already running at $(address) (process $(cat "$pid_file"))."
    exit 0
  fi
  mkdir -p "$data"
  : >"$log_file"
  # In a process group of its own, which Ctrl-C in `make demo` does not reach; macOS has no setsid.
  set -m
  "$node" --max-semi-space-size=8 "$program" serve >>"$log_file" 2>&1 </dev/null &
  pid=$!
  echo $pid >"$pid_file"
  set +m
  for _ in $(seq 300); do
    [ -n "$(address)" ] && break
    if ! kill -0 $pid 2>/dev/null; then
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
  "$node" --input-type=module -e '
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
  kill "$pid" 2>/dev/null || true
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
logs)
  if [ ! -f "$log_file" ]; then
    echo "There is no log yet: make start"
    exit 0
  fi
  exec tail -n 200 -F "$log_file"
  ;;
remove)
  [ -d "$data" ] || exit 0
  if [ -x "$node" ] && ! "$node" --input-type=module -e '
    const { readLock } = await import(`${process.cwd()}/src/ports/db/embedded/lock.ts`)
    const holder = await readLock(process.argv[1])
    if (holder) console.error(`${process.argv[1]} is in use by process ${holder.pid}, which make start did not start: stop it first.`)
    process.exit(holder ? 1 : 0)
  ' "$data"; then exit 1; fi
  # Only what a service puts there: DATA_DIR may hold other things.
  rm -rf "$data"/{artifacts,database,database.*,lock,lock.*,service.log,service.pid,tmp}
  rmdir "$data" 2>/dev/null || echo "$data holds more than the service put there; that is left."
  ;;
*)
  echo "usage: $0 start|stop|status|logs|remove" >&2
  exit 2
  ;;
esac
