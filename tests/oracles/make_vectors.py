#!/usr/bin/env python3
"""Records vectors for `l2o check --vectors`: RNNprop unrolls, meta-gradients and MAML gradients by PyTorch's autograd.

An implementation that shares nothing with the library: every derivative is autograd's, second orders by
create_graph. A development tool; the library and its tests need only the files it wrote.

  make_vectors.py OUT.npz --problem lasso --batch 4 --n 3 --steps 5         a single task
  make_vectors.py OUT.npz --maml --problem rosen --modes a1e-3_first,adam   several tasks
  make_vectors.py --reproduce FILE.npz ... [--dtype float32]                recompute a file from its own inputs

With --reproduce, each array's error is max |a - b| / ||b||_2, the measure of `l2o check`. In float32 it shows what
PyTorch itself loses to single precision.
"""
import argparse
import os
import resource
import sys
import time

import numpy
import torch

ALL_MODES = ["a1e-3_first", "a1e-3_second", "a1e-1_first", "a1e-1_second", "a1e-5_first", "a1e-5_second",
             "refseg", "contseg", "adam"]
FULL_MODES = [mode for mode in ALL_MODES if not mode.startswith("a1e-1")]


# ------------------------------------------------------------------------------------------------- problem, network


class Problem:
    """The mean over the batch of one objective; x [B, n], A [B, m, n], b [B, m]."""

    def __init__(self, arrays, a, b, x0, penalty, dtype):
        convert = lambda name: torch.tensor(arrays[name], dtype=dtype) if name in arrays else None
        self.a, self.b, self.x0, self.penalty = convert(a), convert(b), convert(x0), penalty

    def __call__(self, x):
        if self.a is None:
            values = (1 - x[:, 0]) ** 2 + 100 * (x[:, 1] - x[:, 0] ** 2) ** 2
        else:
            residual = torch.einsum("bmn,bn->bm", self.a, x) - self.b
            values = 0.5 * (residual ** 2).sum(1)
            if self.penalty > 0:
                values = values + self.penalty * x.abs().sum(1)
        return values.mean()


def layout(layers, hidden):
    """Names and shapes of the flat weights, in order."""
    shapes = [("W0", (2, hidden)), ("b0", (hidden,))]
    for layer in range(1, layers + 1):
        shapes += [("K%d" % layer, (2 * hidden, 4 * hidden)), ("b%d" % layer, (4 * hidden,))]
    return shapes + [("Wo", (hidden, 1)), ("bo", (1,))]


def split(flat, layers, hidden):
    tensors, offset = {}, 0
    for name, shape in layout(layers, hidden):
        size = int(numpy.prod(shape))
        tensors[name] = flat[offset:offset + size].reshape(shape)
        offset += size
    assert offset == len(flat)
    return tensors


class State:
    """What is carried from one segment to the next."""

    def __init__(self, x, layers, hidden):
        zero = torch.zeros(x.numel(), hidden, dtype=x.dtype)
        self.x, self.m, self.v = x, torch.zeros_like(x), torch.zeros_like(x)
        self.h, self.c = [zero] * layers, [zero] * layers

    def detached(self):
        copy = State.__new__(State)
        copy.x, copy.m, copy.v = self.x.detach(), self.m.detach(), self.v.detach()
        copy.h, copy.c = [h.detach() for h in self.h], [c.detach() for c in self.c]
        return copy


class Network:
    def __init__(self, layers, hidden, steps):
        self.layers, self.hidden, self.steps = layers, hidden, steps

    def unroll(self, problem, phi, state, stop, first_index=1, record=None):
        """Objectives f(x_1) .. f(x_{T+1}) and the final state. `stop`: the network's inputs are constants."""
        weights = split(phi, self.layers, self.hidden)
        x, m, v, h, c = state.x, state.m, state.v, list(state.h), list(state.c)
        if not x.requires_grad:
            x = x.detach().requires_grad_(True)
        objectives = []
        for step in range(self.steps + 1):
            f = problem(x)
            objectives.append(f)
            if stop:
                at = x.detach().requires_grad_(True)
                g, = torch.autograd.grad(problem(at), at)
            else:
                g, = torch.autograd.grad(f, x, create_graph=True)
            if record is not None:
                record["g_traj"].append(g.detach())
            if step == self.steps:
                break
            index = first_index + step
            m = 0.95 * m + 0.05 * g
            v = 0.95 * v + 0.05 * g * g
            correction = 1 - 0.95 ** index
            root = (v / correction).sqrt() + 1e-8
            m_tilde, g_tilde = (m / correction) / root, g / root
            inputs = torch.stack([m_tilde.reshape(-1), g_tilde.reshape(-1)], 1)
            signal = torch.nn.functional.elu(inputs @ weights["W0"] + weights["b0"])
            for layer in range(self.layers):
                name = str(layer + 1)
                gates = torch.cat([signal, h[layer]], 1) @ weights["K" + name] + weights["b" + name]
                i, forget, candidate, o = gates.chunk(4, 1)
                c[layer] = torch.sigmoid(forget + 1) * c[layer] + torch.sigmoid(i) * torch.tanh(candidate)
                h[layer] = torch.sigmoid(o) * torch.tanh(c[layer])
                signal = h[layer]
            delta = (0.01 * torch.tanh(signal @ weights["Wo"] + weights["bo"])).reshape(x.shape)
            x = x + delta
            if record is not None:
                for key, value in (("delta_traj", delta), ("mtilde_traj", m_tilde), ("gtilde_traj", g_tilde)):
                    record[key].append(value.detach())
        final = State.__new__(State)
        final.x, final.m, final.v, final.h, final.c = x, m, v, h, c
        return torch.stack(objectives), final


# -------------------------------------------------------------------------------------------------------- one task


def tensors_of(out, prefix, flat, network):
    for name, tensor in split(flat, network.layers, network.hidden).items():
        out["%s_%s" % (prefix, name)] = tensor


def sonnet_order(flat, network):
    """The same network with gate columns in the order i, g, f, o."""
    pieces = []
    for name, tensor in split(flat, network.layers, network.hidden).items():
        if name[0] in "Kb" and name not in ("b0", "bo"):
            i, forget, candidate, o = numpy.split(tensor, 4, axis=-1)
            tensor = numpy.concatenate([i, candidate, forget, o], axis=-1)
        pieces.append(tensor.reshape(-1))
    return numpy.concatenate(pieces)


def single_task(arrays, network, dtype):
    out = {}
    tensors_of(out, "phi", arrays["phi_flat"], network)
    tensors_of(out, "sonnet", sonnet_order(arrays["phi_flat"], network), network)
    problem = Problem(arrays, "A", "b", "x0", float(arrays.get("lam", 0)), dtype)
    phi = torch.tensor(arrays["phi_flat"], dtype=dtype, requires_grad=True)
    start = State(problem.x0, network.layers, network.hidden)
    record = {key: [] for key in ("g_traj", "delta_traj", "mtilde_traj", "gtilde_traj")}
    f, final = network.unroll(problem, phi, start, True, record=record)
    gradient, = torch.autograd.grad(f.sum(), phi)
    out.update(f_traj=f, loss=f.sum(), **{key: torch.stack(value) for key, value in record.items()})
    out.update(final_x=final.x, final_m=final.m, final_v=final.v)
    for layer in range(network.layers):
        out["final_h%d" % (layer + 1)], out["final_c%d" % (layer + 1)] = final.h[layer], final.c[layer]
    out["grad1_flat"] = gradient
    tensors_of(out, "grad1", gradient, network)
    f2, _ = network.unroll(problem, phi, final.detached(), True, first_index=network.steps + 1)
    out.update(seg2_f_traj=f2, seg2_loss=f2.sum(), seg2_grad1_flat=torch.autograd.grad(f2.sum(), phi)[0])
    f, _ = network.unroll(problem, phi, start, False)
    gradient, = torch.autograd.grad(f.sum(), phi)
    out["grad2_flat"] = gradient
    tensors_of(out, "grad2", gradient, network)
    return out


# ---------------------------------------------------------------------------------------------------- several tasks


def maml(problem, phi_values, network, alpha, stop):
    phi = phi_values.clone().requires_grad_(True)
    start = State(problem.x0, network.layers, network.hidden)
    support, _ = network.unroll(problem, phi, start, stop)
    gradient, = torch.autograd.grad(support.sum(), phi, create_graph=True)
    adapted = (phi_values - alpha * gradient.detach()).requires_grad_(True)
    query, _ = network.unroll(problem, adapted, start, stop)
    first, = torch.autograd.grad(query.sum(), adapted)
    product, = torch.autograd.grad(gradient @ first, phi)
    return dict(support_loss=support.sum(), support_grad=gradient, query_f_traj=query, query_loss=query.sum(),
                fomaml_grad=first, maml_grad=first - alpha * product, hvp=product)


def next_segment(problem, phi_values, network, first_index):
    phi = phi_values.clone().requires_grad_(True)
    support, final = network.unroll(problem, phi, State(problem.x0, network.layers, network.hidden), True)
    gradient, = torch.autograd.grad(support.sum(), phi)
    adapted = (phi_values - 1e-3 * gradient).requires_grad_(True)
    query, _ = network.unroll(problem, adapted, final.detached(), True, first_index)
    return dict(query_f_traj=query, fomaml_grad=torch.autograd.grad(query.sum(), adapted)[0])


def adam_updates(phi, gradient, out):
    for form in ("paper", "tf"):
        weights, m, v = phi.clone(), torch.zeros_like(phi), torch.zeros_like(phi)
        for step in (1, 2, 3):
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient ** 2
            first, second = 1 - 0.9 ** step, 1 - 0.999 ** step
            if form == "paper":
                weights = weights - 1e-3 * (m / first) / ((v / second).sqrt() + 1e-8)
            else:
                weights = weights - 1e-3 * second ** 0.5 / first * m / (v.sqrt() + 1e-8)
            if step != 2:
                out["adam_%s_after%d" % (form, step)] = weights


def several_tasks(arrays, network, dtype, modes):
    out = {}
    phi = torch.tensor(arrays["phi_flat"], dtype=dtype)
    count = sum(1 for name in arrays if name.startswith("x0_"))
    problems = [Problem(arrays, "A%d" % k, "b%d" % k, "x0_%d" % k, float(arrays.get("lam", 0)), dtype)
                for k in range(count)]
    for mode in modes:
        if mode == "adam":
            adam_updates(phi, out["a1e-3_first_fomaml_grad"], out)
            continue
        means = {}
        for k, problem in enumerate(problems):
            if mode in ("refseg", "contseg"):
                results = next_segment(problem, phi, network, 1 if mode == "refseg" else network.steps + 1)
                averaged = ("fomaml_grad",)
            else:
                rate, order = mode[1:].split("_")
                results = maml(problem, phi, network, float(rate), order == "first")
                averaged = ("fomaml_grad", "maml_grad", "query_loss")
            for name, value in results.items():
                value = value.detach()
                out["%s_%s%d" % (mode, name, k)] = value
                if name in averaged:
                    means[name] = means.get(name, 0) + value / count
        out.update({"%s_%s" % (mode, name): value for name, value in means.items()})
    return out


# -------------------------------------------------------------------------------------------------- making, comparing


def random_inputs(options):
    generator = numpy.random.default_rng(options.seed)
    n = 2 if options.problem == "rosen" else options.n
    m = options.m or n
    arrays = dict(T=numpy.int64(options.steps), B=numpy.int64(options.batch), d=numpy.int64(n),
                  lam=numpy.float64(0.005 if options.problem == "lasso" else 0.0))
    pieces = []
    for name, shape in layout(options.layers, options.hidden):
        spread = {"W0": 0.75, "Wo": 0.32}.get(name, 0.22 if name[0] == "K" else 0.16)
        pieces.append(spread * generator.standard_normal(shape).reshape(-1))
    arrays["phi_flat"] = numpy.load(options.phi)["phi_flat"] if options.phi else numpy.concatenate(pieces)
    scales = [0.1, 0.5, 1.0][:options.tasks] if options.maml else [options.scale]
    spreads = [0.5, 1.0, 1.5][:options.tasks] if options.maml else [options.x0_std or 1.0]
    for k in range(len(scales)):
        tail, x0 = (str(k), "x0_%d" % k) if options.maml else ("", "x0")
        if options.problem != "rosen":
            arrays["A" + tail] = scales[k] * generator.random((options.batch, m, n))
            arrays["b" + tail] = generator.uniform(-1, 1, (options.batch, m))
        spread = spreads[k] if options.problem == "rosen" else options.x0_std or 0.01
        arrays[x0] = spread * generator.standard_normal((options.batch, n))
    return arrays


def network_of(arrays, options):
    hidden = arrays["phi_W0"].shape[1] if "phi_W0" in arrays else options.hidden
    layers = (len(arrays["phi_flat"]) - 4 * hidden - 1) // (8 * hidden * hidden + 4 * hidden)
    return Network(layers, hidden, int(arrays["T"]))


def as_array(value):
    return value.detach().numpy().astype(numpy.float64) if torch.is_tensor(value) else value


def compute(arrays, options, modes):
    network, dtype = network_of(arrays, options), getattr(torch, options.dtype)
    results = single_task(arrays, network, dtype) if "x0" in arrays else several_tasks(arrays, network, dtype, modes)
    return {name: as_array(value) for name, value in results.items()}


def bar_of(name, arrays):
    """1e-12; a recorded product (fomaml - maml) / alpha carries the rounding of that difference, over alpha."""
    if "_hvp" not in name:
        return 1e-12
    first = arrays[name.replace("_hvp", "_fomaml_grad")]
    alpha = float(name[1:].split("_")[0])
    rounding = numpy.finfo(float).eps * numpy.abs(first).max() / alpha
    norm = numpy.sqrt((arrays[name] ** 2).sum())
    return 1e-12 + 2 * rounding / norm if norm > 0 else 1e-12


def reproduce(path, options):
    arrays = dict(numpy.load(path))
    names = "\n".join(arrays)
    modes = [mode for mode in ALL_MODES if mode + "_" in names]
    worst, failed = 0, 0
    results = compute(arrays, options, modes)
    for name, record in arrays.items():
        if name in results:
            norm = numpy.sqrt((record ** 2).sum())
            error = numpy.abs(results[name] - record).max() / (norm if norm > 0 else 1)
            worst = max(worst, error)
            bad = options.dtype == "float64" and not error <= bar_of(name, arrays)
            failed += bad
            print("%-32s error %9.3g%s" % (name, error, "  FAIL" if bad else ""))
        elif name not in ("T", "B", "d", "lam", "phi_flat") and not name.startswith(("A", "b", "x0")):
            print("%-32s not recomputed" % name)
            failed += 1
    print("%s: largest error %.3g, %d failed" % (path, worst, failed))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", nargs="?")
    parser.add_argument("--reproduce", nargs="+", default=[])
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--maml", action="store_true")
    parser.add_argument("--problem", choices=("lasso", "quad", "rosen"), default="lasso")
    parser.add_argument("--modes", default="full", help="full, all, or a list with commas")
    parser.add_argument("--alter", metavar="ARRAY", help="spoil one number of this array, by a thousandth of its norm")
    parser.add_argument("--phi", metavar="FILE", help="take phi_flat from this file")
    parser.add_argument("--x0-std", dest="x0_std", type=float)
    parser.add_argument("--scale", type=float, default=1.0, help="of the entries of A, uniform from 0")
    for name, default in (("batch", 4), ("n", 3), ("m", 0), ("steps", 5), ("layers", 2), ("hidden", 20), ("seed", 7),
                          ("tasks", 3)):
        parser.add_argument("--" + name, type=int, default=default)
    options = parser.parse_args()
    began = time.time()
    if options.reproduce:
        failures = [reproduce(path, options) for path in options.reproduce]
        return 1 if any(failures) else 0
    if options.output is None:
        parser.error("name the file to write, or --reproduce FILE")
    arrays = random_inputs(options)
    modes = {"full": FULL_MODES, "all": ALL_MODES}.get(options.modes, options.modes.split(","))
    arrays.update(compute(arrays, options, modes))
    if options.maml:
        del arrays["d"]
        if options.hidden != 20:
            arrays["phi_W0"] = split(arrays["phi_flat"], options.layers, options.hidden)["W0"]
    if options.alter:
        arrays[options.alter].reshape(-1)[-1] += 1e-3 * numpy.sqrt((arrays[options.alter] ** 2).sum())
    numpy.savez_compressed(options.output, **arrays)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = os.path.getsize(options.output)
    print("%s: %d arrays, %d bytes, %.1f s, %.0f MiB" % (options.output, len(arrays), size, time.time() - began, peak))
    return 0


if __name__ == "__main__":
    sys.exit(main())
