#!/bin/sh
# Training that is killed at arbitrary moments and resumed gives the bytes of training that was never stopped; and the
# bytes do not depend on the number of threads.
set -u
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
kills_wanted=24

train() { # train NAME OPTION...
    name=$1
    shift
    "$l2o" train --quiet --problem lasso --n 4 --batch 8 --A mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1 \
        --layers 1 --hidden 4 --unroll 10 --stages 2,4 --stage-draws 120,80 --evaluate-every 7 --min-evaluations 20 --seed 11 \
        --checkpoint-seconds 0 --out "$name.safetensors" "$@"
}

same() { # same NAME WHAT: NAME's files are those of the run that was never stopped
    for ending in safetensors log.jsonl; do
        cmp "whole.$ending" "$1.$ending" || { echo "$2 gives another .$ending than training that was never stopped"; exit 1; }
    done
}

train whole --threads 1 || { echo "training fails"; exit 1; }
[ -s whole.safetensors ] && [ -s whole.log.jsonl ] || { echo "training leaves no weights or no log"; exit 1; }
train other --threads 2 || exit 1
same other "--threads 2"

# Moments that are spread over starting, computing, and writing.
moments="0.05 0.013 0.11 0.027 0.19 0.041 0.008 0.083 0.3 0.061 0.017 0.15 0.033 0.09 0.23 0.021"
if [ -n "${L2O_SANITIZE:-}" ]; then # which makes everything slow, starting too
    kills_wanted=6
    moments="1.1 0.4 2.3 0.7 3.1"
fi
kills=0
attempts=0
series=0
threads=1
while [ "$kills" -lt "$kills_wanted" ]; do
    series=$((series + 1))
    finished=no
    while [ "$finished" = no ]; do
        for moment in $moments; do
            attempts=$((attempts + 1))
            [ "$attempts" -lt 400 ] || { echo "no end after $attempts attempts and $kills kills"; exit 1; }
            threads=$((3 - threads))
            train cut --resume --threads "$threads" 2>errors &
            shell=$!
            sleep "$moment"
            # The shell function runs in a process of its own, whose child is the tool.
            child=$(cat "/proc/$shell/task/$shell/children" 2>/dev/null)
            # shellcheck disable=SC2086
            kill -9 ${child:-$shell} 2>/dev/null
            wait "$shell"
            code=$?
            # clang's OpenMP leaves this behind, and one cut short would trip a later program with the same number.
            rm -f "/dev/shm/__KMP_REGISTERED_LIB_${child:-$shell}_"*
            case $code in
            0) finished=yes; break ;;
            137) kills=$((kills + 1)) ;;
            *) echo "resuming fails with exit code $code:"; cat errors; exit 1 ;;
            esac
        done
    done
    same cut "training that was killed and resumed"
    rm -f cut.*
done
echo "$kills kills in $series series"

# The same by Ctrl-C, which leaves in order.
train polite --threads 2 2>errors &
shell=$!
sleep 0.2
child=$(cat "/proc/$shell/task/$shell/children" 2>/dev/null)
# A shell without job control starts what runs in the background with SIGINT ignored; SIGTERM does the same.
# shellcheck disable=SC2086
kill -TERM ${child:-$shell} 2>/dev/null
wait "$shell"
code=$?
[ "$code" = 143 ] || [ "$code" = 0 ] || { echo "stopped training exits with $code, not 143"; cat errors; exit 1; }
if [ "$code" = 143 ]; then
    [ "$(wc -l <errors)" -eq 1 ] && grep -q -- '--resume' errors || { echo "says:"; cat errors; exit 1; }
    train polite --resume || exit 1
fi
same polite "training that was stopped in order"
