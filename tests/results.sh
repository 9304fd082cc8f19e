#!/bin/sh
# The pages of results say what the files of results say, table by table, and these hold what their experiments claim.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
failed=0

L2O=$l2o scripts/results check || failed=1
count=0
for file in docs/results/*.json; do
    name=$(basename "$file" .json)
    count=$((count + 1))
    ! grep -q '^\[claim ' "experiments/$name.ini" || "$l2o" experiment "$name" --verify "$file" --quiet || failed=1
    cat docs/results.md docs/unrolled.md | grep -q "docs/results/$name.json" || {
        echo "no page shows anything of $file"
        failed=1
    }
done
[ $count -gt 0 ] || { echo "there are no files of results"; exit 1; }
exit $failed
