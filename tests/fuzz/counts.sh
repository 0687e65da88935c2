#!/bin/sh
# Instructions in user space of one statement through the real relay, judge, gate and ledger, counted by callgrind: the
# same on a noisy machine and on a quiet one. Called by `./dev counts`, which has built the program.
#
#   counts.sh PROGRAM [--write]      compares with counts.txt, or writes it
#
# SHA-256 is left out: callgrind's processor has no instructions for it, and counts what no real one runs. One line a kind
# of statement; the last one is `grown N`, of those that cost over 3 % more than written; exit code 1 when there are any.
# The counts belong to a compiler: another one writes them anew, in a commit of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
program=$1
written=$here/counts.txt
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The instructions of each thread, in the order in which they were started: one line a thread, number and count.
instructions() {
    valgrind --tool=callgrind --separate-threads=yes --callgrind-out-file="$out/run" --max-stackframe=300000000 \
        "$program" "$1" "$2" >"$out/log" 2>&1 || {
        cat "$out/log" >&2
        exit 2
    }
    for file in "$out"/run-*; do
        # It warns about a thread in which it counted nothing.
        callgrind_annotate --threshold=100 --auto=no "$file" 2>/dev/null | awk -v thread="${file##*-}" '
            { gsub(/,/, "", $1) }
            /PROGRAM TOTALS/ { total = $1 }
            /sha2::/ && /:/ { sha += $1 }
            END { print thread, total - sha }'
    done | sort
    rm -f "$out"/run*
}

grown=0
: >"$out/counts"
for mode in simple extended prepared; do
    instructions "$mode" 1000 >"$out/few"
    least=
    # How often a thread is woken differs from run to run: the run with the least of it counts.
    for _ in 1 2 3; do
        instructions "$mode" 11000 >"$out/many"
        # The thread with the most to do for more statements is the connection's: the others start, sign and sync.
        each=$(join "$out/few" "$out/many" | awk '{ more = $3 - $2; if (more > most) most = more } END { printf "%d", most / 10000 }')
        [ -n "$least" ] && [ "$least" -le "$each" ] || least=$each
    done
    count=$least
    before=$(sed -n "s/^$mode //p" "$written" 2>/dev/null || true)
    echo "$mode $count" >>"$out/counts"
    echo "$mode $count ${before:-0}" | awk '{ if ($3) printf "count %s %d instructions, %+.1f %% of %d\n", $1, $2, ($2 - $3) * 100 / $3, $3; else printf "count %s %d instructions\n", $1, $2 }'
    [ -z "$before" ] || [ $((count * 100)) -le $((before * 103)) ] || grown=$((grown + 1))
done
if [ "${2:-}" = --write ]; then
    cp "$out/counts" "$written"
    exit 0
fi
echo "grown $grown"
[ "$grown" = 0 ]
