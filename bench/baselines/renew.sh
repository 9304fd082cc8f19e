#!/bin/sh
# Counts the instructions of the small workloads anew and keeps the counts in instructions.txt: after a change that is
# meant to alter them. The commit says why they went up or down.
set -eu
cd "$(dirname "$0")/../.."
build=${L2O_BENCH_BUILD:-build}
kept=bench/baselines/instructions.txt
counts=$(sh bench/baselines/count.sh "$build")
{
    echo "# Instructions of the small workloads of bench_instructions, counted by callgrind; see tests/instructions.sh."
    echo "# Renewed by: make baselines"
    echo "build $("$build/bench/bench_instructions" --describe)"
    echo "$counts"
} >"$kept"
cat "$kept"
