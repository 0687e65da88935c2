#!/bin/sh
# Runs the fuzz targets under libFuzzer; called by `./dev fuzz`, which has installed cargo-fuzz.
#
#   fuzz.sh [--seconds N] [TARGET…]     all targets, N seconds in all (default 60), shared out over the cores
#
# What is learned stays in .cache/fuzz/TARGET and is used by the next campaign; what fails goes to fuzz-artifacts/.
# One line a target on stdout, the last line is `findings N`; exit code 1 when there are any.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
learned=$root/.cache/fuzz
artifacts=$root/fuzz-artifacts
target_dir=${CARGO_TARGET_DIR:-$root/target}
say() { printf '%s\n' "$*" >&2; }
fail() {
    say "fuzz: $*"
    exit 2
}

known=$(cd "$root/tests/fuzz/fuzz_targets" && for file in *.rs; do echo "${file%.rs}"; done)
seconds=60
targets=
while [ $# -gt 0 ]; do
    case $1 in
    --seconds)
        seconds=${2:-}
        case $seconds in '' | 0 | *[!0-9]*) fail "\`--seconds\` takes a number of seconds, at least 1" ;; esac
        shift
        ;;
    -*) fail "unknown option \`$1\`; there is: --seconds N" ;;
    *)
        echo "$known" | grep -qx -- "$1" || fail "unknown target \`$1\`; there are: $(echo "$known" | tr '\n' ' ')"
        targets="$targets $1"
        ;;
    esac
    shift
done
[ -n "$targets" ] || targets=$known

# Whole-program optimisation would double the time of building and finds nothing more.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
triple=$(rustc -vV | sed -n 's/^host: //p')
bin=$target_dir/$triple/release
say "building the fuzz targets with coverage instrumentation (the first time takes some minutes)"
(cd "$root" && cargo fuzz build --fuzz-dir tests/fuzz --features libfuzzer --sanitizer none) >&2

# What libFuzzer calls a target is a process of ours: on Ctrl-C it ends with us.
work=$(mktemp -d /dev/shm/hoop-fuzz.XXXXXX 2>/dev/null || mktemp -d)
clean() {
    trap - EXIT INT TERM
    for pid in "$work"/*.pid; do
        [ ! -e "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || :
    done
    rm -rf "$work"
}
trap clean EXIT
trap 'clean; exit 130' INT TERM

# The conversation has by far the most states, so it gets four shares. Prints `worker target seconds`, the longest
# first, each to the worker with the least to do.
share_out() {
    for target in $targets; do
        case $target in conversation) echo "4 $target" ;; *) echo "1 $target" ;; esac
    done | sort -k1,1nr -k2 | awk -v seconds="$seconds" -v workers="$workers" '
        { share[NR] = $1; name[NR] = $2; all += $1 }
        END {
            for (i = 1; i <= NR; i++) {
                time = share[i] * seconds * workers / all
                if (time > seconds) time = seconds
                least = 1
                for (w = 2; w <= workers; w++) if (load[w] + 0 < load[least] + 0) least = w
                load[least] += time
                printf "%d %s %d\n", least, name[i], (time < 1 ? 1 : time)
            }
        }'
}

# Runs one target; one line of what came of it. The first folder is where new inputs go.
run_one() {
    target=$1
    mkdir -p "$learned/$target" "$artifacts" "$work/$target.tmp"
    log=$work/$target.log
    TMPDIR=$work/$target.tmp "$bin/$target" -max_total_time="$2" -timeout=120 -rss_limit_mb=4096 -max_len=4096 \
        -print_final_stats=1 -verbosity=1 -artifact_prefix="$artifacts/$target-" \
        "$learned/$target" "$root/tests/fuzz/corpus/$target" >"$log" 2>&1 </dev/null &
    echo $! >"$work/$target.pid"
    code=0
    wait $! || code=$?
    rm -f "$work/$target.pid"
    rm -rf "$work/$target.tmp"
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    new=$(sed -n 's/^stat::new_units_added: *//p' "$log" | tail -n 1)
    first=$(sed -n 's/.*INITED.* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
    last=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
    found=$(sed -n 's/.*Test unit written to \(.*\)$/\1/p' "$log" | tail -n 1)
    line=$(printf '%-16s %9s runs in %4ss  cov %s -> %s  +%s inputs' "$target" "${runs:-?}" "$2" "${first:-?}" "${last:-?}" "${new:-?}")
    if [ "$code" = 0 ]; then
        echo "$line"
    else
        echo "$line  FOUND"
        echo "$target" >>"$work/findings"
        tail -n 40 "$log" >&2
        echo "  input:  ${found:-none, exit code $code}"
        [ -z "$found" ] || echo "  replay: $bin/$target $found"
    fi
}

workers=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
share_out >"$work/shares"
pids=
for worker in $(cut -d ' ' -f 1 "$work/shares" | sort -u); do
    (
        trap - EXIT INT TERM
        grep "^$worker " "$work/shares" | while read -r _ target time; do run_one "$target" "$time"; done
    ) &
    pids="$pids $!"
done
for pid in $pids; do wait "$pid" || :; done
findings=0
[ ! -e "$work/findings" ] || findings=$(wc -l <"$work/findings" | tr -d ' ')
echo "findings $findings"
[ "$findings" = 0 ]
