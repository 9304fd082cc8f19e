#!/bin/sh
# The reference workloads (see workload.h) on this library, beside PyTorch and beside what the machine can do at best:
# the same inputs for all, numbers compared first, then processes that take turns. Prints one table; everything measured
# is in build/bench.json. docs/benchmarks.md explains both.
#
#   bench/run.sh [--quick]           --quick: one short turn of each program, for a first impression in two minutes
#
#   L2O_BENCH_ROUNDS=5               turns of each program
#   L2O_BENCH_WORKLOADS="a b c d e"  which workloads
#   L2O_BENCH_BUILD=build            where the programs were built
#   L2O_BENCH_CPU=                   processors for one-thread runs, as taskset takes them; not pinned when empty
#   L2O_BENCH_PYTHON=                the interpreter that has torch and numpy
set -eu
cd "$(dirname "$0")/.."
# They would slow or sway the matrix products of both sides.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
rounds=${L2O_BENCH_ROUNDS:-5}
shorter=1
case ${1:-} in
"") ;;
--quick)
    rounds=${L2O_BENCH_ROUNDS:-1}
    shorter=3
    ;;
*)
    echo "bench: the only option is --quick; the environment sets the rest, see the head of bench/run.sh" >&2
    exit 2
    ;;
esac
workloads=${L2O_BENCH_WORKLOADS:-a b c d e}
build=${L2O_BENCH_BUILD:-build}
cpu=${L2O_BENCH_CPU:-}
report=$build/bench/bench_report
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pinned() {
    if [ -n "$cpu" ] && command -v taskset >/dev/null; then taskset -c "$cpu" "$@"; else "$@"; fi
}

inputs() { # inputs WORKLOAD: the flags that name its files
    case $1 in
    a | d) echo "--weights $work/weights.npy --problem $work/problem.npz" ;;
    b | c) echo "--weights $work/weights.npy --problems $work/problems.npz" ;;
    e) echo "--weights $work/weights.npy --vector $work/vector.npz" ;;
    esac
}

repeats() { # repeats WORKLOAD: about a second and a half of each
    case $1 in
    a) count=61 ;;
    b) count=15 ;;
    c) count=9 ;;
    *) count=7 ;;
    esac
    echo $(((count + shorter - 1) / shorter))
}

ours() { # ours THREADS WORKLOAD FLAGS...
    threads=$1 kind=$2
    shift 2
    [ "$threads" = 1 ] && pin=pinned || pin=
    # shellcheck disable=SC2046
    $pin "$build/bench/bench_reference" --threads "$threads" --workload "$kind" $(inputs "$kind") "$@"
}

# The forms of PyTorch: by hand without autograd (which has no exact MAML), and autograd's fastest and plainest.
forms() { # forms WORKLOAD
    if [ "$1" = c ]; then echo folded plain; else echo manual folded plain; fi
}

peer() { # peer FORM WORKLOAD FLAGS...
    form=$1 kind=$2
    shift 2
    # shellcheck disable=SC2046
    case $form in
    manual) pinned "$python" bench/peers/pytorch_manual.py --workload "$kind" $(inputs "$kind") "$@" ;;
    *) pinned "$python" bench/peers/pytorch_eager.py --form "$form" --workload "$kind" $(inputs "$kind") "$@" ;;
    esac
}

. bench/python.sh
two=
[ "$(getconf _NPROCESSORS_ONLN)" -lt 2 ] || two=2

"$build/bench/bench_reference" --prepare "$work"
for kind in $workloads; do
    ours 1 "$kind" --repeat 1 --warm-up 0 --numbers "$work/ours.npz" --out "$work/first.json"
    if [ -n "$two" ]; then
        ours 2 "$kind" --repeat 1 --warm-up 0 --numbers "$work/two.npz" --out "$work/first.json"
        cmp "$work/ours.npz" "$work/two.npz" || {
            echo "bench: workload $kind gives other bits on two threads than on one" >&2
            exit 1
        }
    fi
    for form in ${python:+$(forms "$kind")}; do
        peer "$form" "$kind" --repeat 1 --warm-up 0 --numbers "$work/peer.npz" --out "$work/first.json"
        echo "workload $kind against PyTorch ($form):"
        "$report" --compare "$work/ours.npz" "$work/peer.npz" || {
            echo "bench: the programs do not compute the same numbers, so their times are not compared" >&2
            exit 1
        }
    done
done

round=1
while [ "$round" -le "$rounds" ]; do
    echo "round $round of $rounds"
    for threads in 1 $two; do
        "$build/bench/bench_limits" --threads "$threads" --out "$work/run-limits-$threads-$round.json"
    done
    for kind in $workloads; do
        repeat=$(repeats "$kind")
        for threads in 1 $two; do
            ours "$threads" "$kind" --repeat "$repeat" --out "$work/run-$kind-$threads-$round.json"
        done
        for form in ${python:+$(forms "$kind")}; do
            peer "$form" "$kind" --repeat "$repeat" --warm-up 2 --out "$work/run-$kind-$form-$round.json"
        done
    done
    round=$((round + 1))
done
"$report" --table "$build/bench.json" "$work"/run-*.json
echo "all samples: $build/bench.json"
