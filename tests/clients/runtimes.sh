#!/bin/sh
# The languages whose drivers `./dev clients` runs: what this machine lacks of them, and where they are.
#
#   runtimes.sh packages                          Debian packages of what is missing, one a line
#   runtimes.sh fetch CACHE NODE                  node's pg, from the lock file, into CACHE/pg; nothing when it is there
#   runtimes.sh run CACHE NODE PROGRAM [NAME…]    becomes PROGRAM, with the variables that name what was found
set -eu

here=$(cd "$(dirname "$0")" && pwd)
fail() {
    echo "runtimes.sh: $*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# A Python that has MODULE: Debian's, also where another one comes first on PATH.
python_with() {
    for python in python3 /usr/bin/python3; do
        if have "$python" && "$python" -c "import $1" 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

# The driver's jar, where Debian puts it.
jdbc() { ls /usr/share/java/postgresql.jar 2>/dev/null; }

# HikariCP with what it logs through, and the driver.
hikari() {
    jars=/usr/share/java
    for jar in postgresql HikariCP slf4j-api slf4j-nop; do
        [ -e "$jars/$jar.jar" ] || return 1
    done
    echo "$jars/postgresql.jar:$jars/HikariCP.jar:$jars/slf4j-api.jar:$jars/slf4j-nop.jar"
}

# A Python with Django and a driver that this Django takes.
python_with_django() { python_with 'django.db.backends.postgresql.base'; }

# A Java that can compile, 17 or newer: its compiler lies beside it.
java_kit() {
    have java || return 1
    compiler=$(dirname "$(command -v java)")/javac
    [ -x "$compiler" ] || return 1
    version=$("$compiler" -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 17 ] || return 1
    command -v java
}

packages() {
    python_with asyncpg >/dev/null || echo python3-asyncpg
    jdbc >/dev/null || echo libpostgresql-jdbc-java
    java_kit >/dev/null || echo default-jdk-headless
    hikari >/dev/null || printf '%s\n' libhikaricp-java libslf4j-java
    python_with_django >/dev/null || printf '%s\n' python3-django python3-psycopg2
}

fetch() {
    cache=$1 node=$2
    if cmp -s "$here/node/package-lock.json" "$cache/pg/package-lock.json" && [ -d "$cache/pg/node_modules/pg" ]; then
        return
    fi
    echo "setup: fetching node's pg, for ./dev clients, into .cache/pg" >&2
    rm -rf "$cache/pg"
    mkdir -p "$cache/pg"
    cp "$here/node/package.json" "$here/node/package-lock.json" "$cache/pg/"
    PATH="$(dirname "$node"):$PATH" npm ci --prefix "$cache/pg" --ignore-scripts --no-audit --no-fund --loglevel=error \
        >"$cache/npm.log" 2>&1 </dev/null || {
        tail -n 20 "$cache/npm.log" >&2
        rm -rf "$cache/pg"
        fail "npm could not fetch node's pg"
    }
}

run() {
    cache=$1
    export HOOP_NODE="$2"
    shift 2
    HOOP_PYTHON_PSYCOPG=$(python_with psycopg) || true
    HOOP_PYTHON_ASYNCPG=$(python_with asyncpg) || true
    HOOP_JDBC=$(jdbc) || true
    HOOP_JAVA=$(java_kit) || true
    HOOP_HIKARI=$(hikari) || true
    HOOP_PYTHON_DJANGO=$(python_with_django) || true
    HOOP_PG=
    [ ! -d "$cache/pg/node_modules/pg" ] || HOOP_PG=$cache/pg
    export HOOP_PYTHON_PSYCOPG HOOP_PYTHON_ASYNCPG HOOP_PYTHON_DJANGO HOOP_JDBC HOOP_HIKARI HOOP_JAVA HOOP_PG
    exec "$@"
}

case "${1:-}" in
packages) packages ;;
fetch) fetch "$2" "$3" ;;
run)
    shift
    run "$@"
    ;;
*) fail "usage: runtimes.sh packages | fetch CACHE NODE | run CACHE NODE PROGRAM [NAME…]" ;;
esac
