#!/bin/sh
# count.sh BUILD: prints "WORKLOAD KERNEL INSTRUCTIONS" for each small workload of bench_instructions, as callgrind counts
# them inside instructions_counted(). What could sway the counts is kept out: threads, the environment, random addresses,
# and the sizes of caches, from which the C library chooses how to copy memory. AVX-512 is left out: valgrind does not
# know it.
set -eu
program=$1/bench/bench_instructions
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tunables=glibc.cpu.x86_non_temporal_threshold=0x1000000:glibc.cpu.x86_rep_movsb_threshold=0x1000000
tunables=$tunables:glibc.cpu.x86_rep_stosb_threshold=0x1000000
steady=
if command -v setarch >/dev/null 2>&1 && setarch -R true 2>/dev/null; then steady="setarch -R"; fi
for kernel in avx2 portable; do
    for workload in a b c d e; do
        $steady env -i PATH="$PATH" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 GLIBC_TUNABLES="$tunables" \
            valgrind --tool=callgrind --toggle-collect=instructions_counted --callgrind-out-file="$work/out" \
            --log-file="$work/log" "$program" $workload $kernel || {
            cat "$work/log" >&2
            exit 1
        }
        echo "$workload $kernel $(sed -n 's/^summary: *//p' "$work/out")"
    done
done
