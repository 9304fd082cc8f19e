#!/bin/sh
# The example of sparse coding of images, on two small drawn images: a dictionary is learned, and denoising and
# compressive sensing with it gain so many dB by every solver; same seed, same bits on any number of threads; the files
# that it leaves are data for the tool, and weights trained on them are a solver.
. "${L2O_SOURCE_DIR:-.}/tests/support/harness.sh"
images=${L2O_BUILD_DIR:-$source/build}/examples/images/images
export OMP_WAIT_POLICY=passive

example() { # example CODE WORD...: as run, of this program
    wanted=$1
    shift
    "$images" "$@" >out 2>err </dev/null
    code=$?
    [ "$code" = "$wanted" ] || fail "images $*: exit code $code instead of $wanted"
}

draw() { # draw WIDTH HEIGHT TURN: edges and waves on a slope
    awk -v w="$1" -v h="$2" -v turn="$3" 'BEGIN {
        printf "P2\n%d %d\n255\n", w, h
        for (i = 0; i < h; i++)
            for (j = 0; j < w; j++) {
                v = 60 + i + 40 * sin((i * cos(turn) + j * sin(turn)) / 3) * (j > w / 2)
                if ((i - h / 2) ^ 2 + (j - w / 3) ^ 2 < 150) v += 70
                if ((i + 2 * j + 30 * turn) % 40 < 12) v -= 40
                printf "%d\n", (v < 0 ? 0 : v > 255 ? 255 : v)
            }
    }'
}
draw 72 64 1 >one.pgm
draw 64 56 2 >two.pgm
draw 61 50 1.5 >test.pgm
mkdir again denoise

# learn
learn="learn --images one.pgm,two.pgm --patches 1500 --atoms 96 --rounds 12 --batch 128"
# shellcheck disable=SC2086
example 0 $learn --out .
for file in patches.npy dictionary.npy dictionary.pgm; do [ -s $file ] || fail "learn leaves no $file"; done
[ -e batch.npy ] && fail "learn leaves its batch"
awk '/objective/ { sub(",", "", $5); value[++count] = $5 }
    END { exit !(count == 2 && value[2] < 0.97 * value[1]) }' out || fail "learning does not lower the objective"
# shellcheck disable=SC2086
example 0 $learn --out again --threads 2
cmp dictionary.npy again/dictionary.npy || fail "two threads learn another dictionary"

# restore
example 0 restore --images test.pgm,two.pgm --dictionary dictionary.npy --out denoise --solvers cd,fista,fista@16 \
    --require 6
says "| fista@16 |"
says "| cd |"
[ -s denoise/test-restored.pgm ] || fail "restore leaves no picture"
example 0 restore --images test.pgm --dictionary dictionary.npy --out sense --measurements 24 --solvers cd,fista \
    --require 3
example 1 restore --images test.pgm --dictionary dictionary.npy --out sense --measurements 24 --require 60
complains "60.00 are required"

# The tool on the same files, and what it trains as a solver.
mkdir train
example 0 signals --images one.pgm,two.pgm --dictionary dictionary.npy --out train --patches 200
run 0 solve --problem lasso --A sense/A.npy --b sense/b.npy --lambda 0.02 --optimizer cd
run 0 train --problem lasso --A train/A.npy --b train/b.npy --lambda 0.147 --x0 fixed:0 --estimator plain --layers 1 \
    --hidden 4 --unroll 4 --updates 3 --out weights.safetensors
run 0 train --problem lasso --A train/A.npy --b train/b.npy --lambda 0.147 --x0 fixed:0 --estimator plain --unroll 8 \
    --optimizer lista-cp --depth 8 --initial-weight scaled --initial-lambda 0.147 --stages 1 --updates 3 --out lista-cp.safetensors
example 0 restore --images test.pgm --dictionary dictionary.npy --out denoise --solvers weights.safetensors@20
says "| weights.safetensors@20 |"
example 0 restore --images test.pgm --dictionary dictionary.npy --out denoise --solvers lista-cp.safetensors@8 --require 5

# Mistakes
example 2 restore --images test.pgm --out .
complains "restore needs --dictionary"
example 2 learn --images none.pgm --out .
complains "none.pgm: it cannot be opened"
example 2 learn --images one.pgm --out nowhere/deep
complains "--out nowhere/deep: the folder cannot be made"
echo "P5 3 3 255 " >small.pgm
example 2 learn --images small.pgm --out .
complains "small.pgm: not a PGM image"
example 2 learn --images one.pgm --out . --atoms 1.5
complains "--atoms 1.5: it must be a whole number"
example 2 restore --images test.pgm --out . --dictionary test.pgm
complains "test.pgm: not a matrix"
example 2 restore --images test.pgm --out . --dictionary dictionary.npy --solvers nonesuch
complains "nonesuch"
exit 0
