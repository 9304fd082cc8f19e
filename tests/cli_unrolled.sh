#!/bin/sh
# Unrolled networks through the tool, as a user with a dictionary and signals of one's own meets them: what training,
# adaptation and solving do where nothing is said, and what they say where that leads nowhere.
. "${L2O_SOURCE_DIR:-.}/tests/support/harness.sh"

# A dictionary of unit columns and signals that are sparse in it.
awk 'BEGIN {
    srand(5)
    m = 20; n = 40; signals = 64
    for (j = 0; j < n; j++) {
        s = 0
        for (i = 0; i < m; i++) { a[i, j] = rand() + rand() + rand() - 1.5; s += a[i, j] ^ 2 }
        for (i = 0; i < m; i++) a[i, j] /= sqrt(s)
    }
    for (i = 0; i < m; i++) { line = ""; for (j = 0; j < n; j++) line = line (j ? "," : "") a[i, j]; print line > "A.csv" }
    for (k = 0; k < signals; k++) {
        line = ""; truth = ""
        for (j = 0; j < n; j++) { x[j] = rand() < 0.1 ? 2 * rand() - 1 : 0; truth = truth (j ? "," : "") x[j] }
        for (i = 0; i < m; i++) { b = 0; for (j = 0; j < n; j++) b += a[i, j] * x[j]; line = line (i ? "," : "") b }
        print line > "B.csv"
        print truth > "X.csv"
        if (k < 4) { print line > "few-B.csv"; print truth > "few-X.csv" }
    }
}'

# Instances that are recovered to the last bit, whose 1 / f is beyond float32, spoil no gradient of ln f.
tista="--preset default --optimizer tista --problem recovery --A A.csv --density 0.1 --stage-draws 20 --quiet"
run 0 train $tista --finish-draws 40 --out tista.safetensors
! grep -q "going back" err || fail "training of tista met NaN"

# What is said where NaN does end training: what this training has not done yet.
run 3 train $tista --outer-rate 1e6 --recoveries 0 --out nan.safetensors
complains "try --dtype float64, --meta-loss last, or a smaller --outer-rate; the last"
run 3 train $tista --outer-rate 1e6 --recoveries 0 --out nan.safetensors --dtype float64 --meta-loss last
complains "try a smaller --outer-rate; the last"

# The preset's unroll is its depth: it follows one that is given, in a spec and in a file, too. Layers that a network does
# not have are not trained, and a default is not taken for the preset of that name.
short="--preset default --problem recovery --A A.csv --density 0.1 --stage-draws 2 --finish-draws 2 --quiet"
run 0 train $short --optimizer alista --depth 3 --out three.safetensors
# Without b the preset draws it, on a dictionary from a file as on a drawn one.
run 0 train --preset default --problem lasso --A A.csv --optimizer alista --depth 3 --stage-draws 2 --finish-draws 2 --quiet \
    --out drawn.safetensors
run 0 info drawn.safetensors
grep -q "^  b  *truth$" out || fail "b is not drawn by the preset"
for optimizer in alista:depth=3 three.safetensors; do
    run 0 train $short --optimizer $optimizer --out again.safetensors
    run 0 info again.safetensors --json
    says '"unroll": "3"'
done
run 2 train $short --optimizer alista --depth 3 --unroll 5 --out no.safetensors
complains "--unroll: with layer-wise = yes unroll is the number of layers to train, but it is 5 and 'alista' has depth = 3; set unroll = 3"
run 2 train --layer-wise yes --optimizer alista --problem recovery --A A.csv --out no.safetensors
complains "it is 20 by default and 'alista' has depth = 16"
run 2 train --optimizer alista --problem recovery --A A.csv --out no.safetensors
complains "stages = 5,10,25,50,75,100 by default: the weights of 'alista' act in its first 16 steps alone"

# A network that knows four signals by heart does worse on others than an untrained one, and is warned of; one that saw
# drawn ones is not.
few="--preset default --optimizer lista-cp --problem recovery --A A.csv --stage-draws 20 --evaluate-every 20 --quiet"
run 0 train $few --b few-B.csv --truth few-X.csv --outer-rate 1e-2 --finish-draws 20 --out few.safetensors
complains "the weights are worse than untrained ones there; train on more instances, or on drawn ones"
run 0 train $few --density 0.1 --finish-draws 20 --out drawn.safetensors
! grep -q warning err || fail "training on drawn signals is warned of"

# Adaptation ends with the layers where nothing is said, and is judged as training was.
on="--problem recovery --A A.csv --density 0.1 --x0 0"
run 0 train $tista --depth 4 --out four.safetensors
run 0 adapt --weights four.safetensors $on --out adapted.safetensors --json
cp out default.json
run 0 adapt --weights four.safetensors $on --out said.safetensors --unroll 4 --evaluation-steps 4 --meta-loss log-last --json
for key in '"minimum"' '"last"' '"measuring_evaluations"'; do
    [ "$(grep -F "$key" out)" = "$(grep -F "$key" default.json)" ] || fail "adaptation does not end with the layers: $key"
done
run 0 info adapted.safetensors --json
grep -q '"evaluation-steps": "4"' out || fail "the file of adapted weights does not say over how many steps they were measured"
grep -q '"meta-loss": "log-last"' out || fail "the file of adapted weights does not say by what meta-loss"
# Fresh weights were trained by nothing: f after the last layer.
hyper="--optimizer hyperlista --depth 6 $on --batch 32 --adaptation-optimizer search --adaptation-updates 2"
run 0 adapt $hyper --out fresh.safetensors --json
grep -v '"seconds"\|measuring_seconds\|"weights"' out >default.json
run 0 adapt $hyper --unroll 6 --evaluation-steps 6 --meta-loss last --out said.safetensors --json
grep -v '"seconds"\|measuring_seconds\|"weights"' out | cmp -s - default.json || fail "fresh weights are adapted otherwise"

# Solving for the distance to the truth hands out the last iterate, for no solver knows the best; unless it is asked for.
solving="solve --weights four.safetensors --A A.csv --b B.csv"
for keep in "" "--keep-iterate last" "--keep-iterate best"; do
    run 0 $solving --problem recovery --truth X.csv --steps 30 --quiet $keep --out "recovered-${keep##* }.csv"
done
cmp -s recovered-.csv recovered-last.csv || fail "recovery does not hand out its last iterate"
! cmp -s recovered-.csv recovered-best.csv || fail "the best iterate by the truth is no other than the last"

# What a network makes of b alone is its last layer's x, however it is asked: LASSO is no other kind of problem.
run 0 $solving --problem lasso --x0 0 --steps 4 --keep-iterate last --gap 0 --quiet --out answer.csv
! grep -q warning err || fail "a network trained for recovery is warned of on lasso"
run 0 $solving --problem recovery --truth X.csv --steps 4 --gap 0 --quiet --out truth.csv
cmp -s answer.csv truth.csv || fail "the last layer's x depends on what is known of the truth"

# Where the start is optimal no step can fall below it: b = 0, a lambda above lambda_max, a truth of 0 in noise. Weights
# from a file were trained already; fresh ones were not.
open_end="--x0 0 --steps 4 --gap 0 --tolerance 0 --quiet"
awk 'BEGIN { for (k = 0; k < 2; k++) for (i = 0; i < 20; i++) printf "%s%s", k * (i % 3 - 1), i < 19 ? "," : "\n" }' >zero-B.csv
awk 'BEGIN { for (k = 0; k < 2; k++) for (j = 0; j < 40; j++) printf "%s%s", k * (j == 7), j < 39 ? "," : "\n" }' >zero-X.csv
run 0 train --preset default --optimizer lista --problem recovery --A A.csv --density 0.1 --depth 2 --stage-draws 1 \
    --finish-draws 1 --out lista.safetensors --quiet
run 0 solve --weights lista.safetensors --problem lasso --A A.csv --b zero-B.csv --lambda 1e-4 $open_end
! grep -q "never fell below" err || fail "b = 0 counts as an instance that never fell below its start"
run 0 solve --weights lista.safetensors --problem lasso --A A.csv --b few-B.csv --lambda 50 $open_end
! grep -q "never fell below" err || fail "a solution of 0 counts as an instance that never fell below its start"
awk 'NR == 2 { print; print }' zero-B.csv >noise-B.csv
run 0 solve --weights lista.safetensors --problem recovery --A A.csv --b noise-B.csv --truth zero-X.csv $open_end
[ "$(grep -c "never fell below" err)" = 1 ] || fail "nothing is said of a network that goes away from the truth"
complains "0 of 2 instances diverged and 1 never fell below the objective they started from; adapt these weights"
run 0 solve --optimizer lista:depth=2 --problem recovery --A A.csv --b noise-B.csv --truth zero-X.csv $open_end
complains "never fell below the objective they started from; train it on this dictionary"

echo "unrolled networks: as documented"
