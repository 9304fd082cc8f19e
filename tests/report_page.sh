#!/bin/sh
# A report in a browser: headless Chromium opens pages from the disk, with tests/report_page.js behind their own scripts,
# in light and dark, in a window of 360 pixels, with a hostile file, and printing.
set -u
cd "${L2O_SOURCE_DIR:-.}" || exit 1
source=$PWD
l2o=${L2O_BUILD_DIR:-$PWD/build}/l2o
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "skipped: there is no Chromium to open pages with (Debian: chromium)"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Nothing may leave the machine: names do not resolve, and what the browser wants for itself is switched off.
browse() { # browse OPTION... PAGE
    HOME=$work timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-extensions --disable-dev-shm-usage \
        --disable-background-networking --no-first-run --user-data-dir="$work/profile" \
        --host-resolver-rules='MAP * ~NOTFOUND' --window-size=1280,900 --virtual-time-budget=4000 "$@" 2>"$work/err"
}
cat >"$work/head" <<'HTML'
<script>
window.faults = [];
addEventListener("error", event => faults.push("error: " + event.message));
addEventListener("unhandledrejection", event => faults.push("rejection: " + event.reason));
addEventListener("securitypolicyviolation", event => faults.push("policy: " + event.violatedDirective + " " + event.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...words) => faults.push(kind + ": " + words.join(" "));
</script>
HTML
prepare() { # prepare SOURCE MODE: the page with the test in it, as $work/MODE.html
    "$l2o" report "$1" --out "$work/plain.html" --quiet || {
        echo "l2o report $1 failed"
        exit 1
    }
    {
        sed -e "s/^<html /&data-mode=\"$2\" /" -e "/^<head>\$/r $work/head" "$work/plain.html"
        echo "<script>"
        cat "$source/tests/report_page.js"
        echo "</script>"
    } >"$work/$2.html"
}
judge() { # judge MODE LEAST: the outcome in $work/dom, at least LEAST checks
    sed -n '/<pre id="outcome">/,/<\/pre>/p' "$work/dom" | grep -E '^(ok|FAILED) ' >"$work/outcome"
    passed=$(grep -c '^ok ' "$work/outcome")
    if grep '^FAILED' "$work/outcome" || [ "$passed" -lt "$2" ]; then
        echo "$1: $passed checks passed of $2 or more"
        [ "$passed" -gt 0 ] || tail -n 20 "$work/err"
        failed=1
    else
        echo "$1: $passed checks"
    fi
}

prepare tests/data/report/results.json light
browse --dump-dom "file://$work/light.html" >"$work/dom"
judge light 68

if browse --print-to-pdf="$work/light.pdf" --no-pdf-header-footer "file://$work/plain.html" && [ -s "$work/light.pdf" ]; then
    if grep -aq '/Subtype */Image' "$work/light.pdf"; then
        echo "print: the canvas is printed, where the SVG should be"
        failed=1
    fi
else
    echo "print: no PDF"
    tail -n 5 "$work/err"
    failed=1
fi

prepare tests/data/report/results.json dark
browse --blink-settings=preferredColorScheme=0 --dump-dom "file://$work/dark.html" >"$work/dom"
judge dark 68

prepare tests/data/report/hostile.json hostile
browse --dump-dom "file://$work/hostile.html" >"$work/dom"
judge hostile 8

prepare tests/data/report/results.json narrow
cat >"$work/frame.html" <<'HTML'
<!DOCTYPE html>
<pre id="outcome"></pre>
<script>addEventListener("message", event => document.getElementById("outcome").append(event.data));</script>
<iframe src="narrow.html" style="width: 360px; height: 800px; border: 0"></iframe>
HTML
browse --dump-dom "file://$work/frame.html" >"$work/dom"
judge narrow 8

prepare tests/data/report/training.log.jsonl training
browse --dump-dom "file://$work/training.html" >"$work/dom"
judge training 8

exit $failed
