#!/bin/sh
# Bad input: every command line below must exit with 2, print nothing on standard output and one line on standard error
# that names the culprit, and leave no file behind.
set -u
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
count=0

mkdir in
cd in || exit 1
printf 'batch = 4\nn = three\n' >word.ini
printf 'batch = 4\nbatsch = 3\n' >unknown.ini
printf 'batch = 4\nbatch = 5\n' >twice.ini
printf 'this line says nothing\n' >noise.ini
printf 'preset = nowhere\n' >preset.ini
printf 'batch = 4\n' >fine.ini
printf 'nonsense' >bad.safetensors
printf 'nonsense' >bad.npz
printf '1 2 3\n4 5\n' >ragged.csv
printf '1 2 3\n4 5 6\n' >two.csv
printf '1 2\n' >short.csv
"$l2o" train --quiet --problem lasso --n 3 --batch 4 --layers 1 --hidden 4 --unroll 3 --stages 1 --stage-draws 1 \
    --out good.safetensors || { echo "training fails"; exit 1; }
head -c 300 good.safetensors >cut.safetensors
printf '{"format": "l2o results 1", "title": "t", "figures": [{"title": "f"}]}' >half.json
printf '{"format": "something else"}' >other.json
printf '{"event": "draw"}\n' >odd.log.jsonl
mkdir folder
ls -lR . >../before

bad() { # bad CULPRIT WORD...: `l2o WORD...` is refused with a sentence that contains CULPRIT
    culprit=$1
    shift
    count=$((count + 1))
    "$l2o" "$@" >../out 2>../err </dev/null
    code=$?
    why=
    [ "$code" = 2 ] || why="exit code $code instead of 2"
    [ "$(wc -l <../err)" -eq 1 ] || why="$why; $(wc -l <../err) lines on standard error"
    grep -q '^l2o: ' ../err || why="$why; no 'l2o: ' in front"
    grep -qF -- "$culprit" ../err || why="$why; '$culprit' is not named"
    [ -s ../out ] && why="$why; something on standard output"
    ls -lR . >../after
    cmp -s ../before ../after || { why="$why; files have changed"; cp ../after ../before; }
    if [ -n "$why" ]; then
        echo "l2o $*: ${why#; }"
        sed 's/^/    /' ../err
        failed=1
    fi
}

# Commands and options.
bad "which command"
bad "'trian'; did you mean 'train'" trian
bad "'nothing'" nothing
bad "'--batch'" --batch 4
bad "'trane'" help trane
bad "--bacth; did you mean --batch" solve --bacth 4
bad "--quite; did you mean --quiet" solve --quite
bad "--svg" solve --svg x.svg
bad "--zzzzzzzz" compare --zzzzzzzz
bad "--batch" list problems --batch 4
bad "--batch needs a value" solve --batch
bad "--batch needs a value" solve --batch --n 4
bad "--out needs a value" solve --out
bad "--json takes no value" solve --json=yes
bad "'-n' is no option" solve -n 4
bad "'stray'" solve stray
bad "'stray'" check stray
bad "write --weights before it" solve good.safetensors
bad "give one INI file" solve fine.ini --config fine.ini
bad "two ways to say one thing" solve --weights good.safetensors --optimizer fista
bad "'fista' is no file of weights" solve --weights fista
bad "--threads" solve --threads many
bad "threads is 5000" solve --threads 5000
bad "sse9" solve --kernel sse9
bad "what to list" list
bad "'problem'; did you mean 'problems'" list problem
bad "l2o info FILE" info
bad "l2o report DIR" report
bad "folder: holds no results.json" report folder
bad "missing.json" report missing.json
bad "half.json: figures[0].series is missing" report half.json
bad "other.json: not a results file" report other.json
bad "bad.safetensors" report bad.safetensors
bad "odd.log.jsonl: line 1" report odd.log.jsonl
bad "'other.json'" report half.json other.json
bad "nowhere/page.html" report good.safetensors --out nowhere/page.html

# Values.
bad "--batch" solve --batch four
bad "--batch" solve --batch 0
bad "--batch" solve --batch 1e3
bad "--batch" solve --batch -3
bad "--dtype" solve --dtype float16
bad "'resume' is yes or no, not 'maybe'" train --resume=maybe --out x.safetensors
bad "nope" solve --problem nope
bad "nope" solve --optimizer nope
bad "--hidden" solve --optimizer fista --n 3 --batch 4 --hidden 3
bad "--unroll" solve --optimizer fista --unroll 7
bad "normal:a" solve --optimizer fista --A normal:a
bad "lambda" solve --optimizer fista --lambda -1
bad "lambda-relative" solve --optimizer fista --lambda 1 --lambda-relative 0.1
bad "nowhere" solve --preset nowhere

bad "'lambda'" solve --problem quadratic --optimizer fista --n 3 --batch 4 --lambda 1

# INI files.
bad "word.ini:2" solve word.ini
bad "unknown.ini:2" solve unknown.ini
bad "twice.ini" solve twice.ini
bad "noise.ini" solve noise.ini
bad "preset.ini:1" solve preset.ini
bad "missing.ini" solve missing.ini
bad "missing.ini" train --config missing.ini --out x.safetensors

# Files that are read.
bad "missing.csv" solve --optimizer fista --A missing.csv
bad "ragged.csv" solve --optimizer fista --A ragged.csv --b two.csv
bad "short.csv" solve --optimizer fista --A two.csv --b short.csv --b-layout columns
bad "bad.npz" solve --optimizer fista --A bad.npz:A
bad "bad.safetensors" solve --weights bad.safetensors --n 3 --batch 2
bad "cut.safetensors" solve --weights cut.safetensors --n 3 --batch 2
bad "missing.safetensors" adapt --weights missing.safetensors --out y.safetensors
bad "hidden" solve --weights good.safetensors --hidden 9 --n 3 --batch 2
bad "bad.safetensors" info bad.safetensors
bad "missing.safetensors" info missing.safetensors
bad "bad.npz" check --vectors bad.npz
bad "missing.npz" check --vectors missing.npz
bad "--batch" check --vectors bad.npz --batch 3
bad "fine.ini" check --vectors bad.npz fine.ini

# Files that are written.
bad "needs --out" train --n 3 --batch 4
bad "needs --out" adapt --weights good.safetensors
bad "needs --weights" adapt --out y.safetensors
bad "nowhere/x.safetensors" train --n 3 --batch 4 --out nowhere/x.safetensors
bad "folder is a directory" train --n 3 --batch 4 --out folder
bad "x.weights" train --n 3 --batch 4 --out x.weights
bad "nowhere/y.npy" solve --optimizer fista --n 3 --batch 4 --out nowhere/y.npy
bad "y.xyz" solve --optimizer fista --n 3 --batch 4 --out y.xyz
bad "nowhere/t.json" compare --optimizers fista --n 3 --batch 4 --steps 3 --out nowhere/t.json
bad "nowhere/c.svg" compare --optimizers fista --n 3 --batch 4 --steps 3 --svg nowhere/c.svg
bad "nope" compare --optimizers nope --n 3 --batch 4 --steps 3
bad "missing.safetensors" compare --optimizers fista,missing.safetensors --n 3 --batch 4 --steps 3
bad "hand-designed" train --optimizer adam --n 3 --batch 4 --out x.safetensors
bad "fista" adapt --optimizer fista --n 3 --batch 4 --out x.safetensors

# A full disk.
if [ -c /dev/full ]; then
    ln -s /dev/full full.npy
    ln -s /dev/full full.safetensors
    ln -s /dev/full full.json
    ls -lR . >../before
    bad "full" solve --optimizer fista --n 3 --batch 4 --steps 3 --out full.npy
    bad "full" adapt --weights good.safetensors --n 3 --batch 4 --evaluation-steps 3 --out full.safetensors --quiet
    bad "full" compare --optimizers fista --n 3 --batch 4 --steps 3 --out full.json --quiet
    bad "full" list settings --out full.json
    "$l2o" list settings >/dev/full 2>../err
    code=$?
    [ "$code" = 2 ] && [ "$(wc -l <../err)" -eq 1 ] ||
        { echo "with standard output on a full disk: exit code $code"; cat ../err; failed=1; }
fi

# A limit of file sizes, in blocks of 512 bytes; clang's OpenMP makes a file of 1024 as the program is loaded.
# ThreadSanitizer makes one of half a megabyte, so it cannot run under such a limit.
if [ "${L2O_SANITIZE:-}" != thread ]; then
    ls -lR . >../before
    for words in "solve --optimizer fista --n 50 --batch 100 --steps 3 --out big.npy" "list settings --out big.txt"; do
        (ulimit -f 8 && exec "$l2o" $words) >../out 2>../err
        code=$?
        ls -lR . >../after
        [ "$code" = 2 ] && [ "$(wc -l <../err)" -eq 1 ] && cmp -s ../before ../after ||
            { echo "l2o $words with a limit of file sizes: exit code $code"; cat ../err; failed=1; }
    done
fi

# A folder that cannot be written to; root can write anywhere.
if [ "$(id -u)" != 0 ]; then
    mkdir locked
    chmod a-w locked
    ls -lR . >../before
    bad "locked" solve --optimizer fista --n 3 --batch 4 --out locked/x.npy
    bad "locked" train --n 3 --batch 4 --out locked/x.safetensors
fi

echo "$count bad command lines"
exit $failed
