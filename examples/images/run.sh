#!/bin/sh
# Natural images through sparse coding, from scratch: photographs, a dictionary learned from some, the others denoised
# and restored from a quarter of the measurements, by classical solvers and by one that is meta-trained on the first.
# A few minutes on one core; the work goes to build/images/.
#
# The photographs are those of the Debian package lomiri-wallpapers-16.04 (licences and authors: docs/images.md). They
# are taken from where it is installed, else it is downloaded and unpacked, which does not need root.
set -eu
out=${L2O_IMAGES_OUT:-build/images}
program=${L2O_IMAGES:-build/examples/images/images}
tool=${L2O:-build/l2o}
package=lomiri-wallpapers-16.04
# What they are called here, and by the package: eight to learn from, three to test on.
train='mountain=aitzgorri_by_Aitzol_Berasategi stream=life_by_Aitzol_Berasategi fig=Picture_0B_by_freespace
drum=Wine_by_Jakkub_Mede sunset=sunset_by_Aitzol_Berasategi clock=greentock_by_Peter_Nerlich
seeds=seeding_by_Clements_Engelhardt dragonfly=Dragonfly_by_Bolly'
test='dogs=friends_by_Aitzol_Berasategi brushes=Picture_1A_by_freespace peaks=picosdeeuropa_by_Aitzol_Berasategi'

photographs() { # prints the folder that holds them
    for root in "" "$out/package"; do
        folder=$root/usr/share/backgrounds
        if [ -e "$folder/friends_by_Aitzol_Berasategi.jpg" ]; then
            echo "$folder"
            return
        fi
    done
    mkdir -p "$out/package"
    (
        cd "$out/package"
        apt-get download -q -o APT::Sandbox::User=root "$package" && dpkg-deb -x "$package"_*.deb .
    ) >&2 || {
        echo "run.sh: apt-get could not download $package; apt-get update, or install it, then try again" >&2
        exit 1
    }
    echo "$out/package/usr/share/backgrounds"
}

convert() { # convert FOLDER NAME=PHOTOGRAPH...: into $out/FOLDER/NAME.pgm, grey, 512 pixels on the longer side
    to=$out/$1
    shift
    mkdir -p "$to"
    for pair in "$@"; do
        image=$to/${pair%%=*}.pgm
        [ -e "$image" ] && continue
        jpegtopnm -quiet "$from/${pair#*=}.jpg" | ppmtopgm | pamscale -xyfit 512 512 >"$image.part"
        mv "$image.part" "$image"
    done
}

list() { # list FOLDER NAME=PHOTOGRAPH...: the images, separated by commas
    to=$out/$1
    shift
    for pair in "$@"; do echo "$to/${pair%%=*}.pgm"; done | paste -s -d , -
}

from=$(photographs)
# shellcheck disable=SC2086
{
    convert train $train
    convert test $test
    train=$(list train $train)
    test=$(list test $test)
}

echo "1/3  A dictionary of 128 atoms from 20,000 patches of eight photographs"
"$program" learn --images "$train" --out "$out"
pnmtopng -quiet "$out/dictionary.pgm" >"$out/dictionary.png"

# task FOLDER LAMBDA OPTION...: LISTA-CP meta-trained on the task's signals from the photographs to learn from, then the
# table and the pictures of the others
task() {
    folder=$out/$1
    lambda=$2
    shift 2
    mkdir -p "$folder/train"
    "$program" signals --images "$train" --dictionary "$out/dictionary.npy" --out "$folder/train" "$@"
    "$tool" train --optimizer lista-cp --initial-weight scaled --initial-lambda "$lambda" --problem lasso \
        --A "$folder/train/A.npy" --b "$folder/train/b.npy" --lambda "$lambda" --x0 fixed:0 --estimator plain \
        --unroll 16 --meta-loss last --stages 1 --stage-draws 2000 --early-stop no --outer-rate 4e-4 \
        --outer-schedule cosine --threads 1 --quiet --out "$folder/lista-cp.safetensors"
    "$program" restore --images "$test" --dictionary "$out/dictionary.npy" --out "$folder" --lambda "$lambda" \
        --solvers "cd,fista,fista@16,ista@16,$folder/lista-cp.safetensors@16" "$@" >"$folder/table.md"
    cat "$folder/table.md"
    for strip in "$folder"/*-restored.pgm; do pnmtopng -quiet "$strip" >"${strip%.pgm}.png"; done
}
echo
echo "2/3  Gaussian noise of standard deviation 25 (of 255)"
task denoise 0.1470588 --noise 25
echo
echo "3/3  Compressive sensing: 16 measurements of each block of 64 pixels"
task sense 0.02 --measurements 16
echo

# crop FOLDER NAME LEFT TOP: 180 x 180 pixels of each of the three panels of a strip, as a small PNG
crop() {
    strip=$out/$1/$2-restored.pgm
    width=$((($(pamfile "$strip" | sed 's/.*raw, \([0-9]*\) by.*/\1/') - 8) / 3 + 4))
    for panel in 0 1 2; do
        pamcut -left $(($3 + panel * width)) -top "$4" -width 180 -height 180 "$strip" >"$out/panel$panel.pgm"
    done
    pnmcat -lr "$out"/panel[012].pgm | pnmtopng -quiet -compression 9 >"$out/$2-detail.png"
    rm "$out"/panel[012].pgm
}
crop denoise dogs 80 110
crop sense brushes 60 100
echo "Pictures: $out/*.png, $out/denoise/*.png, $out/sense/*.png. Data for l2o: A.npy and b.npy beside them."
