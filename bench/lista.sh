#!/bin/sh
# Training and inference of a wide unrolled optimizer (bench_lista.c) beside PyTorch and beside the matrix library's own
# rate, programs taking turns. One JSON file for each run in build/lista/, and a table of the least wall-clock times.
#
#   bench/lista.sh
#
#   L2O_BENCH_ROUNDS=5     turns of each program
#   L2O_BENCH_THREADS=2    threads of each
#   L2O_BENCH_BUILD=build  where the programs were built
#   L2O_BENCH_PYTHON=      the interpreter that has torch and numpy
set -eu
cd "$(dirname "$0")/.."
# They would slow the matrix products of both sides.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
rounds=${L2O_BENCH_ROUNDS:-5}
threads=${L2O_BENCH_THREADS:-2}
build=${L2O_BENCH_BUILD:-build}
out=$build/lista
mkdir -p "$out"
rm -f "$out"/*.json

. bench/python.sh

round=1
while [ "$round" -le "$rounds" ]; do
    "$build/bench/bench_lista" --threads "$threads" --inputs "$out/inputs.npz" --out "$out/l2o-$round.json"
    for form in ${python:+autograd manual}; do
        "$python" bench/peers/pytorch_lista.py --threads "$threads" --inputs "$out/inputs.npz" --form "$form" \
            --out "$out/pytorch-$form-$round.json"
    done
    round=$((round + 1))
done
[ -z "$python" ] || "$python" bench/peers/lista_table.py "$out"/*.json
