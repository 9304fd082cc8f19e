#!/bin/sh
# The model of scale, held against this machine: prints the tables of docs/scaling.md; all of it is in
# build/scaling.json. A few minutes, on a machine that does nothing else. Without MPI the rows of ranks are missing.
#
#   L2O_BENCH_RANKS="2 4 8"    numbers of ranks
#   L2O_BENCH_MPIRUN=mpirun    the launcher; with options, as "mpirun --oversubscribe"
#   L2O_BENCH_BLOCKS=20        how often each time is taken
#   L2O_BENCH_BUILD=build      where the programs were built
#   L2O_BENCH_OUT=build/scaling.json
set -eu
cd "$(dirname "$0")/.."
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
build=${L2O_BENCH_BUILD:-build}
launcher=${L2O_BENCH_MPIRUN:-mpirun}
blocks=${L2O_BENCH_BLOCKS:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
set --
if [ -e "$build/l2o_mpi.so" ] && command -v "${launcher%% *}" >/dev/null 2>&1; then
    for workload in a b c; do
        for ranks in ${L2O_BENCH_RANKS:-2 4 8}; do
            # shellcheck disable=SC2086
            $launcher -n "$ranks" "$build/bench/bench_scaling" --ranks "$work/$workload-$ranks.json" \
                --workload $workload --blocks "$blocks"
            set -- "$@" "$work/$workload-$ranks.json"
        done
    done
else
    echo "ranks: skipped, as this build has no MPI, or there is no $launcher" >&2
fi
"$build/bench/bench_scaling" --out "${L2O_BENCH_OUT:-$build/scaling.json}" --blocks "$blocks" "$@"
