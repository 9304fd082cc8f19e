#!/bin/sh
# Records tests/data/oracles anew, from the project's root. PYTHON needs torch, numpy, scipy and scikit-learn.
set -eu
python=${PYTHON:-python3}
out=tests/data/oracles
vectors() { # vectors NAME OPTION...
    name=$1
    shift
    "$python" tests/oracles/make_vectors.py "$out/$name" "$@"
}
vectors vectors_quad_6x4.npz --problem quad --m 6 --n 4 --hidden 5 --seed 11
vectors vectors_lasso_3x5.npz --problem lasso --m 3 --n 5 --batch 3 --hidden 5 --seed 12
vectors vectors_lasso_one_layer.npz --problem lasso --batch 3 --layers 1 --seed 13
vectors vectors_rosen_one_step.npz --problem rosen --batch 1 --steps 1 --hidden 4 --x0-std 1.5 --seed 14
vectors vectors_lasso_one_of_each.npz --problem lasso --batch 1 --n 1 --steps 1 --hidden 4 --seed 15
vectors vectors_maml_quad.npz --maml --problem quad --batch 2 --m 4 --n 3 --steps 4 --hidden 4 --seed 16
vectors vectors_maml_rosen.npz --maml --problem rosen --batch 2 --steps 4 --layers 1 --hidden 5 --seed 17
vectors altered_trajectory.npz --problem quad --m 6 --n 4 --hidden 5 --seed 11 --alter f_traj
vectors altered_gradient.npz --problem quad --m 6 --n 4 --hidden 5 --seed 11 --alter grad2_flat
vectors altered_maml.npz --maml --problem quad --batch 2 --m 4 --n 3 --steps 4 --hidden 4 --seed 16 \
    --modes a1e-3_first --alter a1e-3_first_maml_grad2
"$python" tests/oracles/make_classical.py "$out/classical.npz"
