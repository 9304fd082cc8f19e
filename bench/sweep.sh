#!/bin/sh
# Time against size: in the batch, the dimension, the unroll, the network's width, the number of tasks, and threads.
# Prints each sweep; all of it is in build/sweep.json, and as a figure in build/sweep.svg.
#
# Where the build has MPI, also workloads a and c on several numbers of ranks: build/sweep-ranks.json. More ranks than
# processors show what sharing costs, and no more.
#
#   L2O_BENCH_RANKS="1 2 4 8"  numbers of ranks
#   L2O_BENCH_MPIRUN=mpirun    the launcher
#   L2O_BENCH_SECONDS=0.5      time spent on each size
#   L2O_BENCH_BUILD=build      where the programs were built
set -eu
cd "$(dirname "$0")/.."
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
build=${L2O_BENCH_BUILD:-build}
"$build/bench/bench_sweep" --seconds "${L2O_BENCH_SECONDS:-0.5}" --out "$build/sweep.json" --svg "$build/sweep.svg"
echo "all of it: $build/sweep.json; as a figure: $build/sweep.svg"

launcher=${L2O_BENCH_MPIRUN:-mpirun}
if [ ! -e "$build/l2o_mpi.so" ] || ! command -v "$launcher" >/dev/null 2>&1; then
    echo "ranks: skipped, as this build has no MPI, or there is no $launcher"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/bench/bench_reference" --prepare "$work"
set --
for workload in a c; do
    case $workload in
    a) inputs="--problem $work/problem.npz" ;;
    c) inputs="--problems $work/problems.npz" ;;
    esac
    for ranks in ${L2O_BENCH_RANKS:-1 2 4 8}; do
        # shellcheck disable=SC2086
        "$launcher" -n "$ranks" "$build/bench/bench_reference" --workload $workload --weights "$work/weights.npy" \
            $inputs --repeat 15 --out "$work/$workload-$ranks.json"
        set -- "$@" "$work/$workload-$ranks.json"
    done
done
"$build/bench/bench_report" --ranks "$build/sweep-ranks.json" "$@"
