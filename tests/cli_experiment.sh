#!/bin/sh
# l2o experiment on a tiny experiment: what it prints and writes, one that is stopped and goes on, verification, and the
# sentences of mistakes.
. "${L2O_SOURCE_DIR:-.}/tests/support/harness.sh"

cat >tiny.ini <<'INI'
[experiment]
title = A tiny table
kind = table
row-header = sigma
[settings]
n = 3
batch = 4
steps = 12
runs = 3
seeds = 1-2
layers = 1
hidden = 4
unroll = 4
stages = 1,2
stage-draws = 20,10
[weights plain]
estimator = plain
[weights meta]
estimator = fomaml
[method TL]
weights = plain
adapt = yes
[method M-L2O]
weights = meta
adapt = yes
[method Adam]
optimizer = adam
tune = family
[method FISTA]
optimizer = fista
[method ln f*]
limit = yes
[panel 1]
A = normal:1
paper.TL = -0.5
[panel 10]
A = normal:10
[claim limit]
text = FISTA does not pass the limit
method = ln f*
below = FISTA
INI

run 0 experiment tiny.ini --markdown
says '**Least ln f over the steps**'
says '(-0.500)'
says 'sigma 10: the best learned method'
says 'holds: FISTA does not pass the limit'
says 'everything is in results/tiny/results.json'
grep -q 'trained meta, seed 2: ' err || fail "it does not say what was trained"
cp out whole
run 0 experiment tiny.ini --markdown
cmp out whole || fail "the second run prints something else"
grep -q 'trained' err && fail "the second run trains again"
run 0 experiment tiny.ini --quiet
[ -s out ] || [ -s err ] && fail "--quiet is not quiet"
run 0 experiment tiny.ini --json
cmp out results/tiny/results.json || fail "--json is not the file of results"
run 0 experiment tiny.ini --seeds 1 --out one --cache results/tiny/cache --quiet
[ -d one/cache ] && fail "--cache is not obeyed"
grep -q '"trained now"' one/results.json && fail "the cache is not used by another experiment"

# Killed at any moment, it goes on.
for pause in 0.02 0.04 0.06 0.08 0.1; do
    "$l2o" experiment tiny.ini --out killed >out 2>err </dev/null &
    process=$!
    sleep $pause
    kill -KILL $process 2>/dev/null
    wait $process 2>/dev/null
done
run 0 experiment tiny.ini --out killed --markdown
sed 's/killed/results\/tiny/' out | cmp - whole || fail "an experiment that was killed gives other results"

# Stopped while it trains, then while it runs; what comes out is the same.
longer="--stage-draws 8000,4000 --runs 600"
run 0 experiment tiny.ini --markdown $longer --out straight
sed 's/straight/broken/' out >whole
stops=0
for pause in 0.1 0.2 0.3 0.4; do
    "$l2o" experiment tiny.ini --markdown $longer --out broken >out 2>err </dev/null &
    process=$!
    # Before it has begun it does not listen, and a run that ends leaves nothing to stop.
    while [ ! -d broken/cache ] && kill -0 $process 2>/dev/null; do sleep 0.01; done
    sleep $pause
    kill -INT $process 2>/dev/null
    wait $process
    code=$?
    [ "$code" = 130 ] && stops=$((stops + 1))
    [ "$code" = 130 ] || [ "$code" = 0 ] || fail "a stopped experiment ends with code $code"
done
[ "$stops" -gt 0 ] || fail "nothing was stopped"
run 0 experiment tiny.ini --markdown $longer --out broken
cmp out whole || fail "an experiment that was stopped gives other results"
for file in straight/cache/weights/*.safetensors; do
    cmp "$file" "broken/cache/weights/$(basename "$file")" || fail "training that was stopped gives other weights"
done

# The seconds of a training hold those before it was stopped: here said to be a thousand. Where these are not known, or
# what is kept of them is damaged, that is said, and stops nothing.
begin_counting() { # begin_counting: trainings that are stopped, with their files of seconds in $stopped
    rm -rf counted
    "$l2o" experiment tiny.ini --stage-draws 80000,4000 --seeds 1 --out counted >out 2>err </dev/null &
    process=$!
    while [ -z "$(find counted -name '*.seconds' 2>>err)" ] && kill -0 $process 2>>err; do sleep 0.01; done
    kill -INT $process
    wait $process
    [ $? = 130 ] || fail "training that was to be stopped ends with another code"
    stopped=$(find counted -name '*.seconds')
}
begin_counting
for file in $stopped; do echo 1000 >"$file"; done
run 0 experiment tiny.ini --stage-draws 80000,4000 --seeds 1 --out counted
for file in $stopped; do
    awk '$1 <= 1000 || $1 > 2000 { exit 1 }' "$file" || fail "$file: $(cat "$file") s, after 1000 s before the stop"
    name=$(basename "$file" | sed 's/-.*//')
    grep -q "trained $name, seed 1: [0-9]* updates in 1[0-9][0-9][0-9] s\$" err || fail "it does not say what $name took in all"
done
for damage in inf -7 '12 s' "$(printf '%065d' 1)"; do
    begin_counting
    for file in $stopped; do echo "$damage" >"$file"; done
    run 0 experiment tiny.ini --stage-draws 80000,4000 --seeds 1 --out counted
    for file in $stopped; do
        name=$(basename "$file" | sed 's/-.*//')
        grep -q "trained $name, seed 1: [0-9]* updates in more than [0-9]* s, resumed\$" err ||
            fail "'$damage' is taken for seconds of $name"
        [ "$(cat "$file")" = "$damage" ] || fail "seconds that are not known are written down"
    done
done

# Verification
run 0 experiment tiny.ini --verify
says 'FISTA does not pass the limit: holds (measured'
run 0 experiment tiny.ini --verify one/results.json
sed 's/^below = FISTA/below = 100\nfactor = -1/' tiny.ini >false.ini
sed -i 's/tiny/false/' false.ini
sed 's/"name": "tiny"/"name": "false"/' results/tiny/results.json >false.json
run 1 experiment false.ini --verify false.json
complains 'l2o: FISTA does not pass the limit: does not hold (measured'
run 2 experiment false.ini --verify results/tiny/results.json
complains "holds the results of 'tiny', not of 'false'"

# Sparse recovery: errors by two definitions, published curves, dictionaries in turn
cat >recovery.ini <<'INI'
[experiment]
title = Tiny recovery
kind = table
quantity = nmse
at = 1, 2
[settings]
problem = recovery
m = 6
n = 9
shared-A = yes
A-seeds = 1,2
unit-columns = yes
batch = 5
steps = 4
runs = 4
unroll = 4
depth = 4
meta-loss = last
estimator = plain
layer-wise = yes
stage-draws = 2
evaluate-every = 1
[weights alista]
optimizer = alista
[method ALISTA]
weights = alista
[method FISTA]
optimizer = fista
test.lambda = 0.1
[panel Gaussian]
density = 0.2
paper.ALISTA = 0, -1, -2, -3, 500
[claim ALISTA]
text = ALISTA is not at 500 dB
method = ALISTA
below = 499
INI
run 0 experiment recovery.ini --markdown
says '**Gaussian: what each method reaches, and what it takes**'
says 'NMSE (dB) of sums'
says 'after step 2'
says '(500.000)'
says 'holds: ALISTA is not at 500 dB'
grep -q 'ALISTA (published)' results/recovery/results.json || fail "the published curve is in no figure"
run 0 report results/recovery
run 0 experiment recovery.ini --verify
run 2 experiment recovery.ini --A-seeds 1,x
complains "'A-seeds'"
run 2 experiment recovery.ini --problem lasso --b truth
complains 'compares x with a true x*'

# On a dictionary of one's own, whose size holds, and to which A-seeds does not apply
dictionary() { # dictionary LAST: 3 x 5
    printf '1 0 2 -1 0\n0 1 1 3 -2\n2 -1 0 1 %s\n' "$1" >own.csv
}
own_table() {
    run 0 experiment recovery.ini --A own.csv --out own --markdown
    grep 'after the last step' out
}
dictionary 1
own_table >first
grep -q '^trained alista, ' err || fail "weights of another dictionary are taken"
grep -qi 'nan\|inf' first && fail "errors on one's own dictionary are not finite"
own_table >again
grep -q '^trained ' err && fail "weights of the same dictionary are trained again"
cmp first again || fail "the same dictionary gives another table"
dictionary 2
own_table >again
grep -q '^trained alista, ' err || fail "weights of another dictionary of that name are taken"
cmp -s first again && fail "another dictionary of that name gives the same table"
run 2 experiment recovery.ini --A own.csv --n 9
complains 'n is 9 (--n), but A: own.csv [3, 5] has n = 5; drop the setting'
run 2 experiment recovery.ini --A own.csv --A-seeds 1,2
complains "the setting 'A-seeds' (1,2) is not used by this experiment"
printf '[experiment]\ntitle = t\ninherit = recovery\nmethods = FISTA\n' >untrained.ini
for name in b truth lambda x0; do
    run 2 experiment untrained.ini --A own.csv --$name own.csv
    complains "$name = own.csv: experiments draw their instances, and take from files the A alone that all instances share"
done
printf '1 1:1 2:2\n-1 2:1\n' >own.svm # which brings b
run 2 experiment untrained.ini --A own.svm --problem lasso
complains "A = own.svm: experiments draw their instances, and take from files the A alone that all instances share"

# Results are kept by what files hold, not by their names: those of weights to begin with and to compare, and of data to
# train on. Nothing of the kind is done again while they are the same.
cat >files.ini <<'INI'
[experiment]
title = Files
kind = table
quantity = nmse
[settings]
problem = recovery
m = 2
n = 3
shared-A = yes
batch = 3
steps = 2
runs = 2
unroll = 2
meta-loss = last
estimator = plain
stages = 1
stage-draws = 3
evaluate-every = 0
[weights begun]
optimizer = begun.safetensors
[weights data]
file = own-{seed}.safetensors
optimizer = lista-cp
depth = 2
training-tasks = density=0.5 | A=A.csv
[weights after]
from = data
[method begun]
weights = begun
[method data]
weights = data
[method after]
weights = after
[method file]
optimizer = compared.safetensors
[panel one]
density = 0.5
INI
weights() { # weights NAME SEED
    run 0 train --problem recovery --m 2 --n 3 --shared-A --optimizer lista-cp --depth 2 --unroll 2 --estimator plain \
        --meta-loss last --stages 1 --stage-draws 3 --evaluate-every 0 --density 0.5 --quiet --out "$1" --seed "$2"
}
outcome() { # outcome: how much is trained, and the table
    run 0 experiment files.ini --markdown
    grep -c '^trained ' err
    grep 'after the last step' out
}
printf '1 2 3\n4 5 7\n' >A.csv
weights begun.safetensors 1
weights compared.safetensors 1
outcome >before
[ "$(head -n 1 before)" = 3 ] || fail "not all is trained"
outcome >same
[ "$(head -n 1 same)" = 0 ] || fail "what is there is trained again"
weights begun.safetensors 2
outcome >changed
[ "$(head -n 1 changed)" = 1 ] || fail "other weights to begin with train $(head -n 1 changed) recipes, not 1"
printf '1 2 3\n4 5 8\n' >A.csv
outcome >data
[ "$(head -n 1 data)" = 2 ] || fail "other data train $(head -n 1 data) recipes, not 2: theirs, and the one that begins with it"
weights compared.safetensors 2
outcome >other
[ "$(head -n 1 other)" = 0 ] || fail "other weights to compare train recipes"
for file in same changed data other; do
    tail -n +2 $file >"$file.table"
done
cmp -s same.table changed.table && fail "weights that began with others give the same table"
cmp -s changed.table data.table && fail "weights that are trained on other data give the same table"
cmp -s data.table other.table && fail "other weights give the same table"
run 0 experiment files.ini --ship models --quiet
[ -s models/own-1.safetensors ] || fail "weights that were trained on a file are not shipped"
printf '1 2 3\n4 5 9\n' >A.csv
outcome >data
[ "$(head -n 1 data)" = 2 ] || fail "shipped weights are taken for those of other data"

# Mistakes
run 2 experiment
complains 'which experiment? `l2o list experiments` shows them all'
run 2 experiment nowhere
complains "there is no experiment 'nowhere'; \`l2o list experiments\` shows them all"
run 2 experiment ml2o-tabel1
complains "there is no experiment 'ml2o-tabel1'; did you mean 'ml2o-table1'?"
run 2 experiment tiny.ini --rate 0.1
complains '[method Adam]: --rate: the rate is found by tuning here; remove it'
run 2 experiment ml2o-theory --runs 3 --out theory
complains '--runs: an experiment of the kind theory has no use for the setting'
run 2 experiment tiny.ini --verify --runs 3
complains '--verify runs nothing and has no use for --runs; drop it'
run 2 experiment tiny.ini --verify --train
complains '--verify runs nothing and has no use for --train; drop it'
run 2 experiment tiny.ini --verify one/results.json --out one
complains 'from --out one or from one/results.json, not from both'
run 2 experiment tiny.ini --A normal:3
complains "the experiment itself sets 'A' (tiny.ini:"
run 2 experiment tiny.ini --gap 0.1
complains "the setting 'gap' (0.1) is not used by this experiment"
run 2 experiment tiny.ini more.json
complains 'a file of results follows --verify'
run 2 experiment tiny.ini --out tiny.ini/x
complains 'the folder cannot be made'
printf '[experiment]\ntitle = t\nkind = table\n[methods]\na = b\n' >bad.ini
run 2 experiment bad.ini
complains 'bad.ini:5: [methods] is no section of an experiment'

# Those that come with the project are found from its folder, and beside the program.
cd "$source" || exit 1
"$l2o" list experiments >"$work/out" 2>"$work/err" || fail "the experiments cannot be listed"
grep -q '^ml2o-table1 ' "$work/out" || fail "ml2o-table1 is not listed"
"$l2o" list experiments --json | grep -q '"name": "ml2o-order"' || fail "ml2o-order is not listed as JSON"
