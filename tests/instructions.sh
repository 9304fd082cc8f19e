#!/bin/sh
# Holds the instructions of a few small fixed workloads (bench_instructions) against bench/baselines/instructions.txt: a
# workload that takes more than 3 % more than was kept fails. Counts do not depend on how busy the machine is. They do
# on the compiler and its options, so that only a build like the one whose counts were kept is compared.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
build=${L2O_BUILD_DIR:-build}
kept=bench/baselines/instructions.txt
program=$build/bench/bench_instructions
if [ ! -x "$program" ]; then
    echo "skipped: $program was not built (L2O_BENCH is off)"
    exit 77
fi
described=$("$program" --describe)
expected=$(sed -n 's/^build //p' "$kept")
if [ "$described" != "$expected" ]; then
    echo "skipped: not comparable: counts were kept for '$expected', this build is '$described'"
    exit 77
fi
if ! command -v valgrind >/dev/null 2>&1; then
    echo "skipped: valgrind is not installed; scripts/setup test installs it"
    exit 77
fi
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
sh bench/baselines/count.sh "$build" >"$counts" || exit 1
awk -v kept="$kept" '
    FILENAME == kept { if ($0 !~ /^(#|build )/) baseline[$1 " " $2] = $3; next }
    {
        key = $1 " " $2
        if (!(key in baseline)) {
            printf "workload %s: no count is kept for it; run: make baselines\n", key
            failed = 1
            next
        }
        percent = 100 * ($3 / baseline[key] - 1)
        printf "workload %-10s %14.0f instructions, %14.0f kept: %+.2f %%\n", key, $3, baseline[key], percent
        if (percent > 3) slower = slower " (" key ": " sprintf("%+.1f %%", percent) ")"
        if (percent < -3) faster = 1
    }
    END {
        if (faster) print "some workload takes less than was kept: to hold the gain, run: make baselines"
        if (slower != "") {
            print "more than 3 % more instructions than were kept in " kept ":" slower
            print "if that is meant, run `make baselines` and say in the commit why; otherwise find what costs them:"
            print "valgrind --tool=callgrind --toggle-collect=instructions_counted bench_instructions WORKLOAD KERNEL"
        }
        exit slower != "" || failed
    }' "$kept" "$counts"
