#!/bin/sh
# The reference workloads (see bench_reference.c) on this library and on eager PyTorch: the same weights and problem,
# numbers compared first, then processes that take turns. Prints one table; everything measured is in build/bench.json.
#
#   L2O_BENCH_ROUNDS=3     turns of each program
#   L2O_BENCH_BUILD=build  where the programs were built
#   L2O_BENCH_CPU=         processors for one-thread runs, as taskset takes them; not pinned when empty
set -eu
cd "$(dirname "$0")/.."
# They would slow or sway the matrix products of both sides.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
build=${L2O_BENCH_BUILD:-build}
rounds=${L2O_BENCH_ROUNDS:-3}
cpu=${L2O_BENCH_CPU:-}
ours=$build/bench/bench_reference
report=$build/bench/bench_report
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
inputs="--weights $work/weights.npy --problem $work/problem.npz"

pinned() {
    if [ -n "$cpu" ] && command -v taskset >/dev/null; then taskset -c "$cpu" "$@"; else "$@"; fi
}

python=
for candidate in ${L2O_BENCH_PYTHON:-python3 /usr/bin/python3}; do
    if "$candidate" -c 'import torch, numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done

$ours --prepare "$work/weights.npy" "$work/problem.npz"
for workload in a d; do
    $ours --workload $workload $inputs --repeat 1 --warm-up 0 --numbers "$work/$workload.npz" --out "$work/first.json"
done
if [ -n "$python" ]; then
    for form in folded plain; do
        $python bench/peers/pytorch_eager.py --form $form $inputs --repeat 1 --warm-up 0 --steps 1000 \
            --numbers "$work/$form.npz" --out "$work/first.json"
        for workload in a d; do
            echo "workload $workload against PyTorch ($form):"
            "$report" --compare "$work/$workload.npz" "$work/$form.npz" || {
                echo "bench: the programs do not compute the same numbers, so their times are not compared" >&2
                exit 1
            }
        done
    done
else
    echo "bench: no Python with torch and numpy (python3-torch, python3-numpy); only this library is timed" >&2
fi

round=1
while [ "$round" -le "$rounds" ]; do
    echo "round $round of $rounds"
    for threads in 1 2; do
        pin=pinned
        [ $threads = 1 ] || pin=
        $pin $ours --workload a $inputs --threads $threads --repeat 41 --warm-up 5 --out "$work/run-a-$threads-$round.json"
        $pin $ours --workload d $inputs --threads $threads --repeat 21 --warm-up 1 --out "$work/run-d-$threads-$round.json"
    done
    if [ -n "$python" ]; then
        pinned $python bench/peers/pytorch_eager.py --form folded --workload a $inputs --repeat 41 \
            --out "$work/run-a-folded-$round.json"
        pinned $python bench/peers/pytorch_eager.py --form folded --workload d $inputs --repeat 10 \
            --out "$work/run-d-folded-$round.json"
        pinned $python bench/peers/pytorch_eager.py --form plain --workload a $inputs --repeat 31 \
            --out "$work/run-a-plain-$round.json"
        pinned $python bench/peers/pytorch_eager.py --form plain --workload d $inputs --repeat 7 \
            --out "$work/run-d-plain-$round.json"
    fi
    round=$((round + 1))
done
"$report" --table "$build/bench.json" "$work"/run-*.json
echo "all samples: $build/bench.json"
