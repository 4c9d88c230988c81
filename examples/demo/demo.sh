#!/bin/bash
# make demo: a tour of taskcenter on a throwaway server.  The input is real: the
# package database of this machine.  KEEP=1 leaves the server up.
set -eu
# shellcheck source=test/tools/common.sh
. "$(dirname "$0")/../../test/tools/common.sh"
demo=$top/examples/demo

plan_packages gcc libc6-dev make

# An own tree keeps its objects for the next time; another's stays as it is.
tree=$top
foreign=
[ -O "$top" ] && [ -w "$top" ] || foreign=yes
fate="both are gone at the end"
[ -z "${KEEP:-}" ] || fate="both stay, and the end says how to remove them"

announce demo "builds taskcenter in $([ -n "$foreign" ] && echo "a copy of ")$top" \
  "starts a throwaway server in a folder /tmp/taskcenter-demo.*, on a Unix socket there;" \
  "  $fate"
make_work demo
install_packages

config=$(find_pg_config)
private_config=$("$top/test/tools/private-postgres" "$config" "$work/pg")
private_bin=$(dirname "$private_config")

if [ -n "$foreign" ]; then
  tree=$work/tree
  cp -a "$top" "$tree"
fi
say "building ..."
make -s -C "$tree" -j "$(nproc)" PG_CONFIG="$private_config" install >"$work/build.log" 2>&1 || {
  tail -n 40 "$work/build.log" >&2
  die "could not build"
}

# dpkg knows no time of installation, but when it last wrote a package's files.
dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${Section}\t${Installed-Size}\t${db-fsys:Last-Modified}\t${Depends}\n' \
  >"$work/packages.tsv"
cp "$demo"/*.sql "$work/"
mkdir "$work/socket"
hand_over
cd "$work"

as_user "$private_bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$work/initdb.log"
as_user tee -a "$work/data/postgresql.conf" >/dev/null <<CONF
shared_preload_libraries = 'taskcenter'
listen_addresses = ''
unix_socket_directories = '$work/socket'
unix_socket_permissions = 0700
max_worker_processes = 16
CONF
as_user "$private_bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w -s start || {
  cat "$work/server.log" >&2
  die "the server did not start"
}

# play ROLE FILE: one chapter.
play()
{
  as_user "$private_bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$work/socket" -U "$1" -d "${3:-demo}" \
    -f "$work/format.sql" -f "$work/$2" || {
    say "-- the server's log ends with"
    tail -n 20 "$work/server.log"
    exit 1
  } >&2
}

play postgres 00-server.sql postgres
for chapter in "$demo"/[1-9]*.sql; do
  play demo "$(basename "$chapter")"
done

if [ -n "${KEEP:-}" ]; then
  cat >"$work/stop" <<STOP
#!/bin/sh
cd /
$([ "$EUID" -ne 0 ] || echo "runuser -u postgres -- ")"$private_bin/pg_ctl" -D "$work/data" -m fast -s stop
rm -rf "$work"
STOP
  chmod 755 "$work/stop"
  trap - EXIT INT TERM HUP
  say ""
  say "The server stays up."
  say "  connect:  psql -h $work/socket -U demo demo"
  say "  stop:     $work/stop     (and removes the folder)"
fi
