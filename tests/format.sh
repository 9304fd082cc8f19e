#!/bin/sh
# Every tracked C file is as clang-format leaves it. Releases format differently, so one is meant: 14, as in Debian 12.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
formatter=$(command -v clang-format-14 || command -v clang-format) || {
    echo "skipped: clang-format is not installed"
    exit 77
}
case $("$formatter" --version) in
*"version 14."*) ;;
*)
    echo "skipped: $("$formatter" --version) is not version 14"
    exit 77
    ;;
esac
if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    echo "skipped: not a git checkout"
    exit 77
fi
git ls-files -z '*.c' '*.h' | xargs -0 "$formatter" --dry-run -Werror || {
    echo "run: make format"
    exit 1
}
