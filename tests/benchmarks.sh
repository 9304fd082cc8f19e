#!/bin/sh
# The benchmarks' own programs: inputs drawn, each workload run from them, its numbers the same on the best kernel path
# and on the portable one, and a table of the runs that names every workload, with its limit.
set -eu
cd "${L2O_SOURCE_DIR:-.}"
programs=${L2O_BUILD_DIR:-build}/bench
if [ ! -x "$programs/bench_reference" ]; then
    echo "skipped: the benchmarks were not built (L2O_BENCH is off)"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$programs/bench_reference" --prepare "$work"
for workload in a b c d e; do
    case $workload in
    a | d) inputs="--problem $work/problem.npz" ;;
    b | c) inputs="--problems $work/problems.npz" ;;
    e) inputs="--vector $work/vector.npz" ;;
    esac
    for kernel in auto portable; do
        # shellcheck disable=SC2086
        "$programs/bench_reference" --workload $workload --weights "$work/weights.npy" $inputs --kernel $kernel \
            --repeat 1 --warm-up 0 --numbers "$work/$kernel.npz" --out "$work/run-$workload-$kernel.json"
    done
    "$programs/bench_report" --compare "$work/auto.npz" "$work/portable.npz"
done
"$programs/bench_limits" --out "$work/run-limits.json"
"$programs/bench_report" --table "$work/bench.json" "$work"/run-*.json | tee "$work/table"
for workload in "a  plain step" "b  first-order MAML" "c  exact MAML" "d  1000 steps" "e  10^6 coordinates"; do
    grep -q "^$workload.*x" "$work/table" || {
        echo "the table lacks '$workload' or its limit"
        exit 1
    }
done

# A sweep has a line for each size, and its JSON and figure hold them.
"$programs/bench_sweep" --only tasks --seconds 0 --out "$work/sweep.json" --svg "$work/sweep.svg" >"$work/sweep"
[ "$(grep -c 'x the limit$' "$work/sweep")" = 6 ] && [ "$(grep -c '"limit_ms"' "$work/sweep.json")" = 6 ] &&
    grep -q '<polyline\|<path' "$work/sweep.svg" || {
    echo "a sweep lacks sizes, or its figure"
    exit 1
}

# A wide network trains and runs, and says how it compares.
"$programs/bench_lista" --threads 2 --repeat 1 --signals 70 --inputs "$work/lista.npz" --out "$work/lista.json"
for entry in gradient_norm density training inference gigaflops_of_dense_products; do
    grep -q "\"$entry\"" "$work/lista.json" || {
        echo "what bench_lista measured lacks '$entry'"
        exit 1
    }
done

# The model of scale has its rows: measured here, on two ranks where there is MPI, and predicted.
launcher=mpirun
mpirun --version 2>/dev/null | grep -q HYDRA || launcher=none
HYDRA_LAUNCHER=fork L2O_BENCH_BLOCKS=1 L2O_BENCH_RANKS=2 L2O_BENCH_MPIRUN=$launcher L2O_BENCH_OUT="$work/scaling.json" \
    L2O_BENCH_BUILD="${L2O_BUILD_DIR:-build}" sh bench/scaling.sh >"$work/scaling"
for row in "| c | 1 × 2 |.* ms | [0-9]*\.[0-9]*" "| c | 16384 | 768 | 16 × 64 |.* [0-9.]*×"; do
    grep -q "^$row |$" "$work/scaling" || {
        echo "the model of scale lacks a measured or a predicted row"
        exit 1
    }
done

# A number that differs, and files that share none, are told apart from agreement.
"$programs/bench_report" --compare "$work/auto.npz" "$work/problem.npz" 2>/dev/null && {
    echo "files without a number in common counted as agreeing"
    exit 1
}
sed 's/"form": "l2o"/"form": "folded"/' "$work/run-a-auto.json" >"$work/peer.json"
"$programs/bench_report" --table "$work/bench.json" "$work"/run-a-auto.json "$work/peer.json" >"$work/table"
grep -q "^a  plain step.* 1\.00x" "$work/table" || {
    echo "a peer as fast as l2o does not show a ratio of 1.00"
    exit 1
}
