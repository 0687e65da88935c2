#!/bin/sh
# Fetches the SQL files of PostgreSQL's own regression suite into CACHE/regress/VERSION, by Debian's source package of the
# major that is installed here. `./dev` calls it: regress.sh fetch CACHE.
#
# apt-get works on a copy of this machine's own lists of sources, turned from binaries to sources, in folders below the
# cache: nothing outside it changes. It checks the signature of the index and, by that, the archive.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
say() { printf '%s\n' "$*" >&2; }

[ "${1:-}" = fetch ] && [ $# -eq 2 ] || { say "usage: regress.sh fetch CACHE"; exit 2; }
dir=$2/regress
mkdir -p "$dir"
log=$dir/apt.log

major() {
    for bin in /usr/lib/postgresql/*/bin/postgres; do
        [ ! -x "$bin" ] || echo "$bin" | sed 's|.*/postgresql/\([0-9]*\)/.*|\1|'
    done | sort -n | tail -n 1
}

# Archives are checked by their hashes; the sandbox's own user may not be able to reach this folder.
apt() {
    tool=$1
    shift
    "$tool" -q -o "Dir::Etc::sourcelist=$dir/apt/none" -o "Dir::Etc::sourceparts=$dir/apt/sources" \
        -o "Dir::State::lists=$dir/apt/lists" -o "Dir::Cache=$dir/apt/cache" -o APT::Sandbox::User=root "$@"
}

# This machine's own sources as sources of sources. Those that have none, as third parties' often, are passed over later.
sources() {
    rm -rf "$dir/apt"
    mkdir -p "$dir/apt/sources" "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -r "$list" ] || sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$list" >"$dir/apt/sources/$(basename "$list" .list).list"
    done
    for list in /etc/apt/sources.list.d/*.sources; do
        [ ! -r "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"$dir/apt/sources/$(basename "$list")"
    done
}

# The pinned version first, so that its snapshot counts; then whatever there is, newest first.
versions() {
    offered=$(apt apt-cache showsrc "$package" 2>/dev/null | sed -n 's/^Version: //p' | sort -rV | uniq)
    pinned=$(sed -n 's/^\([0-9][0-9.]*\) .*/\1/p' "$here/it/regress.pin")
    for version in $pinned; do
        echo "$offered" | grep -e "^$version-" || true
    done
    echo "$offered"
}

major=$(major)
[ -n "$major" ] || { say "regress: no PostgreSQL server of Debian's is installed, so no major to fetch the sources of"; exit 1; }
command -v apt-get >/dev/null 2>&1 || { say "regress: this is no Debian; no source package to fetch"; exit 1; }
package=postgresql-$major
for have in "$dir/$major".*; do
    [ ! -e "$have/.complete" ] || exit 0
done

say "setup: fetching the SQL files of PostgreSQL's regression suite into .cache/regress"
sources
apt apt-get update >"$log" 2>&1 </dev/null || true
for version in $(versions); do
    plain=${version%%-*}
    work=$dir/apt/work
    rm -rf "$work"
    mkdir -p "$work"
    (cd "$work" && apt apt-get source --download-only --tar-only "$package=$version") >>"$log" 2>&1 </dev/null || continue
    rm -rf "$dir/$plain"
    mkdir -p "$dir/$plain"
    tar -xf "$work"/*.orig.tar.* -C "$dir/$plain" --wildcards '*/src/test/regress/sql/*.sql' --strip-components=5 \
        >>"$log" 2>&1 || continue
    : >"$dir/$plain/.complete"
    rm -rf "$dir/apt"
    exit 0
done
tail -n 5 "$log" >&2
say "regress: the sources of \`$package\` cannot be fetched; the whole of it is in .cache/regress/apt.log"
exit 1
