#!/usr/bin/env bash
# Records the corpora that come from real clients: runs each recording script against a throw-away PostgreSQL and makes
# rows of the server's log.
#
#   SETUP=path/to/setup.sh tests/leak/orm/record.sh [OUT_DIR]
#
# SETUP makes the databases app_a and app_b with the role dev (PG* variables name a superuser). Needs PostgreSQL 15's
# binaries (PG_BIN), Python 3 with venv, and for the others what they name: java with postgresql.jar, ruby with
# activerecord and pg, node with npm; PGADMIN_DIR is the folder pgadmin4/pgadmin of pgAdmin's unpacked wheel. What is missing is left out, with its corpus as it was. Run as root, the server runs
# as postgres. OUT_DIR is tests/leak by default.
#
# Recorded rows hold identifiers of the catalogue by name where these scripts know them. Answers to others (a type's or
# function's oid) differ between clusters, not between two connections to one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$(dirname "$here")}
bin=${PG_BIN:-/usr/lib/postgresql/15/bin}
jar=${PGJDBC_JAR:-/usr/share/java/postgresql.jar}
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_server() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/bash -c "$(printf '%q ' "$@")"; else "$@"; fi; }
stop() { as_server "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$work"; }
trap stop EXIT

chmod 755 "$work"; mkdir "$work/data" "$work/log" "$work/kept"
if [ "$(id -u)" = 0 ]; then chown postgres "$work/data" "$work/log"; fi
as_server "$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
cat >>"$work/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
fsync = off
log_statement = 'all'
logging_collector = on
log_destination = 'jsonlog'
log_directory = '$work/log'
log_filename = 'server.log'
log_rotation_age = 0
log_rotation_size = 0
CONF
as_server "$bin/pg_ctl" -D "$work/data" -l "$work/log/start" -w start >/dev/null
export PGHOST=127.0.0.1 PGPORT=$port PGUSER=postgres
bash "${SETUP:?names the script that makes the databases}"
psql -X -q -At -F $'\t' -d app_a -o "$work/oids" -c "
  SELECT c.oid, format('%L::regclass', c.oid::regclass) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname IN ('public', 'keep') AND relkind IN ('r', 'v', 'i', 'S')
  UNION ALL SELECT oid, format('%L::regprocedure', oid::regprocedure) FROM pg_proc WHERE proname = 'card_ref'"

export DAY_DSN="host=127.0.0.1 port=$port dbname=app_a user=dev password=dev"
record() { # name command...: the log of one script
  local name=$1; shift
  : >"$work/log/server.json"
  "$@" || { echo "$name could not be recorded" >&2; return 1; }
  sleep 0.3
  cp "$work/log/server.json" "$work/kept/$name"
}
rows() { # corpus prefix=log...
  local corpus=$1; shift
  python3 "$here/log_to_rows.py" "$out/$corpus.tsv" "$@" --write-back "$work/$corpus.back" --oids "$work/oids"
  tail -n +2 "$work/$corpus.back" >>"$work/back"
}
: >"$work/back"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'django~=5.2' 'sqlalchemy~=2.1' greenlet psycopg2-binary 'psycopg[binary]' asyncpg
for mode in client server; do record django_$mode "$work/venv/bin/python" "$here/django_day.py" $mode; done
rows benign_django django="$work/kept/django_client" django_server="$work/kept/django_server"
for driver in psycopg2 psycopg asyncpg; do record sa_$driver "$work/venv/bin/python" "$here/sqlalchemy_day.py" $driver; done
rows benign_sqlalchemy sqlalchemy="$work/kept/sa_psycopg2" sqlalchemy_psycopg="$work/kept/sa_psycopg" sqlalchemy_asyncpg="$work/kept/sa_asyncpg"

PGDATABASE=app_a PGUSER=dev record psql bash "$here/psql_day.sh"
catalogue=(psql="$work/kept/psql")
if command -v java >/dev/null && [ -e "$jar" ]; then
  record jdbc java -cp "$jar" "$here/Metadata.java" 127.0.0.1 "$port" app_a dev dev
  catalogue+=(jdbc="$work/kept/jdbc")
fi
rows benign_catalogue "${catalogue[@]}"
if [ -n "${PGADMIN_DIR:-}" ]; then
  "$work/venv/bin/pip" install -q jinja2 pgcli
  record pgadmin "$work/venv/bin/python" "$here/pgadmin_day.py" "$PGADMIN_DIR"
  rows benign_pgadmin tool="$work/kept/pgadmin"
fi
if command -v ruby >/dev/null && ruby -e 'require "active_record"; require "pg"' 2>/dev/null; then
  record rails ruby "$here/rails_day.rb"
  rows benign_rails rails="$work/kept/rails"
fi
if command -v npm >/dev/null; then
  mkdir "$work/node" && cd "$work/node" && npm init -y >/dev/null
  npm install --silent --no-fund pg sequelize@6 typeorm@1 knex@3 reflect-metadata
  record node node "$here/node_day.mjs"
  rows benign_node node="$work/kept/node"
fi
# The hand-written write-backs stay; the recorded ones are made anew.
{ grep -vE '^(django|sqlalchemy|rails|node|psql|jdbc)_' "$out/write_back.tsv" 2>/dev/null || printf 'name\tsql\texpect\n'; cat "$work/back"; } >"$work/all"
cp "$work/all" "$out/write_back.tsv"
wc -l "$out"/*.tsv
