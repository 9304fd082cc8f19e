#!/usr/bin/env python3
"""Shows that the rivals compute the same thing: each workload at a small size, every form against the plain module.

float64 must agree within 1e-10 and float32 within its rounding; for exact MAML the Hessian's share is also held against
central differences of the gradient, the gradients that the network sees replayed. Exits with 1 when anything differs.
It times nothing.
"""

import argparse
import sys

from common import INNER_RATE, Lasso, agrees, make_problem, make_tasks, make_vector, make_weights, prepare

import numpy as np
import torch

from pytorch_eager import Folded, Plain
from pytorch_manual import Manual

BATCH, DIMENSION, UNROLL, STEPS, LENGTH = 6, 5, 20, 60, 6001  # the last: more than two blocks, not a whole number
TOLERANCES = {torch.float64: 1e-10, torch.float32: 2e-5}
REGULARIZATION = 0.005


class ReplayedLasso(Lasso):
    """The same objective, whose hand-written gradient, all that the network sees, is one recorded before."""

    recorded, replaying, position = (), False, 0

    def gradient(self, x, residual, out=None):
        if not self.replaying:
            found = super().gradient(x, residual)
            self.recorded = (*self.recorded, found.clone())
            return found
        self.position += 1
        return self.recorded[self.position - 1]


def hessian_pairs(form, weights, arrays):
    """(I - alpha H) G, with H G by differences of the gradient over phi +- h G. The plain form alone asks the problem
    for nothing but what the network sees, so that replaying leaves its meta-loss alone. Without the l1 term, whose
    kinks differences would run over."""
    problem, free = ReplayedLasso(arrays, 0, torch.float64), Lasso(arrays, 0, torch.float64)
    phi = torch.tensor(weights)
    state = form.start(problem)
    _, gradient, _ = form.gradient(phi, problem, state, UNROLL)
    exact = form.exact_gradient(phi, free, state, UNROLL, INNER_RATE)[1]
    outer = form.gradient(phi - INNER_RATE * gradient, free, state, UNROLL)[1]
    problem.replaying, width = True, 1e-4 / float(outer.norm())
    sides = []
    for sign in (1, -1):
        problem.position = 0
        sides.append(form.gradient(phi + sign * width * outer, problem, state, UNROLL)[1])
    yield "Hessian times vector", (outer - exact) / INNER_RATE, (sides[0] - sides[1]) / (2 * width)


def compare(dtype, options):
    generator = np.random.default_rng(options.seed)
    inputs = {
        "weights": make_weights(generator),
        "problem": make_problem(generator, BATCH, DIMENSION),
        "problems": make_tasks(generator, BATCH, DIMENSION),
        "vector": make_vector(generator, LENGTH),
    }
    sizes = argparse.Namespace(regularization=REGULARIZATION, unroll=UNROLL, steps=STEPS, training_steps=3)
    agreed = True
    for workload in "abcde":
        expected = prepare(workload, Plain(dtype), inputs, sizes, dtype)[0]
        for form in (Folded, Manual):
            if workload == "c" and form.exact_gradient is None:
                continue
            found = prepare(workload, form(dtype), inputs, sizes, dtype)[0]
            pairs = ((name, found[name], expected[name]) for name in expected)
            name = f"{dtype} workload {workload}, {form.__name__.lower()} against plain"
            agreed = agrees(pairs, name, TOLERANCES[dtype]) and agreed
    if dtype == torch.float64:
        pairs = hessian_pairs(Plain(dtype), inputs["weights"], inputs["problem"])
        agreed = agrees(pairs, "plain against differences", 1e-5) and agreed
    return agreed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = [compare(dtype, options) for dtype in TOLERANCES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
