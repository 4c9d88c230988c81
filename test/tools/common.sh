# shellcheck shell=bash
# What "make test" and "make demo" share: say what will change on the machine,
# install what is missing, keep everything else in one private folder.  The
# PostgreSQL of the machine, its clusters and its servers are left alone.

# shellcheck disable=SC2034 # for the scripts that read this
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pg_major=${PG_MAJOR:-15}
pg_wanted=15.20
drop_in=/etc/postgresql-common/createcluster.d/taskcenter-no-cluster.conf
work=
private_bin=
missing=()
outdated=()

# Nothing of the caller's surroundings may lead to another server, or change
# what the inner makes do.
for name in $(compgen -e PG); do
  case $name in
    PG_CONFIG | PG_MAJOR | PG_TEST_*) ;;
    *) unset "$name" ;;
  esac
done
unset MAKEFLAGS MFLAGS MAKELEVEL TMPDIR CDPATH name
export LC_ALL=C.UTF-8 TZ=UTC

say()
{
  printf '%s\n' "$*"
}

die()
{
  printf 'taskcenter: %s\n' "$*" >&2
  exit 1
}

is_installed()
{
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# A cluster that somebody made on this machine, whether it runs or not.
has_cluster()
{
  command -v pg_lsclusters >/dev/null && [ -n "$(pg_lsclusters -h 2>/dev/null)" ]
}

# plan_packages PACKAGE...: finds out which are missing, and whether PostgreSQL
# itself has to be fetched or brought up to date.
plan_packages()
{
  local package server=postgresql-$pg_major installed

  if [ -z "${PG_CONFIG:-}" ]; then
    set -- "$server" "postgresql-server-dev-$pg_major" "$@"
  fi
  if ! command -v dpkg-query >/dev/null; then
    say "this is not Debian: not looking for packages; needed are $*"
    return
  fi
  for package; do
    is_installed "$package" || missing+=("$package")
  done
  if [ -z "${PG_CONFIG:-}" ] && [ "$pg_major" = 15 ] && is_installed "$server"; then
    installed=$(dpkg-query -W -f='${Version}' "$server")
    if dpkg --compare-versions "$installed" lt "$pg_wanted"; then
      if has_cluster; then
        say "PostgreSQL $installed is older than $pg_wanted, but the machine has a cluster: not upgrading"
      else
        outdated=("$server" "postgresql-client-$pg_major" "postgresql-server-dev-$pg_major" libpq5)
      fi
    fi
  fi
}

# announce GOAL WHAT...: prints what is going to change, before it does.
announce()
{
  local line goal=$1
  shift

  say "make $goal changes on this machine:"
  if [ ${#missing[@]} -gt 0 ]; then
    say "  installs from Debian: ${missing[*]}" | fold -s -w 98
  fi
  if [ ${#outdated[@]} -gt 0 ]; then
    say "  brings up to date (no cluster uses it): ${outdated[*]}" | fold -s -w 98
  fi
  if [ $((${#missing[@]} + ${#outdated[@]})) -gt 0 ]; then
    say "  writes, while packages are installed, $drop_in"
    say "    (create_main_cluster = false: Debian then creates and starts no server)"
  else
    say "  no package: everything needed is installed"
  fi
  for line; do
    say "  $line"
  done
  say "It leaves the installed PostgreSQL, its clusters and its servers as they are, and never uses TCP."
  say ""
}

install_packages()
{
  local sudo=() apt log

  [ $((${#missing[@]} + ${#outdated[@]})) -gt 0 ] || return 0
  if [ "$EUID" -ne 0 ]; then
    command -v sudo >/dev/null || die "neither root nor sudo; install: ${missing[*]} ${outdated[*]}"
    sudo=(sudo)
  fi
  apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
  log=$work/apt.log

  say "installing packages ..."
  "${sudo[@]}" mkdir -p "$(dirname "$drop_in")"
  say "create_main_cluster = false" | "${sudo[@]}" tee "$drop_in" >/dev/null
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends \
    "${missing[@]}" "${outdated[@]}"; } </dev/null >"$log" 2>&1; then
    "${sudo[@]}" rm -f "$drop_in"
    tail -n 40 "$log" >&2
    die "could not install packages"
  fi
  "${sudo[@]}" rm -f "$drop_in"
}

# make_work GOAL: the private folder; it goes away with the script.
make_work()
{
  work=$(mktemp -d "/tmp/taskcenter-$1.XXXXXX") || die "could not make a folder in /tmp"
  trap 'leave $?' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

# Servers refuse to run as root: root hands the private folder to postgres.
hand_over()
{
  if [ "$EUID" -eq 0 ]; then
    chown -R postgres: "$work"
  fi
}

as_user()
{
  if [ "$EUID" -eq 0 ]; then
    runuser -u postgres -- env HOME="$work" "$@"
  else
    HOME=$work "$@"
  fi
}

# The pg_config to build for.
find_pg_config()
{
  local config=${PG_CONFIG:-/usr/lib/postgresql/$pg_major/bin/pg_config}

  [ -n "${PG_CONFIG:-}" ] || [ -x "$config" ] || config=pg_config
  command -v "$config" >/dev/null || die "there is no $config"
  [ -f "$("$config" --pgxs)" ] || die "$config finds no PGXS: is the server's development package installed?"
  command -v "$config"
}

# Ends what still runs in the private folder, and removes it.
leave()
{
  local pid_file

  trap - EXIT INT TERM HUP
  if [ -n "$work" ] && [ -d "$work" ]; then
    cd /
    find "$work" -name postmaster.pid 2>/dev/null | while read -r pid_file; do
      as_user "$private_bin/pg_ctl" -D "$(dirname "$pid_file")" -m immediate -s stop >/dev/null 2>&1
    done
    rm -rf "$work"
  fi
  exit "$1"
}
