#!/bin/sh
# Installs to a temporary prefix and uses what lies there as a stranger would: each header alone, as C and as C++; a
# program through pkg-config, shared and static; a CMake project through find_package(l2o); and the tool.
set -eu
if [ -n "${L2O_SANITIZE:-}" ]; then
    echo "skipped: sanitized libraries are not for installing"
    exit 77
fi
build=${L2O_BUILD_DIR:-$PWD/build}
cc=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

step() { echo "== $*"; }

step install
cmake --install "$build" --prefix "$prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
pc=$(find "$prefix" -name l2o.pc)
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH="$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"

step "each header alone"
for header in "$prefix"/include/l2o/*.h; do
    name=$(basename "$header")
    echo "#include <l2o/$name>" >"$work/header.c"
    cp "$work/header.c" "$work/header.cpp"
    "$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" "$work/header.c" ||
        { echo "$name does not compile alone as C17"; exit 1; }
    if command -v g++ >/dev/null 2>&1; then
        g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" "$work/header.cpp" ||
            { echo "$name does not compile alone as C++11"; exit 1; }
    fi
done

mkdir "$work/user"
cat >"$work/user/main.c" <<'C'
#include <l2o/status.h>
#include <stdio.h>

/* Internal names of the library are free for its user. */
int error_set(void);
int error_set(void) { return 0; }

int main(void) { return puts(l2o_status_text(L2O_OK)) < 0 || error_set(); }
C
expect() { # expect NAME COMMAND...: it prints the text of L2O_OK
    name=$1
    shift
    text=$("$@") || { echo "$name does not run"; exit 1; }
    [ "$text" = success ] || { echo "$name printed \"$text\" instead of \"success\""; exit 1; }
}

step "pkg-config, shared"
# shellcheck disable=SC2046
"$cc" -std=c17 "$work/user/main.c" -o "$work/shared" $(pkg-config --cflags --libs l2o)
expect "the shared program" env LD_LIBRARY_PATH="$libdir" "$work/shared"

step "pkg-config, static"
# The archive by name: -ll2o would take the shared library that lies beside it.
libraries=$(pkg-config --static --libs l2o | sed "s|-ll2o|$libdir/libl2o.a|")
# shellcheck disable=SC2046,SC2086
"$cc" -std=c17 "$work/user/main.c" -o "$work/static" $(pkg-config --cflags l2o) $libraries
expect "the static program" "$work/static"

step "find_package(l2o)"
cat >"$work/user/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(l2o 0.1 REQUIRED COMPONENTS static)
add_executable(with_shared main.c)
target_link_libraries(with_shared PRIVATE l2o::l2o)
add_executable(with_static main.c)
target_link_libraries(with_static PRIVATE l2o::l2o_static)
C
{ cmake -S "$work/user" -B "$work/user/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" &&
    cmake --build "$work/user/build"; } >"$work/cmake.log" 2>&1 || { cat "$work/cmake.log"; exit 1; }
expect "the CMake program with the shared library" "$work/user/build/with_shared"
expect "the CMake program with the static library" "$work/user/build/with_static"

step "the tool"
"$prefix/bin/l2o" --version </dev/null >/dev/null || { echo "the installed tool does not run"; exit 1; }
(cd "$work" && "$prefix/bin/l2o" list models >models && "$prefix/bin/l2o" info best-ml2o-11.safetensors >model) ||
    { echo "the installed tool does not find the weights that come with it"; exit 1; }
grep -q '^best-ml2o-11.safetensors  *ml2o-' "$work/models" || { cat "$work/models"; exit 1; }
for page in man/*.1; do
    [ ! -f "$page" ] || [ -f "$prefix/share/man/man1/$(basename "$page")" ] ||
        { echo "$page is not installed"; exit 1; }
done
