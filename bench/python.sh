# Sourced from the top of the tree: $python is the interpreter that has PyTorch, or what L2O_BENCH_PYTHON names; empty where there
# is none.
# shellcheck shell=sh
python=
for candidate in ${L2O_BENCH_PYTHON:-python3 /usr/bin/python3}; do
    if "$candidate" -c 'import torch, numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] ||
    echo "bench: no Python with torch and numpy (python3-torch, python3-numpy); only this library is timed" >&2
