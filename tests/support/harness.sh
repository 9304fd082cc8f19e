# For the tests of the tool, which source this file: the tool and the folder of the sources by name, an empty folder to
# work in, and what a command printed.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
source=$PWD
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() {
    echo "$*"
    cat out err 2>/dev/null
    exit 1
}
run() { # run CODE WORD...: l2o WORD..., into the files out and err
    wanted=$1
    shift
    "$l2o" "$@" >out 2>err </dev/null
    code=$?
    [ "$code" = "$wanted" ] || fail "l2o $*: exit code $code instead of $wanted"
}
says() { grep -qF -- "$1" out || fail "'$1' is not printed"; }
complains() { grep -qF -- "$1" err || fail "'$1' is not said"; }
