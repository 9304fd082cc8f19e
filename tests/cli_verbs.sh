#!/bin/sh
# The verbs do what they say on tiny problems: train, adapt, solve, compare, check, info and list, one after another as
# a user would call them; what takes precedence over what; and quiet.
. "${L2O_SOURCE_DIR:-.}/tests/support/harness.sh"

tiny="--problem lasso --n 3 --batch 4"

# train
cat >run.ini <<'INI'
; three kinds of problems
[problem]
problem = lasso
n = 3
batch = 4
A = mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1
[optimizer]
layers = 1
hidden = 4
[training]
unroll = 4
stages = 1,2
stage-draws = 4,3
evaluate-every = 2
INI
run 0 train run.ini --out w.safetensors --svg curves.svg
says "trained with"
says w.safetensors
for file in w.safetensors w.log.jsonl w.svg curves.svg; do [ -s "$file" ] || fail "train leaves no $file"; done
cmp w.svg curves.svg || fail "--svg is not the picture of training"
grep -q 'training: ' err || fail "train shows no progress"
run 0 train run.ini --out again.safetensors --quiet
[ -s out ] || [ -s err ] && fail "--quiet is not quiet"
cmp w.safetensors again.safetensors || fail "training twice gives different weights"
run 0 train run.ini --out other.safetensors --quiet --seed 2
cmp -s w.safetensors other.safetensors && fail "another seed gives the same weights"
run 0 train run.ini --out w.safetensors --quiet --resume
cmp w.safetensors again.safetensors || fail "resuming what is finished changes the weights"
printf '1 2\n3 5\n' >data.csv
printf '1 2\n3 4\n5 6\n' >rows.csv
own="--problem lasso --A data.csv --b rows.csv --b-layout rows --layers 1 --hidden 2 --unroll 2 --stages 1 --updates 2"
run 0 train $own --out own.safetensors --quiet
printf '1 2\n3 6\n' >data.csv
run 2 train $own --out own.safetensors --quiet --resume
grep -q 'checksum of A' err || fail "resuming does not notice that a data file changed"
run 2 train $own --out own.safetensors --quiet --batch 4
grep -q 'batch is 4, but the files hold 3 instances' err || fail "a batch larger than the data is not refused"

run 0 train $tiny --layers 1 --hidden 4 --unroll 4 --preset quick --stages 2 --updates 3 --out few.safetensors --quiet
grep -q '"updates":3,' few.log.jsonl || fail "three updates were not made"
grep -q '"loss":null' few.log.jsonl && fail "a draw without updates is in the log"

# report: beside the weights by default, from weights or log; what it is made from says what ran
run 0 report w.safetensors
says w.html
grep -q '<td><span class="value">1</span>' w.html || fail "the report does not show the stages' unrolls"
grep -q 'mix:uniform:0:0.1' w.html || fail "the report does not show the settings"
run 0 report w.log.jsonl --out log.html --quiet
[ -s out ] && fail "report --quiet is not quiet"
[ -s log.html ] || fail "report leaves no log.html"
mkdir results
cp "$source/tests/data/report/results.json" results/
run 0 report results
[ -s results/report.html ] || fail "report leaves no report.html"
run 0 report results --tables all --markdown
says '**Least ln f over 1000 steps**'
run 2 report results --tables nothing
complains "there is no table 'nothing'; there are: "
run 2 report results --markdown
complains "--tables"

# info; a flag stands above the INI file, the INI file above the preset, the preset above the default
run 0 info w.safetensors
says rnnprop
says "mix:uniform:0:0.1"
grep -q '^  batch *4$' out || fail "info does not show the batch of the INI file"
run 0 train run.ini --preset quick --batch 5 --out p.safetensors --quiet
run 0 info p.safetensors
grep -q '^  batch *5$' out || fail "a flag does not override the INI file"
grep -q '^  hidden *4$' out || fail "the INI file does not override the preset"
grep -q '^  n *3$' out || fail "the INI file is not read with a preset"
# A preset in the INI file is that for the optimizer and the problem of the flags.
cat >unrolled.ini <<'END'
preset = default
optimizer = lista
m = 5
n = 8
batch = 6
depth = 2
unroll = 2
stage-draws = 2
finish-draws = 2
evaluation-draws = 1
END
run 0 train unrolled.ini --problem recovery --out u.safetensors --quiet
run 0 info u.safetensors
grep -q '^  meta-loss *log-last$' out || fail "the INI file's preset takes --problem for another"
run 0 train unrolled.ini --optimizer alista --out u.safetensors --quiet
run 0 info u.safetensors
grep -q '^  meta-loss *last$' out || fail "the INI file's preset takes the problem for another"
grep -q '^  outer-rate *5e-3$' out || fail "the INI file's preset takes --optimizer for another"

# adapt
run 0 adapt --weights w.safetensors $tiny --A normal:100 --evaluation-steps 10 --unroll 4 --out a.safetensors
says "before"
says "after"
says "kept: the weights after update 5 of 5 (keep = always)"
[ -s a.safetensors ] || fail "adapt leaves no weights"
run 0 info a.safetensors
[ "$(grep -c '^ *hidden  *4$' out)" -eq 3 ] || fail "the file of adapted weights does not say what network it adapted"
run 0 adapt --weights w.safetensors $tiny --evaluation-steps 10 --unroll 4 --adaptation-rate 100 --keep best \
    --out b.safetensors
says "keep = best"
run 0 adapt --weights w.safetensors $tiny --A normal:100 --evaluation-steps 10 --unroll 4 --keep best --keep-by last \
    --adaptation-rates 1e-4,1e-2 --out b.safetensors
says "rate 0.0001, update"
says "rate 0.01, update"
says "keep = best: the least last ln f on held-out problems"
run 0 compare --optimizers 'w.safetensors:adapt:adaptation-rates=1e-4/1e-2:keep=best:evaluation-steps=5:keep-by=last' \
    $tiny --steps 5 --runs 2 --unroll 4
run 0 adapt --optimizer w.safetensors $tiny --evaluation-steps 10 --unroll 4 --quiet --out c.safetensors
[ -s out ] || [ -s err ] && fail "adapt --quiet is not quiet"

# solve
printf '2 0\n0 1\n1 1\n' >A.csv
printf '1 1 2\n0 3 1\n5 5 5\n' >b.csv
run 0 solve --optimizer fista --problem lasso --A A.csv --b b.csv --b-layout rows --lambda 0.1 --dtype float64 --out x.csv
says "3 of 3 instances solved"
[ "$(wc -l <x.csv)" -eq 3 ] || fail "x.csv has not one line for each instance"
# Instance 0: 0.5 |Ax - b|^2 + 0.1 |x|_1 with A'A = [5 1; 1 2], A'b = [4 3]: x = (4.9, 10.6) / 9 where all is positive.
awk -F, 'NR == 1 && ($1 - 4.9 / 9) ^ 2 + ($2 - 10.6 / 9) ^ 2 > 1e-4 { exit 1 }' x.csv || fail "x is wrong: $(cat x.csv)"
run 0 solve --optimizer fista --A A.csv --b b.csv --b-layout rows --out x.npy --quiet
[ -s out ] && fail "solve --quiet prints"
run 0 solve --optimizer ista --A A.csv --b b.csv --b-layout rows --out x.npz
run 0 solve --weights a.safetensors $tiny --steps 5
says "stopped at the limit of steps"
grep -q 'warning' err && fail "adapted weights are said to be far from what they were first trained on"
run 0 solve --weights w.safetensors $tiny --steps 5
grep -q 'warning' err && fail "weights are said to be far from what they were trained on"
run 0 solve --weights w.safetensors $tiny --steps 5 --A normal:100 --quiet
grep -q 'were trained on: .* curvatures' err || fail "no warning about weights far outside their range"
run 0 solve --weights w.safetensors --problem rosenbrock --batch 4 --steps 5
grep -q "problem 'rosenbrock' instead of lasso" err || fail "no warning about another family of problems"
run 0 solve --optimizer rnnprop --update momentum --normalise spectral --step-scale 1e-6 --problem rosenbrock --batch 4 --steps 1
complains "Lipschitz constant, which 'rosenbrock' does not know"
run 0 solve --optimizer fista $tiny --batch 12
says "and 2 more; --json prints all"
run 1 solve --problem quadratic --optimizer sgd:rate=1000 --n 3 --batch 4 --steps 500
says "diverged"
for kernel in portable auto; do run 0 solve --optimizer fista $tiny --kernel "$kernel" --threads 1; done
run 0 solve --optimizer fista $tiny --json --threads 1
cp out one.json
run 0 solve --optimizer=fista $tiny --json --threads=2
cmp one.json out || fail "two threads give another solution than one"

# unrolled optimizers: made for a dictionary, trained with and without supervision, then FISTA beyond their layers
coding="--m 6 --n 12 --shared-A --unit-columns --b truth --x0 0 --batch 16"
layers="--optimizer lista-cp --depth 4 --unroll 4 --meta-loss last --estimator plain --stages 1 --evaluate-every 20"
for family in recovery lasso; do
    run 0 train --problem $family $coding $layers --stage-draws 60 --outer-rate 0.01 --out $family.safetensors --quiet
    run 0 solve --problem $family $coding --weights $family.safetensors --steps 4 --json
    trained=$(awk '/"value":/ { sum += $2 } END { print sum }' out)
    run 0 solve --problem $family $coding --optimizer lista-cp:depth=4 --steps 4 --json
    fresh=$(awk '/"value":/ { sum += $2 } END { print sum }' out)
    awk "BEGIN { exit !($trained < 0.7 * $fresh) }" || fail "training lista-cp on $family: from $fresh to $trained"
done
printf 'preset = default\noptimizer = lista\nstage-draws = 2\nfinish-draws = 2\n' >unrolled.ini # a preset knows all flags
run 0 train unrolled.ini --problem recovery $coding --depth 2 --unroll 2 --out preset.safetensors --quiet
run 0 info preset.safetensors
grep -q 'meta-loss  *log-last$' out || fail "the preset of an INI file does not know the problem of a flag"
run 0 info recovery.safetensors
grep -q 'dictionary-columns  *12$' out || fail "info does not tell the dictionary's size"
run 0 adapt --problem recovery $coding --A-seed 3 --weights recovery.safetensors --unroll 4 --meta-loss last --out shifted.safetensors
run 0 compare --problem recovery $coding --steps 12 --runs 2 --optimizers 'recovery.safetensors,shifted.safetensors,fista,amp'
run 2 solve --problem lasso $coding --n 13 --weights recovery.safetensors
complains 'made for a dictionary of 6 x 12'

# compare
run 0 compare --optimizers 'W=w.safetensors:adapt,adam:tune,fista' $tiny --steps 10 --runs 2 --unroll 4 \
    --out table.json --svg curves.svg
says "least ln f"
says "adam:tune"
says "ln f*"
says "+-"
for file in table.json curves.svg; do [ -s "$file" ] || fail "compare leaves no $file"; done
run 0 compare --optimizers ista,fista $tiny --steps 10 --runs 2 --markdown --quiet --out table.md
grep -q '^| ista ' out || fail "compare --markdown prints no Markdown"
cmp out table.md || fail "the Markdown that is printed and that is written differ"

# check
run 0 check $tiny --hidden 4
says "no check failed"
says "meta-gradient, detached inputs"
run 0 check --problem rosenbrock --batch 2 --optimizer adam
run 0 check --vectors "$source/tests/data/vectors.npz"
says "grad1_flat"
grep -q 'unheard_of *not compared' out || fail "check does not say what it does not compare"
says "8 arrays compared, 0 failed, 1 not compared"
run 0 check --vectors "$source/tests/data/vectors.npz" "$source/tests/data/vectors.npz" --dtype float32
says "float32: 16 arrays compared"

# list
run 0 list settings
says "inner-rate"
run 0 list settings --markdown
grep -q '^| `batch` ' out || fail "list settings --markdown has no batch"

# Stopping in order: SIGTERM anywhere; Ctrl-C where a background process can be made to listen to it.
stopped() { # stopped SIGNAL CODE COMMAND...
    signal=$1
    wanted=$2
    shift 2
    "$@" compare --optimizers fista,ista --problem lasso --n 200 --batch 64 --steps 1000000 --json >out 2>err &
    process=$!
    sleep 1
    kill -"$signal" "$process"
    wait "$process"
    code=$?
    [ "$code" = "$wanted" ] || fail "SIG$signal gives exit code $code instead of $wanted"
    [ -s out ] && fail "what is stopped prints on standard output"
    return 0
}
stopped TERM 143 "$l2o"
if env --default-signal=INT true 2>/dev/null; then stopped INT 130 env --default-signal=INT "$l2o"; fi
exit 0
