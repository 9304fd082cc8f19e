#!/usr/bin/env python3
"""bench_lista's training step and inference in PyTorch: LISTA for a dictionary of [250, 500], 16 layers, float32.

  autograd   the step as most would write it: B b once, a product and a soft threshold a layer, autograd, Adam with
             foreach updates
  manual     the best form found: the backward pass written out over buffers that are made once (out=, in place), the
             gradient of B as one product of the summed cotangents, Adam by foreach operations on all tensors at once

Both run without a gradient for inference, on signals in groups of --group. Drawing the batch is left out. The loss and
the norm of the first gradient must agree with those of bench_lista on the same inputs.
"""

import argparse
import json
import os
import time


def use_wide_vectors():
    """PyTorch 1.13 keeps to AVX2 unless told otherwise."""
    with open("/proc/cpuinfo", encoding="ascii", errors="ignore") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    if all(flag in flags for flag in ("avx512f", "avx512bw", "avx512dq", "avx512vl")):
        os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx512")


use_wide_vectors()  # before PyTorch is loaded, or it has no effect

import numpy as np  # noqa: E402
import torch  # noqa: E402

LAYERS, LAMBDA, RATE = 16, 0.4, 5e-4
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def start(dictionary):
    """B, W_2 .. W_16 and the thresholds that fresh LISTA begins with."""
    a = dictionary.double()
    lipschitz = torch.linalg.matrix_norm(a, 2) ** 2
    b = a.T / lipschitz
    w = torch.eye(a.shape[1], dtype=torch.float64) - b @ a
    theta = [(LAMBDA / lipschitz).reshape(1).float() for _ in range(LAYERS)]
    return [b.float()] + [w.float() for _ in range(1, LAYERS)] + theta


class Autograd:
    def __init__(self, weights):
        self.weights = [w.clone().requires_grad_() for w in weights]
        self.adam = torch.optim.Adam(self.weights, lr=RATE, eps=EPSILON, foreach=True)

    def run(self, signals):
        w, theta = self.weights[:LAYERS], self.weights[LAYERS:]
        image = signals @ w[0].T
        x = self.shrink(image, theta[0])
        for t in range(1, LAYERS):
            x = self.shrink(torch.addmm(image, x, w[t].T), theta[t])
        return x

    @staticmethod
    def shrink(z, theta):
        theta = torch.relu(theta)
        return z - torch.clamp(z, min=-theta, max=theta)

    def gradient(self, signals, truth):
        self.adam.zero_grad(set_to_none=True)
        loss = 0.5 * (self.run(signals) - truth).square().sum() / len(signals)
        loss.backward()
        return loss, [w.grad for w in self.weights]

    def step(self, signals, truth):
        loss, _ = self.gradient(signals, truth)
        self.adam.step()
        return loss

    def infer(self, signals):
        with torch.no_grad():
            return self.run(signals)


class Manual:
    """x_t = z_t - clamp(z_t): the cotangent of z_t is that of x_t where x_t is not zero."""

    def __init__(self, weights):
        self.weights = [w.clone() for w in weights]
        self.grads = [torch.zeros_like(w) for w in weights]
        self.m = [torch.zeros_like(w) for w in weights]
        self.v = [torch.zeros_like(w) for w in weights]
        self.steps = 0
        self.rows = 0

    def reserve(self, rows):
        if rows == self.rows:
            return
        n = self.weights[0].shape[0]
        self.rows = rows
        self.image, self.z, self.dx, self.total, self.work = (torch.empty(rows, n) for _ in range(5))
        self.x = [torch.empty(rows, n) for _ in range(LAYERS)]

    def run(self, signals):
        w, theta = self.weights[:LAYERS], [max(0.0, float(t)) for t in self.weights[LAYERS:]]
        torch.mm(signals, w[0].T, out=self.image)
        for t in range(LAYERS):
            z = self.image if t == 0 else torch.addmm(self.image, self.x[t - 1], w[t].T, out=self.z)
            torch.ops.aten.softshrink(z, theta[t], out=self.x[t])
        return self.x[-1]

    @torch.no_grad()
    def gradient(self, signals, truth):
        self.reserve(len(signals))
        x, w, g = self.x, self.weights, self.grads
        torch.sub(self.run(signals), truth, out=self.dx)
        loss = 0.5 * self.dx.square().sum() / len(signals)
        self.dx.div_(len(signals))
        self.total.zero_()
        for t in range(LAYERS - 1, -1, -1):
            sign = torch.sign(x[t], out=self.work)
            torch.mul(self.dx, sign, out=self.z)  # what flows into the threshold
            g[LAYERS + t].copy_(-self.z.sum())
            dz = self.z.mul_(sign)
            self.total.add_(dz)
            if t == 0:
                break
            torch.mm(dz.T, x[t - 1], out=g[t])
            torch.mm(dz, w[t], out=self.dx)
        torch.mm(self.total.T, signals, out=g[0])
        return loss, g

    @torch.no_grad()
    def step(self, signals, truth):
        loss, g = self.gradient(signals, truth)
        self.steps += 1
        first, second = 1 - BETA1**self.steps, 1 - BETA2**self.steps
        torch._foreach_mul_(self.m, BETA1)
        torch._foreach_add_(self.m, g, alpha=1 - BETA1)
        torch._foreach_mul_(self.v, BETA2)
        torch._foreach_addcmul_(self.v, g, g, value=1 - BETA2)
        root = torch._foreach_sqrt(self.v)
        torch._foreach_div_(root, second**0.5)
        torch._foreach_add_(root, EPSILON)
        torch._foreach_addcdiv_(self.weights, self.m, root, value=-RATE / first)
        return loss

    @torch.no_grad()
    def infer(self, signals):
        self.reserve(len(signals))
        return self.run(signals)


def timed(run, repeat, warm_up=3):
    wall, processor = [], []
    for i in range(warm_up + repeat):
        began, spent = time.perf_counter(), time.process_time()
        run()
        if i >= warm_up:
            wall.append(1e3 * (time.perf_counter() - began))
            processor.append(1e3 * (time.process_time() - spent))
    return {"wall_median_ms": float(np.median(wall)), "wall_least_ms": min(wall), "processor_least_ms": min(processor)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", required=True, help="what bench_lista --inputs wrote")
    parser.add_argument("--form", choices=("autograd", "manual"), default="manual")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=31)
    parser.add_argument("--signals", type=int, default=10000)
    parser.add_argument("--group", type=int, default=500)
    parser.add_argument("--out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    inputs = {name: torch.from_numpy(values.astype(np.float32)) for name, values in np.load(options.inputs).items()}
    signals, truth = inputs["b"], inputs["x"]
    form = (Autograd if options.form == "autograd" else Manual)(start(inputs["A"]))
    loss, gradient = form.gradient(signals, truth)
    report = {
        "program": "pytorch " + torch.__version__,
        "form": options.form,
        "threads": options.threads,
        "loss": float(loss),
        "gradient_norm": float(sum(float((g.double() ** 2).sum()) for g in gradient) ** 0.5),
        "training": timed(lambda: form.step(signals, truth), options.repeat),
    }
    many = signals.repeat((options.signals + len(signals) - 1) // len(signals), 1)[: options.signals]
    form = type(form)(start(inputs["A"]))
    report["inference"] = timed(lambda: [form.infer(g) for g in many.split(options.group)], min(options.repeat, 10))
    text = json.dumps(report, indent=1)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
