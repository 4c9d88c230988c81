#!/bin/bash
# A worker in the shell: executes runs of external tasks, one after the other.
#
#   PGDATABASE=app worker.sh QUEUE COMMAND [ARGUMENT...]
#
# COMMAND is started for each run, with the params as JSON on its standard input
# and RUN_ID, TASK and ATTEMPT in its environment.  Exit code 0: what it wrote is
# the output, as JSON, or nothing; 75: try later; any other: the run failed, and
# what it wrote to standard error says why.  When the run is cancelled or lost,
# COMMAND gets SIGTERM.  SIGTERM ends the worker after the current run.
set -u; [ $# -ge 2 ] || { echo "usage: worker.sh QUEUE COMMAND [ARGUMENT...]" >&2; exit 64; }
queue=$1
command=("${@:2}")
lease=${LEASE:-60}    # seconds; beats come three times as often
files=$(mktemp -d) || exit 1
worker='' stop=''

# sql NAME=VALUE... <<< SQL: again until the server answers; 3: it was an error.
sql()
{
  local set=() text code
  for code; do set+=(-v "$code"); done
  text=$(cat)
  while true; do
    psql -XqAt -F $'\x1f' -v ON_ERROR_STOP=1 "${set[@]}" -f - <<< "$text"
    code=$?
    [ $code -eq 2 ] || return $code
    sleep 1
  done
}

# beat RUN PROCESS: prolongs the lease until the run is lost or to end, or this shell is gone.
beat()
{
  while sleep "$((lease / 3 + 1))" && kill -0 $$; do
    [ "$(sql w="$worker" r="$1" <<< "SELECT cancel_requested
      FROM taskcenter.heartbeat(:w, ARRAY[:r]::bigint[])")" = f ] || break
  done
  kill -TERM -- "-$2"
}

execute()    # RUN TOKEN TASK PARAMS ATTEMPT
{
  local process beats code
  set -m    # each in a process group, so that it ends with its children
  RUN_ID=$1 TASK=$3 ATTEMPT=$5 "${command[@]}" <<< "$4" > "$files/out" 2> "$files/err" &
  process=$!
  beat "$1" "$process" > /dev/null 2>&1 &
  beats=$!
  set +m
  while wait "$process"; code=$?; kill -0 "$process" 2> /dev/null; do :; done
  kill -TERM -- "-$beats" 2> /dev/null
  case $code in
    0) sql r="$1" t="$2" <<< "\\set o \`cat $files/out\`
      SELECT taskcenter.complete_run(:r, :t, nullif(:'o', '')::jsonb)" || code='no JSON' ;;
    75) sql r="$1" t="$2" <<< "SELECT taskcenter.snooze_run(:r, :t, '1 minute')" ;;
  esac
  case $code in
    0 | 75) ;;
    *) sql r="$1" t="$2" e="exit code $code: $(tail -c 2000 "$files/err" | iconv -cf utf8 -t utf8)" \
      <<< "SELECT taskcenter.fail_run(:r, :t, :'e')" ;;    # refused if the lease was lost
  esac
}

bye() { [ "$BASHPID" != $$ ] || { [ -z "$worker" ] || sql w="$worker" <<< "SELECT taskcenter.unregister_worker(:w)"; rm -rf "$files"; }; }
trap bye EXIT    # not for a child that is ended before it has reset its traps
trap 'stop=1' TERM INT
worker=$(sql n="$HOSTNAME $$" q="$queue" \
  <<< "SELECT taskcenter.register_worker(:'n', ARRAY[:'q'])") || exit 1
while [ -z "$stop" ]; do
  claimed=$(sql w="$worker" l="$lease" <<< "SELECT run_id, token, task, params, attempt
    FROM taskcenter.claim_runs(:w, 1, make_interval(secs => :l))") || exit 1
  IFS=$'\x1f' read -r run token task params attempt <<< "$claimed"
  if [ -n "$claimed" ]; then execute "$run" "$token" "$task" "$params" "$attempt" > /dev/null
  else
    sql w="$worker" <<< "CALL taskcenter.await_runs(:w, '10 seconds')" > /dev/null &
    wait $! || [ -n "$stop" ] || exit 1    # a signal ends it at once
  fi
done
