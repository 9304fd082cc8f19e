#!/bin/sh
# `l2o check --vectors` on vectors of an independent implementation: every file passes in both float types and on every
# kernel this machine can run; a copy with one altered number fails, and only that array is named.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

kernels=""
for kernel in portable avx2 avx512; do
    "$l2o" check --vectors tests/data/oracles/vectors_rosen_one_step.npz --kernel $kernel >"$work/out" 2>&1
    # 2: cannot run here
    [ $? = 2 ] && [ $kernel != portable ] || kernels="$kernels $kernel"
done

check() { # check CODE FILE KERNEL TYPE
    "$l2o" check --vectors "$2" --kernel "$3" --dtype "$4" >"$work/out" 2>&1
    code=$?
    [ $code = "$1" ] && return
    echo "$2 with $4 on $3: exit code $code instead of $1"
    grep -E 'FAIL|l2o:' "$work/out"
    failed=1
}

# Beside the recorded ones, the larger ones that may stand next to the source tree.
for file in tests/data/oracles/vectors_*.npz ../shared/golden/*.npz; do
    [ -f "$file" ] || continue
    for kernel in $kernels; do
        for type in float64 float32; do
            check 0 "$file" "$kernel" $type
            if grep -q '^[^ ]* *not compared$' "$work/out"; then
                echo "$file: arrays were not compared"
                failed=1
            fi
        done
    done
done

altered() { # altered NAME ARRAY
    for kernel in $kernels; do
        for type in float64 float32; do
            check 1 "tests/data/oracles/altered_$1.npz" "$kernel" $type
            count=$(grep -c 'FAIL$' "$work/out")
            [ "$count" = 1 ] && grep -q "^$2 .*FAIL$" "$work/out" && continue
            echo "altered_$1.npz with $type on $kernel: $count arrays fail; it should be $2 alone"
            failed=1
        done
    done
}
altered trajectory f_traj
altered gradient grad2_flat
altered maml a1e-3_first_maml_grad2

exit $failed
