#!/bin/sh
# The main job on real runs, from scratch: meta-train M-L2O and its transfer baseline on the same mixture of easy LASSO
# problems, adapt both in five updates to LASSO problems with A ~ N(0, 100^2), which neither has seen, and compare them
# with random weights, tuned Adam, FISTA and the optimum. A few minutes on two cores. The work goes to build/demo/.
set -eu
tool=${L2O:-build/l2o}
out=${L2O_DEMO_OUT:-build/demo}
mkdir -p "$out"
start=$(date +%s)

echo "1/4  M-L2O: first-order MAML on three tasks, A ~ U[0, 0.1], U[0, 0.5], U[0, 1]"
"$tool" train --preset quick --estimator fomaml --out "$out/ml2o.safetensors"
echo
echo "2/4  Transfer baseline: the same mixture, the same schedule, no inner step"
"$tool" train --preset quick --estimator plain --out "$out/transfer.safetensors"
echo
echo "3/4  Adapt: five updates on LASSO with A ~ N(0, 100^2), measured on held-out problems of that kind"
"$tool" adapt --weights "$out/ml2o.safetensors" --problem lasso --A normal:100 --out "$out/adapted.safetensors"
echo
echo "4/4  LASSO with A ~ N(0, 100^2): ln of the batch-mean objective over 1000 steps, 10 runs of 128 problems"
echo "     Vanilla: random weights, adapted. Direct Transfer: the baseline as it is. Transfer Learning and M-L2O: adapted."
"$tool" compare --problem lasso --A normal:100 --runs 10 --steps 1000 \
    --optimizers "Vanilla=rnnprop:adapt,Direct Transfer=$out/transfer.safetensors,Transfer Learning=$out/transfer.safetensors:adapt,M-L2O=$out/ml2o.safetensors:adapt,Adam (tuned)=adam:tune,FISTA=fista" \
    --out "$out/compare.json" --svg "$out/compare.svg"
echo
echo "Curves: $out/compare.svg (training: $out/ml2o.svg, $out/transfer.svg). Numbers: $out/compare.json."
echo "The demo took $(($(date +%s) - start)) seconds."
