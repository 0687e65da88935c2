#!/bin/sh
# A PostgreSQL cluster of one's own in a folder, for tests and the demo. Nothing of the system is touched.
#
#   cluster.sh start DIR PORT   make and start it: Unix socket in DIR, TCP on 127.0.0.1:PORT by TLS only
#   cluster.sh stop DIR         stop it at once and delete DIR
#
# DIR is made, and must not exist. It then holds ca.pem (verify the server with it), log, and the socket.
# It takes 300 connections, or as many as HOOP_PG_CONNECTIONS says.
# Superuser `postgres`: only through the socket, whose folder is closed to others. Everybody else: TLS and SCRAM.
# CLUSTER_CONF and CLUSTER_HBA may hold lines to be added to postgresql.conf (they win) and pg_hba.conf (at its end).
# PostgreSQL refuses to run as root; there, everything runs as the user `postgres`.
set -eu

fail() {
    echo "cluster.sh: $*" >&2
    exit 1
}

# The newest server on this machine: Debian keeps it off PATH.
server_bin() {
    if [ -n "${PG_BIN:-}" ]; then
        echo "$PG_BIN"
        return
    fi
    # shellcheck disable=SC2012 # Debian's folders have plain names
    newest=$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -t/ -k5 -n | tail -n 1)
    if [ -n "$newest" ]; then
        dirname "$newest"
    elif command -v postgres >/dev/null 2>&1; then
        dirname "$(command -v postgres)"
    else
        fail "no PostgreSQL server found; run \`./dev setup\`, or name its programs' folder in PG_BIN"
    fi
}

as_server() {
    if [ "$(id -u)" = 0 ]; then
        # Not `su`: it wants a login shell, which `postgres` may not have.
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

# A certificate authority and a server certificate for localhost and 127.0.0.1, so that verify-full is real.
certificates() {
    quiet=$1/openssl.log
    # shellcheck disable=SC2015 # each step only after the one before it
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7 -subj "/CN=test authority" \
        -addext "basicConstraints=critical,CA:TRUE" -keyout "$1/ca.key" -out "$1/ca.pem" 2>"$quiet" &&
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
            -keyout "$1/server.key" -out "$1/server.csr" 2>>"$quiet" &&
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >"$1/server.ext" &&
        openssl x509 -req -in "$1/server.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -set_serial 1 -days 7 \
            -sha256 -extfile "$1/server.ext" -out "$1/server.crt" 2>>"$quiet" || {
        cat "$quiet" >&2
        fail "openssl could not make the certificates"
    }
    rm -f "$1/ca.key" "$1/server.csr" "$1/server.ext" "$quiet"
    chmod 600 "$1/server.key"
}

start() {
    dir=$1 port=$2 bin=$(server_bin)
    [ ! -e "$dir" ] || fail "\`$dir\` is there already"
    mkdir -m 700 "$dir"
    certificates "$dir"
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres "$dir"
    fi
    cd "$dir" # `postgres` may not be able to read where we came from
    as_server "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >"$dir/initdb.log" 2>&1 || {
        cat "$dir/initdb.log" >&2
        fail "initdb failed"
    }
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
unix_socket_permissions = 0700
ssl = on
ssl_cert_file = '$dir/server.crt'
ssl_key_file = '$dir/server.key'
password_encryption = 'scram-sha-256'
max_connections = ${HOOP_PG_CONNECTIONS:-300}
# The gateway promises to judge a chain of 5,000 additions; the default of 2 MB would refuse it here.
max_stack_depth = 6MB
# What is kept here is thrown away: no need to wait for the disk.
fsync = off
synchronous_commit = off
full_page_writes = off
${CLUSTER_CONF:-}
CONF
    cat >"$dir/data/pg_hba.conf" <<HBA
local   all all              trust
hostssl all all 127.0.0.1/32 scram-sha-256
${CLUSTER_HBA:-}
HBA
    as_server "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 -s start || {
        tail -n 20 "$dir/log" >&2
        fail "PostgreSQL did not start"
    }
}

stop() {
    dir=$1
    [ -d "$dir/data" ] || fail "\`$dir\` is not a cluster"
    as_server "$(server_bin)/pg_ctl" -D "$dir/data" -m immediate -w -t 60 -s stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}

case "${1:-} $#" in
"start 3") start "$2" "$3" ;;
"stop 2") stop "$2" ;;
*) fail "usage: cluster.sh start DIR PORT | stop DIR" ;;
esac
