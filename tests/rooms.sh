#!/bin/sh
# The rooms of docs/design.md: a file includes from its own room and from rooms above it in the list, never from one
# below; the tool and the examples see public headers only. And sizes: no file over 900 lines, the median under 300.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
# tensor stands before dist because a context holds the kernels that were chosen for it, and kernels know no threads.
rooms="base tensor dist autodiff io problems optimizers run meta solve experiment report"
failed=0

if [ -f docs/design.md ]; then
    listed=$(sed -n 's/^| *`src\/\([a-z]*\)\/`.*/\1/p' docs/design.md | tr '\n' ' ')
    if [ "${listed% }" != "$rooms" ]; then
        echo "the rooms of docs/design.md (${listed% }) and those of tests/rooms.sh ($rooms) differ: bring them in line"
        failed=1
    fi
fi

for folder in src/*/; do
    room=$(basename "$folder")
    case " $rooms " in
    *" $room "*) ;;
    *)
        echo "$folder is not a room: add it to the list in docs/design.md and, at the same place, in tests/rooms.sh"
        failed=1
        ;;
    esac
done

files=$(find include src cli tests bench examples fuzz \( -name '*.c' -o -name '*.h' \) -type f 2>/dev/null | sort)
# shellcheck disable=SC2086
awk -v rooms="$rooms" '
    function complain(text) {
        printf "%s:%d: %s\n", FILENAME, FNR, text
        failed = 1
    }
    function exists(path,    line, found) {
        found = (getline line < path) >= 0
        close(path)
        return found
    }
    BEGIN {
        count = split(rooms, list, " ")
        for (i = 1; i <= count; i++) rank[list[i]] = i
    }
    FNR == 1 {
        split(FILENAME, part, "/")
        top = part[1]
        room = part[2]
        folder = FILENAME
        sub(/[^\/]*$/, "", folder)
    }
    /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        path = $0
        sub(/^[^<"]*[<"]/, "", path)
        sub(/[>"].*$/, "", path)
        split(path, piece, "/")
        from = piece[1]
        public = from == "l2o"
        internal = from in rank && exists("src/" path)
        if (public && !exists("include/" path)) complain("include/" path " does not exist")
        if (top == "include" && internal)
            complain("a public header includes \"" path "\", which is not installed")
        if (top == "src") {
            if (internal && room in rank && rank[from] > rank[room])
                complain("room " room " includes \"" path "\", but " from " lies below it in docs/design.md:" \
                    " move what both need up, or let " from " call " room " through a table of functions")
            if ($0 ~ /"/ && !public && !internal && !exists(folder path))
                complain("\"" path "\" is in no room: includes are written \"room/file.h\" or \"l2o/file.h\"")
        }
        if ((top == "cli" || top == "examples") && internal)
            complain(top "/ includes \"" path "\": it may use the public headers (l2o/...) only")
    }
    END { exit failed }
' $files || failed=1

# shellcheck disable=SC2086
wc -l $files | awk '$2 != "total" { print $1, $2 }' | sort -n | awk '
    { size[NR] = $1 }
    $1 > 900 { printf "%s has %d lines: over 900, cut it along its concepts\n", $2, $1; failed = 1 }
    END {
        median = size[int((NR + 1) / 2)]
        printf "%d files, median %d lines, largest %d\n", NR, median, size[NR]
        if (median >= 300) { print "the median file should stay under 300 lines"; failed = 1 }
        exit failed
    }' || failed=1
exit $failed
