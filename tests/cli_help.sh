#!/bin/sh
# Help, manual pages and the reference of settings agree with the tool and with each other, and examples can be run.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
    echo "$*"
    failed=1
}

verbs=$("$l2o" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(echo "$verbs" | wc -w)" -ge 8 ] || fail "l2o --help lists only: $verbs"
"$l2o" --version | grep -Eqx 'l2o [0-9]+\.[0-9]+\.[0-9]+' || fail "l2o --version prints $("$l2o" --version)"

for verb in $verbs; do
    "$l2o" "$verb" --help >"$work/help" 2>"$work/err" || fail "l2o $verb --help fails"
    [ -s "$work/err" ] && fail "l2o $verb --help prints on standard error"
    "$l2o" help "$verb" | cmp -s - "$work/help" || fail "l2o help $verb is not l2o $verb --help"
    "$l2o" "$verb" --batch --nonsense --help | cmp -s - "$work/help" || fail "l2o $verb ... --help does not help"
    for section in Usage Examples Options More; do
        grep -q "^$section:" "$work/help" || fail "l2o $verb --help has no section $section"
    done
    awk -v verb="$verb" 'length($0) > 100 { print "l2o " verb " --help has a line over 100 characters: " $0; bad = 1 }
        END { exit bad }' "$work/help" || failed=1
    grep -q "^  l2o $verb" "$work/help" || fail "l2o $verb --help has no example"
    # Options named in examples exist. A flag that does not exist is refused before anything else is looked at.
    for option in $(sed -n '/^Usage:/,/^Options:/p' "$work/help" | grep -o -- '--[a-zA-Z0-9][a-zA-Z0-9-]*' | sort -u); do
        case $option in --SETTING | --help) continue ;; esac
        grep -q -- "^  $option" "$work/help" || fail "l2o $verb --help uses $option but does not explain it"
    done
    "$l2o" "$verb" --no-such-option 2>/dev/null
    [ $? = 2 ] || fail "l2o $verb --no-such-option does not exit with 2"
done

# Examples of verbs that end soon are run as they stand, on files of these names; `|| exit` says which fails.
awk 'BEGIN { for (i = 0; i < 20; i++) for (j = 0; j < 30; j++) printf "%s%s", sin(i * 31 + j * j), j == 29 ? "\n" : "," }' >"$work/A.csv"
awk 'BEGIN { for (i = 0; i < 40; i++) for (j = 0; j < 20; j++) printf "%s%s", cos(i * i + 7 * j), j == 19 ? "\n" : "," }' >"$work/b.csv"
"$l2o" train --preset quick --problem lasso --updates 1 --evaluate-every 0 --hidden 4 --out "$work/ml2o.safetensors" --quiet \
    2>"$work/err" || fail "no weights for the examples: $(cat "$work/err")"
cp "$work/ml2o.safetensors" "$work/adapted.safetensors"
for verb in adapt solve; do
    "$l2o" help "$verb" | sed -n '/^Examples:/,/^Options:/s/^  //p' | grep -v '^#' |
        sed -e "s|^l2o|'$l2o'|" -e 's|data\.npz:A|A.csv|; s|data\.npz:b|b.csv|; s|dictionary\.npy|A.csv|' -e 's/[^\\]$/& || exit 1/' \
            >"$work/examples"
    [ "$(grep -c 'exit 1' "$work/examples")" -ge 2 ] || fail "l2o $verb --help: no examples are found"
    (cd "$work" && sh -e examples) >"$work/out" 2>"$work/err" || fail "an example of l2o $verb --help fails: $(cat "$work/err")"
done

# Every setting is in the help of a command.
for verb in $verbs; do "$l2o" "$verb" --help; done >"$work/all"
"$l2o" list settings --json | sed -n 's/^ *"name": "\(.*\)",$/\1/p' | sort -u >"$work/names"
[ "$(wc -l <"$work/names")" -ge 50 ] || fail "l2o list settings lists $(wc -l <"$work/names") settings"
while read -r name; do
    grep -q -- "^  --$name\( \|$\)" "$work/all" || fail "no command's help shows the setting $name"
done <"$work/names"

for kind in problems optimizers estimators meta-losses presets kernels; do
    "$l2o" list "$kind" >"$work/list" || fail "l2o list $kind fails"
    [ "$(wc -l <"$work/list")" -ge 3 ] || fail "l2o list $kind lists nothing"
    "$l2o" list "$kind" --markdown | head -n 2 | tail -n 1 | grep -q '^| -' || fail "l2o list $kind --markdown is none"
done

# What is kept in the source tree is what the tool prints.
scripts/manual "$l2o" "$work/man" || fail "scripts/manual fails"
diff -r man "$work/man" >"$work/diff" || { fail "man/ is not up to date; run scripts/manual:"; head -n 20 "$work/diff"; }
for verb in $verbs; do [ -f "man/l2o-$verb.1" ] || fail "there is no man/l2o-$verb.1"; done
"$l2o" list settings --markdown --out "$work/settings.md" || fail "l2o list settings --markdown --out fails"
cmp "$work/settings.md" docs/settings.md ||
    fail "docs/settings.md is not up to date; run: build/l2o list settings --markdown --out docs/settings.md"
if command -v man >/dev/null 2>&1 && command -v groff >/dev/null 2>&1; then
    for page in man/*.1; do
        warnings=$(groff -man -Tascii -ww -z "$page" 2>&1)
        [ -z "$warnings" ] || fail "$page: $warnings"
    done
fi
exit $failed
