#!/bin/sh
# Training that is killed at arbitrary moments and resumed gives the bytes of training that was never stopped; and the
# bytes do not depend on the number of threads.
set -u
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
curriculum="--A mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1 --layers 1 --hidden 4 --unroll 10 --stages 2,4 \
    --stage-draws 120,80 --evaluate-every 7 --min-evaluations 20"
layers="--m 3 --shared-A --optimizer lista:depth=4 --unroll 4 --layer-wise --stage-draws 60,40 --evaluate-every 7 \
    --training-draws 9 --estimator plain --meta-loss last --layer-start previous --relative-rate --outer-schedule cosine \
    --finish-draws 80"
recipe=$curriculum
kills_wanted=24

become() { # become NAME OPTION...: this process turns into the tool, so in the background its number is the tool's
    name=$1
    shift
    # shellcheck disable=SC2086
    exec "$l2o" train --quiet --problem lasso --n 4 --batch 8 --seed 11 --checkpoint-seconds 0 $recipe \
        --out "$name.safetensors" "$@"
}

train() (become "$@") # train NAME OPTION...

same() { # same NAME WHAT: NAME's files are those of the run that was never stopped
    for ending in safetensors log.jsonl; do
        cmp "whole.$ending" "$1.$ending" || { echo "$2 gives another .$ending than training that was never stopped"; exit 1; }
    done
}

train whole --threads 1 || { echo "training fails"; exit 1; }
[ -s whole.safetensors ] && [ -s whole.log.jsonl ] || { echo "training leaves no weights or no log"; exit 1; }

# Moments that are spread over starting, computing and writing, as shares of the time that training takes in one go: a
# fixed list would stop nothing on a fast machine, and never reach the end on a slow one.
shares="0.6 0.15 0.9 0.3 0.08 1.2 0.45 0.03 0.75 0.2"
[ -z "${L2O_SANITIZE:-}" ] || kills_wanted=6 # sanitizers make everything slow, starting too
measure() { # measure NAME: trains NAME, and sets moments
    begin=$(date +%s.%N)
    train "$1" --threads 2 || exit 1
    end=$(date +%s.%N)
    moments=$(echo "$begin $end $shares" | awk '{ for (i = 3; i <= NF; i++) printf "%s%.3f", (i > 3 ? " " : ""), $i * ($2 - $1) }')
}
resume_until() { # resume_until KILLS: series of kills, each up to the end of training
    kills=0
    attempts=0
    series=0
    threads=1
    while [ "$kills" -lt "$1" ]; do
        series=$((series + 1))
        finished=no
        while [ "$finished" = no ]; do
            attempts=$((attempts + 1))
            [ "$attempts" -lt 400 ] || { echo "no end after $attempts attempts and $kills kills"; exit 1; }
            threads=$((3 - threads))
            moment=${moments%% *}
            moments="${moments#* } $moment" # they take turns over all series, so that no series begins as the one before
            become cut --resume --threads "$threads" 2>errors &
            tool=$!
            sleep "$moment"
            kill -9 "$tool" 2>/dev/null
            wait "$tool"
            code=$?
            # clang's OpenMP leaves this behind, and one cut short would trip a later program with the same number.
            rm -f "/dev/shm/__KMP_REGISTERED_LIB_${tool}_"*
            case $code in
            0) finished=yes ;;
            137) kills=$((kills + 1)) ;;
            *) echo "resuming fails with exit code $code:"; cat errors; exit 1 ;;
            esac
        done
        same cut "training that was killed and resumed"
        rm -f cut.*
    done
    echo "$kills kills in $series series"
}
measure other
same other "--threads 2"
resume_until "$kills_wanted"

# The same by Ctrl-C, which leaves in order.
become polite --threads 2 2>errors &
tool=$!
while kill -0 "$tool" 2>/dev/null && [ ! -s polite.log.jsonl ]; do sleep 0.02; done # it has begun
# A shell without job control starts what runs in the background with SIGINT ignored; SIGTERM does the same.
kill -TERM "$tool" 2>/dev/null
wait "$tool"
code=$?
[ "$code" = 143 ] || [ "$code" = 0 ] || { echo "stopped training exits with $code, not 143"; cat errors; exit 1; }
if [ "$code" = 143 ]; then
    [ "$(wc -l <errors)" -eq 1 ] && grep -q -- '--resume' errors || { echo "says:"; cat errors; exit 1; }
    train polite --resume || exit 1
fi
same polite "training that was stopped in order"

# Layer by layer: within stages, at their ends, and with what was kept of frozen steps lost.
recipe=$layers
train whole --threads 1 || { echo "training layer by layer fails"; exit 1; }
measure other
same other "--threads 2, layer by layer,"
resume_until $((kills_wanted / 3))
