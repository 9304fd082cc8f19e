#!/bin/sh
# Training over MPI ranks: the same bytes for any number of ranks and threads; a rank that is killed, stopped or that
# fails alone ends all of them with a sentence and a checkpoint that goes on with another number of ranks; several seeds
# give the files of single runs.
set -u
build=${L2O_BUILD_DIR:-$PWD/build}
l2o=$build/l2o
if [ ! -e "$build/l2o_mpi.so" ]; then
    echo "skipped: this build has no MPI"
    exit 77
fi
if ! mpirun --version 2>/dev/null | grep -q HYDRA; then
    echo "skipped: mpirun is not MPICH's"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HYDRA_LAUNCHER=fork OMP_WAIT_POLICY=passive

fail() {
    echo "$1"
    shift
    [ $# -eq 0 ] || cat "$@"
    exit 1
}

settings="--quiet --problem lasso --n 4 --batch 90 --A mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1 --layers 1 --hidden 4
    --unroll 5 --evaluate-every 7 --min-evaluations 20 --checkpoint-seconds 0"
short="--stages 2,4 --stage-draws 10,5"
long="--stages 2,4 --stage-draws 600,150"

train() { # train RANKS NAME OPTION...
    ranks=$1
    name=$2
    shift 2
    # shellcheck disable=SC2086
    if [ "$ranks" = 0 ]; then
        "$l2o" train $settings "$@" --out "$name.safetensors"
    else
        mpirun -n "$ranks" "$l2o" train $settings "$@" --out "$name.safetensors"
    fi
}

same() { # same NAME NAME WHAT
    for ending in safetensors checkpoint log.jsonl; do
        cmp "$1.$ending" "$2.$ending" || fail "$3 gives another .$ending"
    done
}

# The same bytes, whoever computes. Nine pieces for each of three tasks, so that most ranks share a task.
for estimator in plain fomaml maml; do
    # shellcheck disable=SC2086
    train 0 "$estimator" $short --threads 1 --estimator $estimator || fail "training fails"
    for ranks in 1 2 3 4; do
        for threads in 1 2; do
            # shellcheck disable=SC2086
            train $ranks other $short --threads $threads --estimator $estimator >said 2>&1 ||
                fail "training on $ranks ranks fails:" said
            [ -s said ] && fail "training on $ranks ranks says, although quiet:" said
            same "$estimator" other "$estimator on $ranks ranks of $threads threads"
            rm -f other.*
        done
    done
done
# shellcheck disable=SC2086
train 8 other $short --estimator fomaml || fail "training on 8 ranks fails"
same fomaml other "training on 8 ranks"
# shellcheck disable=SC2086
"$l2o" train $settings $short --estimator fomaml --ranks yes --out other.safetensors || fail "--ranks yes fails"
same fomaml other "one rank without mpirun"

# A steered momentum method, judged by logarithms.
form="--update momentum --normalise spectral --meta-loss log --estimator maml"
# shellcheck disable=SC2086
train 0 momentum $short $form --threads 1 || fail "training with momentum fails"
# shellcheck disable=SC2086
train 3 other $short $form --threads 2 || fail "training with momentum on 3 ranks fails"
same momentum other "momentum on 3 ranks"
rm -f other.*

# Killed, and resumed on another number of ranks.
rank_process() { # rank_process RANK [WHICH]: its first process; the second one of rank 0 is its watcher
    for process in $(pgrep -x l2o); do
        [ "$(readlink "/proc/$process/cwd" 2>/dev/null)" = "$work" ] || continue
        if tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null | grep -q "^PMI_RANK=$1\$"; then
            echo "$process"
        fi
    done | sed -n "${2:-1}p"
}
wait_for_checkpoint() {
    turn=0
    while [ ! -s cut.checkpoint ]; do
        turn=$((turn + 1))
        [ $turn -lt 1000 ] || fail "no checkpoint appears:" errors
        sleep 0.02
    done
}
# shellcheck disable=SC2086
train 0 whole $long || exit 1
resume_on=4
for victim in 0 1 2; do
    # shellcheck disable=SC2086
    train 3 cut $long >errors 2>&1 &
    launcher=$!
    wait_for_checkpoint
    kill -9 "$(rank_process $victim)" || fail "rank $victim is gone before it could be killed:" errors
    wait $launcher && fail "training whose rank $victim was killed ends well"
    sleep 0.2
    grep -q 'a rank was killed.*in cut.checkpoint; the same command with --resume' errors ||
        fail "nothing is said of rank $victim, which was killed:" errors
    [ -e cut.safetensors ] && fail "rank $victim was killed too late"
    # shellcheck disable=SC2086
    train $resume_on cut $long --resume || fail "resuming on $resume_on ranks fails"
    same whole cut "training whose rank $victim was killed, resumed on $resume_on ranks"
    rm -f cut.*
    resume_on=$((resume_on - 2))
done

# Nothing depends on the watcher, the second process of rank 0.
# shellcheck disable=SC2086
train 2 cut $long >errors 2>&1 &
launcher=$!
wait_for_checkpoint
kill -9 "$(rank_process 0 2)" || fail "rank 0 has no watcher:" errors
wait $launcher || fail "training fails when its watcher is killed:" errors
same whole cut "training whose watcher was killed"
rm -f cut.*

# A rank that does not answer any more is waited for; but once asked to stop, not for ever.
# shellcheck disable=SC2086
train 3 cut $long >errors 2>&1 &
launcher=$!
wait_for_checkpoint
kill -STOP "$(rank_process 2)"
sleep 0.3
kill -TERM "$(rank_process 0)" "$(rank_process 1)"
wait $launcher && fail "training that lost a rank ends well"
grep -q 'interrupted after .* lost contact with another rank.* --resume goes on from cut.checkpoint' errors ||
    fail "the ranks that were left say:" errors
# shellcheck disable=SC2086
train 2 cut $long --resume || fail "resuming after a lost rank fails"
same whole cut "training that lost a rank"
rm -f cut.*

# Stopped: by the launcher, which passes signals on to all, or one rank alone.
for how in launcher one; do
    # shellcheck disable=SC2086
    mpirun -n 2 "$l2o" train $settings $long --out cut.safetensors >errors 2>&1 &
    launcher=$!
    wait_for_checkpoint
    if [ $how = launcher ]; then kill -TERM $launcher; else kill -INT "$(rank_process 1)"; fi
    wait $launcher # whose exit code is at times 0 when it was itself told to stop
    [ -e cut.safetensors ] && fail "training that was stopped ($how) comes to its end:" errors
    [ "$(grep -c 'stopped after' errors)" = 1 ] && grep -q -- '--resume' errors || fail "stopped ($how), it says:" errors
    # shellcheck disable=SC2086
    train 3 cut $long --resume || fail "resuming on 3 ranks fails"
    same whole cut "training that was stopped ($how)"
    rm -f cut.*
done

# A network whose matrices are summed up over all shards: every rank works out all of it, and they agree on how it went,
# also where one alone is stopped.
wide="train --quiet --problem lasso --optimizer lista --preset default --m 32 --n 64 --batch 100 --depth 2 --unroll 2
    --stage-draws 40 --finish-draws 80 --evaluate-every 20 --checkpoint-seconds 0"
# shellcheck disable=SC2086
"$l2o" $wide --out wide.safetensors || fail "a wide network fails"
# shellcheck disable=SC2086
mpirun -n 3 "$l2o" $wide --out cut.safetensors || fail "a wide network on 3 ranks fails"
same wide cut "a wide network on 3 ranks"
rm -f cut.*
# shellcheck disable=SC2086
mpirun -n 2 "$l2o" $wide --out cut.safetensors >errors 2>&1 &
launcher=$!
wait_for_checkpoint
kill -INT "$(rank_process 1)"
wait $launcher
[ -e cut.safetensors ] && fail "a wide network that was stopped comes to its end:" errors
[ "$(grep -c 'stopped after' errors)" = 1 ] || fail "a wide network that was stopped says:" errors
# shellcheck disable=SC2086
mpirun -n 2 "$l2o" $wide --resume --out cut.safetensors || fail "resuming a wide network on 2 ranks fails"
same wide cut "a wide network that was stopped"
rm -f cut.*

# One rank that fails alone: a file that its machine lacks, another file, a file that cannot be written.
mkdir here there
printf '1,2\n3,4\n5,6\n' >here/A.csv
printf '1,2,3\n4,5,6\n' >here/b.csv
cp here/b.csv there
own="train --quiet --problem lasso --A A.csv --b b.csv --layers 1 --hidden 4 --stages 2 --stage-draws 3
    --checkpoint-seconds 0 --out w.safetensors"
# shellcheck disable=SC2086
mpirun -n 1 -wdir "$work/here" "$l2o" $own : -n 2 -wdir "$work/there" "$l2o" $own >errors 2>&1 &&
    fail "training goes on without a file on one rank"
grep -q '^l2o: rank 1, on .*: A.csv: cannot be opened' errors || fail "a missing file on one rank:" errors
[ "$(grep -c '^l2o:' errors)" = 1 ] || fail "more than one sentence:" errors
printf '1,2\n3,4\n5,7\n' >there/A.csv
# shellcheck disable=SC2086
mpirun -n 1 -wdir "$work/here" "$l2o" $own : -n 2 -wdir "$work/there" "$l2o" $own >errors 2>&1 &&
    fail "training goes on with different files"
grep -q 'rank 1 has another set of settings or data files than rank 0' errors || fail "different files:" errors
mkdir here/w.checkpoint
# shellcheck disable=SC2086
(cd here && mpirun -n 3 "$l2o" $own) >errors 2>&1 && fail "training goes on without its checkpoint"
[ "$(grep '^l2o:' errors)" = "l2o: w.checkpoint: is a directory; give the name of a file" ] ||
    fail "the first rank cannot write:" errors
# shellcheck disable=SC2086
mpirun -n 1 "$l2o" train $settings $short --seeds 1-2 --out 'w-{seed}.safetensors' : \
    -n 1 "$l2o" train $settings $short --seeds 1-3 --out 'w-{seed}.safetensors' >errors 2>&1 &&
    fail "ranks train on different seeds"
grep -q 'rank 1 has another list of seeds than rank 0' errors || fail "different seeds:" errors
# shellcheck disable=SC2086
mpirun -n 1 "$l2o" train $settings $short --seeds 1-2 --out 'w-{seed}.safetensors' : \
    -n 1 "$l2o" train $settings $short --seeds 2-1 --out 'w-{seed}.safetensors' >errors 2>&1 &&
    fail "training goes on when a rank cannot read its seeds"
grep -q "^l2o: rank 1, on .*'seeds' is a list of" errors || fail "seeds that one rank cannot read:" errors
# shellcheck disable=SC2086
mpirun -n 1 "$l2o" train $settings $short --out w.safetensors : \
    -n 1 "$l2o" train $settings $short --kernel none --out w.safetensors >errors 2>&1 &&
    fail "training goes on without a kernel path on one rank"
grep -q '^l2o: rank 1, on .*: the kernel path "none" is unknown' errors || fail "a kernel path on one rank:" errors
[ "$(grep -c '^l2o:' errors)" = 1 ] || fail "more than one sentence:" errors
mpirun -n 3 "$l2o" train --threds 2 --out w.safetensors >errors 2>&1
[ "$(cat errors)" = "l2o: \`l2o train\` has no option --threds; did you mean --threads?" ] || fail "a slip:" errors

# Ranks that would choose different kernels use those that all have.
# shellcheck disable=SC2086
mpirun -n 1 "$l2o" train $settings $short --out mixed.safetensors : \
    -n 1 "$l2o" train $settings $short --kernel portable --out mixed.safetensors >said 2>&1 || fail "mixed kernels:" said
# shellcheck disable=SC2086
train 0 portable $short --kernel portable || exit 1
same portable mixed "a mixture of kernel paths"

# Several seeds: groups of ranks, more or fewer than there are seeds.
for seed in 3 4 5; do
    # shellcheck disable=SC2086
    train 0 "single-$seed" $short --seed $seed || exit 1
done
for ranks in 0 2 5; do
    # shellcheck disable=SC2086
    train $ranks 'seed-{seed}' $short --seeds 3,4-5 || fail "several seeds on $ranks ranks fail"
    for seed in 3 4 5; do same "single-$seed" "seed-$seed" "seed $seed of several on $ranks ranks"; done
    rm -f seed-*
done
mkdir seed-4.log.jsonl
# shellcheck disable=SC2086
train 2 'seed-{seed}' $short --seeds 3-5 2>errors && fail "a training that fails goes unnoticed"
grep -q '1 of 3 trainings did not come to their end; that of seed 4: seed-4.log.jsonl' errors || fail "says:" errors
same single-3 seed-3 "a training beside one that fails"
same single-5 seed-5 "a training beside one that fails"
mpirun -n 2 "$l2o" list 2>errors && fail "a verb that does not share its work runs on two ranks"
grep -q "does not share its work over ranks" errors || fail "says:" errors
exit 0
