#!/bin/sh
# Every row of docs/dictionaries.md: what the tool says of a dictionary, measurements or truths that it cannot use as
# they are, and what it does where there is a remedy.
. "${L2O_SOURCE_DIR:-.}/tests/support/harness.sh"

# matrix NAME ROWS COLUMNS EXPRESSION: entries from i and j, which count from 0, and a fixed noise r within -1 .. 1.
matrix() {
    awk -v m="$2" -v n="$3" "BEGIN { s = 7
        for (i = 0; i < m; i++) for (j = 0; j < n; j++) { s = (s * 1103 + 12345) % 65521; r = s / 32760 - 1
            v = ($4); printf \"%s%s\", v, j == n - 1 ? \"\\n\" : \",\" } }" >"$1.csv"
}
matrix A 6 10 'r * 0.7'
matrix other 6 10 'r * (i - j) * 0.3'
matrix near 6 10 'r * 0.7 + (i == j ? 0.0001 : 0)'
matrix zero 6 10 'j == 3 ? 0 : r * 0.7'
matrix zeros 6 10 0
matrix twins 6 10 'j % 5 == 4 ? i - 2.5 : r'
matrix one_rank 6 10 '(i + 1) * (j + 1) * 0.02'
matrix row 6 10 'i == 2 ? 0 : r * 0.7'
matrix tall 12 5 'r'
matrix tall_twins 12 5 'j > 2 ? i - 5 : r'
matrix unequal 6 10 'r * 10 ^ (j % 4 - 2)'
matrix huge 6 10 'r "e20"'
matrix beyond 6 10 'r "e200"'
matrix tiny 6 10 'r "e-20"'
matrix nan 6 10 'i == 2 && j == 3 ? "nan" : r'
matrix inf 6 10 'i == 2 && j == 3 ? "inf" : r'
matrix short 5 10 'r'
matrix narrow 6 8 'r'
matrix one 1 1 2
matrix b 4 6 'r'
matrix b_short 4 5 'r'
matrix b_tall 4 12 'r'
matrix b_zero 4 6 0
matrix b_one 4 1 'i + 1'
matrix b_nan 4 6 'i == 1 && j == 2 ? "nan" : r'
matrix x 4 10 'r'
matrix x_narrow 4 9 'r'
matrix x_few 3 10 'r'
printf '%%%%MatrixMarket matrix coordinate real general\n6 10 3\n1 1 1\n2 2 1\n3 3 1\n' >sparse.mtx
# [2, 6, 10] int8 and [6, 10] int8 by hand: a header of 128 bytes, then small numbers.
integers() { # integers FILE SHAPE COUNT
    header=$(printf "{'descr': '|i1', 'fortran_order': False, 'shape': (%s), }" "$2")
    printf '\223NUMPY\001\000v\000%-117s\n' "$header" >"$1"
    awk -v n="$3" 'BEGIN { for (i = 0; i < n; i++) printf "%s", substr("\001\002\003", (i * i + int(i / 7)) % 3 + 1, 1) }' \
        >>"$1"
}
integers integers.npy "6, 10" 60
integers each.npy "4, 6, 10" 240

every="lista lista-cp lista-cpss lfista lamp alista glista tista step-lista hyperlista amp bayes-amp"
analytic="lista-cp lista-cpss lamp alista glista tista hyperlista"
lasso="--problem lasso --lambda-relative 0.1"
refused() { # refused SENTENCE WORD...
    sentence=$1
    shift
    run 2 "$@" --quiet
    complains "$sentence"
    [ "$(grep -vc '^l2o: tested on' err)" = 1 ] || fail "l2o $*: more than one line is said"
}

# No number.
for optimizer in $every fista; do
    refused "nan.csv: element [2, 3] is" solve --optimizer "$optimizer" $lasso --A nan.csv --b b.csv
    refused "inf.csv: element [2, 3] is" solve --optimizer "$optimizer" $lasso --A inf.csv --b b.csv
    refused "b_nan.csv: element [1, 2] is" solve --optimizer "$optimizer" $lasso --A A.csv --b b_nan.csv
    # What the type cannot hold.
    refused "A: beyond.csv: number 0 is" solve --optimizer "$optimizer" $lasso --A beyond.csv --b b.csv
    refused "too large for float32; scale A and b, or set dtype = float64" solve --optimizer "$optimizer" $lasso \
        --A huge.csv --b b.csv
    refused "A: tiny.csv: its squared norm" solve --optimizer "$optimizer" $lasso --A tiny.csv --b b.csv
    # Shapes.
    refused "b: b_short.csv [4, 5] does not fit A: A.csv [6, 10]" solve --optimizer "$optimizer" $lasso --A A.csv \
        --b b_short.csv
    refused "truth: x_narrow.csv [4, 9] does not fit A: A.csv [6, 10]" solve --optimizer "$optimizer" \
        --problem recovery --A A.csv --b b.csv --truth x_narrow.csv
    refused "truth: x_few.csv [3, 10] does not fit A: A.csv [6, 10]" solve --optimizer "$optimizer" \
        --problem recovery --A A.csv --b b.csv --truth x_few.csv
done
run 0 solve --optimizer lista-cp:initial-weight=scaled $lasso --A huge.csv --b b.csv --dtype float64
run 0 solve --optimizer lista-cp:initial-weight=scaled $lasso --A tiny.csv --b b.csv --dtype float64

# What is no dictionary.
for optimizer in $every; do
    refused "A: zeros.csv: the dictionary is zero" solve --optimizer "$optimizer" $lasso --A zeros.csv --b b.csv
    refused "A: sparse.mtx is sparse" solve --optimizer "$optimizer" $lasso --A sparse.mtx --b b.csv
    refused "each instance has an A of its own" solve --optimizer "$optimizer" $lasso --A each.npy --b b.csv
done
for optimizer in $analytic; do
    refused "A: zero.csv: column 3 holds nothing but zeros" solve --optimizer "$optimizer" $lasso --A zero.csv --b b.csv
done
for optimizer in lista lfista step-lista lista-cp:initial-weight=scaled lamp:initial-weight=scaled; do
    run 0 solve --optimizer "$optimizer" $lasso --A zero.csv --b b.csv
done
refused "A: zero.csv: column 3" train --optimizer lista-cp:depth=2 $lasso --A zero.csv --b truth --out no.safetensors
refused "'alista': A: zero.csv: column 3" compare --optimizers alista,fista $lasso --A zero.csv --b b.csv --steps 3
refused "A: zero.csv: column 3" check --optimizer alista:depth=2 $lasso --A zero.csv --b b.csv

# What has a remedy: the run ends with FISTA at the optimum, whatever the layers did, or is told to have diverged.
for a in twins row one_rank unequal integers.npy A; do
    for optimizer in lista lfista step-lista lista-cp:initial-weight=scaled lista-cpss:initial-weight=scaled \
        glista:initial-weight=scaled; do
        run 0 solve --optimizer "$optimizer" $lasso --A "${a%.npy}.$([ "$a" = integers.npy ] && echo npy || echo csv)" \
            --b b.csv --steps 20000 --gap 1e-3
        says "4 of 4 instances solved"
    done
    for optimizer in $every; do
        "$l2o" solve --optimizer "$optimizer" $lasso --A "${a%.npy}.$([ "$a" = integers.npy ] && echo npy || echo csv)" \
            --b b.csv --steps 20 --json >out 2>err
        code=$?
        grep -q '"diverged": 0' out || grep -q "warning: under '$optimizer'" err || fail "$a, $optimizer: no remedy"
        [ $code -le 1 ] || fail "$a, $optimizer: exit code $code"
    done
done
for a in tall tall_twins; do
    run 0 solve --optimizer lista-cp $lasso --A $a.csv --b b_tall.csv
    run 0 solve --optimizer hyperlista $lasso --A $a.csv --b b_tall.csv
done
for optimizer in $every; do
    run 0 solve --optimizer "$optimizer" $lasso --A one.csv --b b_one.csv
    run 0 solve --optimizer "$optimizer" --problem lasso --lambda 0.1 --A A.csv --b b_zero.csv
    says "4 of 4 instances solved"
done

# Divergence is told, with what helps.
run 1 solve --optimizer alista $lasso --A one_rank.csv --b b.csv --steps 16 --quiet
complains "train it on this dictionary"
run 1 solve --optimizer lista-cp $lasso --A one_rank.csv --b b.csv --steps 16 --quiet
complains "begin with initial-weight = scaled"
run 0 compare --optimizers lista-cp,fista $lasso --A one_rank.csv --b b.csv --steps 16 --quiet
complains "'lista-cp' ends at a mean objective of"
run 0 check --optimizer alista $lasso --A one_rank.csv --b b.csv
says "the optimizer diverges here; train it on this dictionary"

# Weights know the dictionary that their matrices were trained on.
for optimizer in lista lista-cp alista; do
    run 0 train --optimizer $optimizer:depth=2 --problem recovery --A A.csv --b truth --batch 16 --unroll 2 \
        --stages 1 --stage-draws 2 --quiet --out $optimizer.safetensors
done
run 0 info lista.safetensors
says "dictionary"
on="--problem recovery --b truth --batch 4 --steps 2 --quiet"
for optimizer in lista lista-cp; do
    refused "made for a dictionary of 6 x 10, and the problem's A: short.csv is 5 x 10" solve \
        --weights $optimizer.safetensors $on --A short.csv
    refused "made for a dictionary of 6 x 10, and the problem's A: narrow.csv is 6 x 8" solve \
        --weights $optimizer.safetensors $on --A narrow.csv
    refused "narrow.csv is 6 x 8" compare --optimizers $optimizer.safetensors $on --A narrow.csv
    refused "narrow.csv is 6 x 8" adapt --weights $optimizer.safetensors --problem recovery --b truth --batch 4 \
        --A narrow.csv --out no.safetensors
    refused "narrow.csv is 6 x 8" check --weights $optimizer.safetensors --problem recovery --b truth --batch 4 \
        --A narrow.csv
done
for optimizer in lista lista-cp alista; do
    for a in A near; do
        "$l2o" solve --weights $optimizer.safetensors $on --A $a.csv >out 2>err
        ! grep -q "another dictionary" err || fail "$optimizer: $a is taken for another dictionary"
    done
done
# A matrix of one row is one, too.
matrix flat 1 10 'r'
matrix other_flat 1 10 'r * (1 + j)'
run 0 train --optimizer lista-cp:depth=2:initial-weight=scaled --problem recovery --A flat.csv --b truth --batch 16 \
    --unroll 2 --stages 1 --stage-draws 2 --quiet --out flat.safetensors
"$l2o" solve --weights flat.safetensors $on --A other_flat.csv >out 2>err
complains "hold matrices learned for another dictionary"
# Numbers alone serve dictionaries of every size, and what is trained further on one names that one.
for a in short narrow tall; do
    "$l2o" solve --weights alista.safetensors $on --A $a.csv >out 2>err || [ $? = 1 ] || fail "alista on $a: $(cat err)"
    run 0 compare --optimizers alista.safetensors $on --A $a.csv
    run 0 adapt --weights alista.safetensors --problem recovery --b truth --batch 4 --A $a.csv --quiet \
        --out adapted.safetensors
    run 0 check --weights alista.safetensors --problem recovery --b truth --batch 4 --A $a.csv
    run 0 train --weights alista.safetensors --problem recovery --A $a.csv --b truth --batch 4 --unroll 2 --stages 1 \
        --stage-draws 2 --quiet --out further.safetensors
done
"$l2o" solve --weights alista.safetensors $on --A tall.csv >out 2>err
complains "dictionary 12 x 5 instead of 6 x 10"
"$l2o" solve --weights alista.safetensors $on --A short.csv >out 2>err
! grep -q "instead of 6 x 10" err || fail "alista is warned of a shape that it serves"
"$l2o" compare --optimizers alista-1.safetensors --problem recovery --m 512 --n 1024 --shared-A yes --unit-columns yes \
    --b truth --density 0.1 --batch 4 --runs 1 --steps 16 >out 2>err
! grep -q warning err || fail "alista-1 is warned of on 512 x 1024: $(cat err)"
run 0 info further.safetensors
says "shape                 12, 5"
! grep -q dictionary-rows out || fail "ALISTA's file names a size"
for optimizer in lista lista-cp; do
    "$l2o" solve --weights $optimizer.safetensors $on --A other.csv >out 2>err
    complains "hold matrices learned for another dictionary"
    "$l2o" compare --optimizers $optimizer.safetensors $on --A other.csv >out 2>err
    complains "hold matrices learned for another dictionary"
    run 0 adapt --weights $optimizer.safetensors --problem recovery --b truth --batch 4 --A other.csv --quiet \
        --out adapted.safetensors
done
"$l2o" solve --weights alista.safetensors $on --A other.csv >out 2>err
! grep -q "another dictionary" err || fail "alista holds no matrix, but is warned of"
echo "dictionaries: as documented"
