#!/bin/sh
# The kernels on another processor: the portable path compiled for 64-bit ARM, where its vectors are NEON's, and its
# tests run by an emulator. Skipped where there is no cross compiler.
set -eu
compiler=aarch64-linux-gnu-gcc
emulator=qemu-aarch64
for tool in $compiler $emulator; do
    command -v $tool >/dev/null || {
        echo "skipped: $tool is not installed (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"
        exit 77
    }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-std=c17 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow=local -Werror -ffp-contract=off -fopenmp-simd
    -D_POSIX_C_SOURCE=200809L -Iinclude -Isrc -Itests -isystem tests/cross"
# shellcheck disable=SC2086
$compiler $flags -O3 -fno-math-errno -fno-trapping-math -c src/tensor/kernels_portable.c -o "$work/portable.o"
aarch64-linux-gnu-objdump -d "$work/portable.o" | grep -q 'fmla.*\.4s' || {
    echo "the portable kernels for ARM do not use NEON's multiply-add" >&2
    exit 1
}
for test in tests/test_kernels*.c; do
    # shellcheck disable=SC2086
    $compiler $flags -static "$test" src/tensor/kernels.c src/tensor/blas.c src/base/error.c \
        src/base/random.c "$work/portable.o" -o "$work/test" -lm
    $emulator "$work/test"
done
