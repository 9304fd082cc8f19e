#!/bin/sh
# Both libraries export symbols that begin with l2o_, and no others: internal functions have plain names, which must
# not meet those of the program that links the library.
set -u
if [ -n "${L2O_SANITIZE:-}" ]; then
    echo "skipped: a sanitizer adds symbols of its own"
    exit 77
fi
build=${L2O_BUILD_DIR:-build}
failed=0

check() { # check FILE NM-OPTION...
    file=$1
    shift
    if [ ! -f "$file" ]; then
        echo "$file is missing"
        failed=1
        return
    fi
    names=$(nm "$@" --defined-only "$file" | awk 'NF >= 3 { print $3 }') || failed=1
    foreign=$(printf '%s\n' "$names" | grep -Ev '^(l2o_|$)')
    count=$(printf '%s\n' "$names" | grep -c '^l2o_')
    if [ -n "$foreign" ]; then
        echo "$file exports names that do not begin with l2o_ (is an L2O_API too many, or -fvisibility=hidden lost?):"
        printf '%s\n' "$foreign" | sed 's/^/    /'
        failed=1
    fi
    if [ "$count" -eq 0 ]; then
        echo "$file exports nothing: public functions are marked L2O_API"
        failed=1
    fi
    echo "$file: $count symbols"
}

check "$build/libl2o.so" -D
check "$build/libl2o.a" -g
exit $failed
