#!/bin/sh
# Time against size: in the batch, the dimension, the unroll, the network's width, the number of tasks, and threads.
# Prints each sweep; all of it is in build/sweep.json, and as a figure in build/sweep.svg.
#
#   L2O_BENCH_SECONDS=0.5      time spent on each size
#   L2O_BENCH_BUILD=build      where the programs were built
set -eu
cd "$(dirname "$0")/.."
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
build=${L2O_BENCH_BUILD:-build}
"$build/bench/bench_sweep" --seconds "${L2O_BENCH_SECONDS:-0.5}" --out "$build/sweep.json" --svg "$build/sweep.svg"
echo "all of it: $build/sweep.json; as a figure: $build/sweep.svg"
