#!/bin/sh
# The weights that ship: each file loads, says by which recipe of the experiments it was trained, and has its line in
# models/README.md; and the first updates of each recipe give the recorded bits, on the portable kernels and without
# BLAS, for which all products are too small. tests/data/models.sha256 is made by `sh tests/models.sh record`.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
source=$PWD
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
recorded=$source/tests/data/models.sha256
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

complain() {
    echo "$*"
    failed=1
}

# The checksum of what lies behind the header: program and version stand in that, the weights do not.
bits() {
    header=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c +$((header + 9)) "$1" | sha256sum | cut -d ' ' -f 1
}

prefix() { # prefix EXPERIMENT SEED OPTION...: three updates of each of its recipes that ship
    experiment=$1
    seed=$2
    shift 2
    "$l2o" experiment "$experiment" --ship "$work/shipped" --cache "$work/cache-$experiment" --seeds "$seed" --updates 3 \
        --evaluate-every 0 --kernel portable --threads 2 --quiet "$@" 2>"$work/err" ||
        complain "$experiment: $(cat "$work/err")"
}

prefixes() {
    prefix ml2o-best 11
    prefix ml2o-table1 1
    prefix ml2o-presets 1
    prefix lista-fig6 1
    prefix lista-fig6-small 1
    prefix lista-fig5a 1 --m 16 --n 32 # at their own size products are BLAS's
    prefix lista-fig5b 1 --m 16 --n 32
    for file in "$work"/shipped/*.safetensors; do echo "$(bits "$file")  $(basename "$file")"; done
}

if [ "${1:-}" = record ]; then
    prefixes >"$recorded"
    exit $failed
fi

"$l2o" list models --markdown >"$work/list" || complain "the list of weights cannot be made"
count=0
for file in models/*.safetensors; do
    name=$(basename "$file")
    count=$((count + 1))
    grep -q "^| $name *| [a-z0-9]*-.*\[weights .*\] *| *[0-9]* | *[0-9]* | [a-z]" "$work/list" ||
        complain "$file: no experiment asks for weights of its recipe: $(grep "^| $name " "$work/list")"
    [ "$(wc -c <"$file")" -le 196608 ] || complain "$file: larger than 192 KiB"
    ! "$l2o" info "$file" | grep -q 'F64$' || complain "$file: not in float32"
    grep -q "^$name,>\{0,1\}[0-9]*," models/times.csv || complain "$file: models/times.csv does not say how long it took"
    family=$(echo "$name" | sed 's/-[0-9]*\.safetensors$//')
    grep -q "^- \`$family\`: " models/README.md || complain "$file: models/README.md does not say what it is good for"
done
[ $count -gt 0 ] || complain "there are no weights in models/"
[ "$(grep -c 'safetensors' "$work/list")" = $count ] || complain "the list does not hold the $count files of models/"

L2O=$l2o scripts/models readme "$work/README.md"
cmp models/README.md "$work/README.md" || complain "models/README.md is stale; run: scripts/models readme"

# By its bare name, from anywhere.
(cd "$work" && "$l2o" info "$name" >info.txt) || complain "$name is not found from another folder"

if [ -n "${L2O_SANITIZE:-}" ]; then
    exit $failed # the rest is the work of other tests there, and slow
fi
prefixes >"$work/sums"
diff "$recorded" "$work/sums" || complain "the first updates do not give the recorded bits"

# What is there from the same recipe is left alone; of another recipe, it is replaced.
again() { # again UPDATES
    "$l2o" experiment ml2o-table1 --ship "$work/shipped" --cache "$work/cache-again" --seeds 1 --updates "$1" \
        --evaluate-every 0 --kernel portable --threads 2 2>&1 | grep -c '^shipped '
}
[ "$(again 3)" = 0 ] || complain "weights that were there are trained again"
[ "$(again 2)" = 2 ] || complain "weights of another recipe are taken for those asked for"
exit $failed
