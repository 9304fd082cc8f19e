#!/usr/bin/env python3
"""The reference workloads in eager PyTorch: what the project's own timings are held against.

Workload a, one meta-training step: an unroll of T = 20 steps of the two-layer RNNprop (2 x LSTM of 20, 6641 weights)
over a batch of 128 LASSO problems of dimension 10, meta-loss = sum of the 21 batch-mean objectives, backward to the
weights (network inputs detached), one Adam update of rate 1e-3. State is carried from step to step (truncated BPTT).

Workload d, one evaluation: 1000 steps without gradient from the start, the objective recorded at each of the 1001 points.

It is meant to be as fast as eager PyTorch can be made without writing the network's backward pass by hand:
  - every tensor is [features, coordinates], so that a gate is a contiguous block of rows;
  - tanh(x) = 2 sigmoid(2x) - 1, the factor 2 folded into the weights: all four gates are one sigmoid call, and PyTorch's
    sigmoid is about four times as fast as its tanh;
  - the LASSO gradient is written by hand, and the meta-loss is seeded into autograd as dL/dx_t = that same gradient;
  - the evaluation writes into preallocated tensors;
  - the C library's allocator keeps the memory of one step for the next one, so that no time goes into page faults.
--form plain times the ordinary nn.LSTMCell module instead, for comparison.

It reads weights and problem from files, so that two programs can compute the same thing, and writes its numbers.
It does not do MAML, curricula or several threads.
"""

import argparse
import ctypes
import json
import platform
import resource
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as functional

HIDDEN = 20
SHAPES = [(2, 20), (20,), (40, 80), (80,), (40, 80), (80,), (20, 1), (1,)]
SIZES = [int(np.prod(shape)) for shape in SHAPES]
LEARNING_RATE = 1e-3
OUTPUT_SCALE = 0.01
DECAY = 0.95
EPSILON = 1e-8


def keep_freed_memory():
    """Ask glibc not to hand freed memory back between steps; on another C library nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3
    settings = ((mmap_threshold, 1 << 30), (trim_threshold, 1 << 30), (top_pad, 64 << 20))
    return all(mallopt(name, value) == 1 for name, value in settings)


def truncated_normal(generator, shape, deviation):
    """Redraws until within two standard deviations, as the reference initialisation does."""
    draw = generator.standard_normal(shape)
    while (outside := np.abs(draw) > 2).any():
        draw[outside] = generator.standard_normal(int(outside.sum()))
    return draw * deviation


def make_weights(generator):
    deviations = [2**-0.5, 0, 40**-0.5, 40**-0.5, 40**-0.5, 40**-0.5, 20**-0.5, 0]
    return np.concatenate([truncated_normal(generator, shape, s).ravel() for shape, s in zip(SHAPES, deviations)])


def make_problem(generator, batch, dimension):
    """The reference's training problem: A ~ N(0, 1), b ~ U[0, 1), x0 ~ N(0, 0.01^2)."""
    return {
        "A": generator.standard_normal((batch, dimension, dimension)),
        "b": generator.random((batch, dimension)),
        "x0": 0.01 * generator.standard_normal((batch, dimension)),
    }


class Lasso:
    """Batch-mean LASSO, batch last: x is [n, B], so that each reduction runs along whole vectors of instances."""

    def __init__(self, arrays, regularization, dtype):
        matrix = torch.tensor(arrays["A"], dtype=dtype)
        self.batch, _, self.dimension = matrix.shape
        self.matrix = matrix.permute(1, 2, 0).contiguous()  # [row, column, B]
        self.transpose = matrix.permute(2, 1, 0).contiguous()  # [column, row, B]
        self.target = torch.tensor(arrays["b"], dtype=dtype).t().contiguous()
        self.start = torch.tensor(arrays["x0"], dtype=dtype).t().contiguous()
        self.regularization = regularization
        self.product = torch.empty_like(self.matrix)

    def residual(self, x, out=None):
        out = torch.empty_like(self.target) if out is None else out
        torch.mul(self.matrix, x, out=self.product)
        return torch.sum(self.product, 1, out=out).sub_(self.target)

    def gradient(self, x, residual, out=None):
        out = torch.empty_like(x) if out is None else out
        torch.mul(self.transpose, residual, out=self.product)
        torch.sum(self.product, 1, out=out)
        return out.add_(x.sign(), alpha=self.regularization).mul_(1 / self.batch)

    def objective(self, points, residuals):
        """points, residuals [S, n, B] -> the S objectives."""
        squares = residuals.flatten(1).square().sum(1)
        return (0.5 * squares + self.regularization * points.flatten(1).abs().sum(1)) / self.batch


class State:
    """What is carried from unroll to unroll: x, the moments, the LSTM state, the count of steps."""

    def __init__(self, problem):
        coordinates = problem.start.numel()
        self.x = problem.start
        self.momentum = torch.zeros_like(self.x)
        self.variance = torch.zeros_like(self.x)
        self.layers = [torch.zeros(HIDDEN, coordinates, dtype=self.x.dtype) for _ in range(4)]  # h1, c1, h2, c2
        self.step = 0


def write_features(state, gradient, features):
    """Advances the moments by one gradient and writes the rows m~ and g~ of features [2, B n]."""
    state.step += 1
    correction = 1 / (1 - DECAY**state.step)
    state.momentum.lerp_(gradient, 1 - DECAY)
    state.variance.mul_(DECAY).addcmul_(gradient, gradient, value=1 - DECAY)
    scale = torch.mul(state.variance, correction).sqrt_().add_(EPSILON).reciprocal_()
    torch.mul(gradient, scale, out=features[1].view_as(gradient))
    torch.mul(state.momentum, scale, out=features[0].view_as(gradient)).mul_(correction)


def fold_lstm(kernel, bias):
    """[80, 40] and [80, 1]: the forget gate's 1 added to its bias, the candidate's rows doubled (see squash)."""
    row = torch.arange(4 * HIDDEN)
    forget = ((row >= HIDDEN) & (row < 2 * HIDDEN)).to(kernel.dtype)
    scale = 1 + ((row >= 2 * HIDDEN) & (row < 3 * HIDDEN)).to(kernel.dtype)
    return (kernel * scale).t().contiguous(), ((bias + forget) * scale).unsqueeze(1)


def fold_weights(weights):
    """The flat weights as (matrix, bias) of the four layers, to be multiplied from the left."""
    w0, b0, k1, b1, k2, b2, wo, bo = (part.view(shape) for part, shape in zip(weights.split(SIZES), SHAPES))
    return (w0.t().contiguous(), b0.unsqueeze(1)), fold_lstm(k1, b1), fold_lstm(k2, b2), (wo.t(), bo.unsqueeze(1))


def squash(sigmoid_of_double, minus_one):
    """2 s - 1 in one pass: tanh(x) when s = sigmoid(2x)."""
    return torch.add(minus_one, sigmoid_of_double, alpha=2)


def lstm_cell(layer, inputs, hidden, cell, minus_one):
    kernel, bias = layer
    gates = torch.addmm(bias, kernel, torch.cat((inputs, hidden)))
    i, f, g, o = gates.sigmoid_().unsafe_chunk(4)
    cell = torch.addcmul(i * squash(g, minus_one), f, cell)
    return o * squash(torch.sigmoid(2 * cell), minus_one), cell


class FoldedTrainer:
    """Workload a in the fast form."""

    def __init__(self, weights, dtype):
        self.weights = torch.tensor(weights, dtype=dtype, requires_grad=True)
        self.optimizer = torch.optim.Adam([self.weights], lr=LEARNING_RATE)

    def gradient(self):
        return self.weights.grad

    def unroll(self, problem, state, steps):
        """Returns the steps + 1 objectives, leaves the gradient in the weights and the end of the unroll in state."""
        self.optimizer.zero_grad(set_to_none=True)
        first, lstm1, lstm2, last = fold_weights(self.weights)
        h1, c1, h2, c2 = state.layers
        minus_one = torch.tensor(-1, dtype=h1.dtype)
        x = state.x
        points, residuals = [x], [problem.residual(x)]
        gradients = [problem.gradient(x, residuals[0])]
        for _ in range(steps):
            features = torch.empty(2, h1.shape[1], dtype=h1.dtype)
            write_features(state, gradients[-1], features)
            u = functional.elu(torch.addmm(first[1], first[0], features))
            h1, c1 = lstm_cell(lstm1, u, h1, c1, minus_one)
            h2, c2 = lstm_cell(lstm2, h1, h2, c2, minus_one)
            z = torch.addmm(last[1], last[0], h2)
            x = torch.add(x, torch.tanh(z).view_as(x), alpha=OUTPUT_SCALE)
            points.append(x)
            residuals.append(problem.residual(x.detach()))
            gradients.append(problem.gradient(x.detach(), residuals[-1]))
        torch.autograd.backward(points[1:], gradients[1:])
        state.x = x.detach()
        state.layers = [h1.detach(), c1.detach(), h2.detach(), c2.detach()]
        with torch.no_grad():
            return problem.objective(torch.stack(points), torch.stack(residuals))

    def train_step(self, problem, state, steps):
        objectives = self.unroll(problem, state, steps)
        self.optimizer.step()
        return objectives


@torch.no_grad()
def folded_evaluation(weights, problem, steps, dtype):
    """Workload d in the fast form: the steps + 1 objectives."""
    first, lstm1, lstm2, last = fold_weights(torch.tensor(weights, dtype=dtype))
    state = State(problem)
    coordinates = problem.start.numel()
    # Rows: input of layer 1 | h1 | h2. Each layer reads a contiguous block of them, so nothing is ever concatenated.
    rows = torch.zeros(3 * HIDDEN, coordinates, dtype=dtype)
    u, h1, h2 = rows.split(HIDDEN)
    inputs1, inputs2 = rows[: 2 * HIDDEN], rows[HIDDEN:]
    features = torch.empty(2, coordinates, dtype=dtype)
    gates = torch.empty(4 * HIDDEN, coordinates, dtype=dtype)
    i, f, g, o = gates.chunk(4)
    work = torch.empty(HIDDEN, coordinates, dtype=dtype)
    _, c1, _, c2 = state.layers
    points = torch.empty(steps + 1, *problem.start.shape, dtype=dtype)
    residuals = torch.empty_like(points)
    gradient = torch.empty_like(problem.start)
    z = torch.empty(1, coordinates, dtype=dtype)
    minus_one = torch.tensor(-1, dtype=dtype)

    def advance_cell(layer, stacked, hidden, cell):
        torch.addmm(layer[1], layer[0], stacked, out=gates).sigmoid_()
        torch.add(minus_one, g, alpha=2, out=work)
        cell.mul_(f).addcmul_(i, work)
        torch.mul(cell, 2, out=work).sigmoid_()
        torch.add(minus_one, work, alpha=2, out=work)
        torch.mul(o, work, out=hidden)

    points[0] = problem.start
    for t in range(steps):
        x = points[t]
        problem.gradient(x, problem.residual(x, out=residuals[t]), out=gradient)
        write_features(state, gradient, features)
        functional.elu(torch.addmm(first[1], first[0], features, out=u), inplace=True)
        advance_cell(lstm1, inputs1, h1, c1)
        advance_cell(lstm2, inputs2, h2, c2)
        torch.addmm(last[1], last[0], h2, out=z).tanh_()
        torch.add(x, z.view_as(x), alpha=OUTPUT_SCALE, out=points[t + 1])
    problem.residual(points[steps], out=residuals[steps])
    return problem.objective(points, residuals)


class PlainNetwork(torch.nn.Module):
    """The network as most would write it: nn.Linear and nn.LSTMCell, rows are coordinates."""

    def __init__(self, weights, dtype):
        super().__init__()
        self.first = torch.nn.Linear(2, HIDDEN)
        self.cell1 = torch.nn.LSTMCell(HIDDEN, HIDDEN)
        self.cell2 = torch.nn.LSTMCell(HIDDEN, HIDDEN)
        self.last = torch.nn.Linear(HIDDEN, 1)
        self.to(dtype)
        parts = torch.tensor(weights, dtype=dtype).split(SIZES)
        w0, b0, k1, b1, k2, b2, wo, bo = (part.view(shape) for part, shape in zip(parts, SHAPES))
        with torch.no_grad():
            for layer, weight, bias in ((self.first, w0, b0), (self.last, wo, bo)):
                layer.weight.copy_(weight.t())
                layer.bias.copy_(bias)
            for layer, kernel, bias in ((self.cell1, k1, b1), (self.cell2, k2, b2)):
                layer.weight_ih.copy_(kernel[:HIDDEN].t())
                layer.weight_hh.copy_(kernel[HIDDEN:].t())
                layer.bias_ih.copy_(bias)
                layer.bias_hh.zero_()[HIDDEN : 2 * HIDDEN] = 1
                layer.bias_hh.requires_grad_(False)

    def flat_gradient(self):
        parts = [self.first.weight.grad.t(), self.first.bias.grad]
        for cell in (self.cell1, self.cell2):
            parts += [torch.cat((cell.weight_ih.grad, cell.weight_hh.grad), 1).t(), cell.bias_ih.grad]
        parts += [self.last.weight.grad.t(), self.last.bias.grad]
        return torch.cat([part.reshape(-1) for part in parts])

    def forward(self, features, layers):
        h1, c1 = self.cell1(functional.elu(self.first(features)), (layers[0], layers[1]))
        h2, c2 = self.cell2(h1, (layers[2], layers[3]))
        return OUTPUT_SCALE * torch.tanh(self.last(h2)), [h1, c1, h2, c2]


class PlainTrainer:
    """Workload a with the plain module; the problem's gradient by hand, the meta-loss by autograd."""

    def __init__(self, weights, dtype):
        self.network = PlainNetwork(weights, dtype)
        trainable = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trainable, lr=LEARNING_RATE)

    def gradient(self):
        return self.network.flat_gradient()

    def run(self, problem, state, steps):
        layers = [layer.t() for layer in state.layers]
        x, points = state.x, [state.x]
        for _ in range(steps):
            features = torch.empty(2, x.numel(), dtype=x.dtype)
            detached = x.detach()
            write_features(state, problem.gradient(detached, problem.residual(detached)), features)
            delta, layers = self.network(features.t(), layers)
            x = x + delta.view_as(x)
            points.append(x)
        state.x = x.detach()
        state.layers = [layer.detach().t() for layer in layers]
        stacked = torch.stack(points)
        residuals = (problem.matrix * stacked.unsqueeze(1)).sum(2) - problem.target
        return problem.objective(stacked, residuals)

    def unroll(self, problem, state, steps):
        self.optimizer.zero_grad(set_to_none=True)
        objectives = self.run(problem, state, steps)
        objectives.sum().backward()
        return objectives.detach()

    def train_step(self, problem, state, steps):
        objectives = self.unroll(problem, state, steps)
        self.optimizer.step()
        return objectives


@torch.no_grad()
def plain_evaluation(weights, problem, steps, dtype):
    trainer = PlainTrainer(weights, dtype)
    return trainer.run(problem, State(problem), steps)


FORMS = {"folded": (FoldedTrainer, folded_evaluation), "plain": (PlainTrainer, plain_evaluation)}


def time_runs(run, warm_up, repeat):
    """Wall-clock milliseconds of `repeat` runs after `warm_up` untimed ones; processor time shows a disturbed machine."""
    samples, processor = [], []
    for index in range(warm_up + repeat):
        begin, processor_begin = time.perf_counter(), time.process_time()
        run()
        if index >= warm_up:
            samples.append(1e3 * (time.perf_counter() - begin))
            processor.append(1e3 * (time.process_time() - processor_begin))
    return {
        "unit": "milliseconds",
        "median": statistics.median(samples),
        "minimum": min(samples),
        "processor_median": statistics.median(processor),
        "repeat": repeat,
        "warm_up": warm_up,
        "samples": samples,
    }


def relative_error(found, expected):
    """Largest difference over largest expected value, with float64 whatever the arguments are."""
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def compute_training_numbers(form, weights, problem, options, dtype):
    """Loss and gradient of the first step, and the losses of the first steps with the updates between them."""
    trainer = FORMS[form][0](weights, dtype)
    state = State(problem)
    trajectories, first_gradient = [], None
    for _ in range(options.training_steps):
        trajectories.append(trainer.train_step(problem, state, options.unroll).double().numpy())
        if first_gradient is None:
            first_gradient = trainer.gradient().double().numpy().copy()
    return {
        "train_f_traj": np.stack(trajectories),
        "train_loss": np.stack(trajectories).sum(1),
        "loss": trajectories[0].sum(),
        "grad": first_gradient,
    }


def check_against(path, form, dtype):
    """Prints relative errors against a golden file; true when they are what the precision allows."""
    golden = np.load(path)
    weights, steps = golden["phi_flat"], int(golden["T"])
    problem = Lasso(golden, float(golden["lam"]), dtype)
    trainer, state = FORMS[form][0](weights, dtype), State(problem)
    pairs = []
    objectives = trainer.unroll(problem, state, steps)
    pairs.append(("f_traj", objectives, golden["f_traj"]))
    pairs.append(("loss", objectives.sum(), golden["loss"]))
    pairs.append(("grad1_flat", trainer.gradient(), golden["grad1_flat"]))
    pairs.append(("final_x", state.x.t(), golden["final_x"]))
    if "seg2_f_traj" in golden:
        objectives = trainer.unroll(problem, state, steps)
        pairs.append(("seg2_f_traj", objectives, golden["seg2_f_traj"]))
        pairs.append(("seg2_grad1_flat", trainer.gradient(), golden["seg2_grad1_flat"]))
    evaluated = FORMS[form][1](weights, problem, steps, dtype)
    pairs.append(("evaluation f_traj", evaluated, golden["f_traj"]))
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    agreed = True
    for name, found, expected in pairs:
        error = relative_error(found, expected)
        agreed = agreed and error <= tolerance
        print(f"{form} {name}: relative error {error:.3e}")
    print(f"{form}: {'agrees' if agreed else 'DISAGREES'} within {tolerance:g}")
    return agreed


def read_inputs(options):
    generator = np.random.default_rng(options.seed)
    weights = make_weights(generator)
    arrays = make_problem(generator, options.batch, options.dimension)
    if options.weights:
        weights = np.load(options.weights).astype(np.float64).ravel()
    if options.problem:
        with np.load(options.problem) as file:
            arrays = {name: file[name] for name in ("A", "b", "x0")}
    if weights.size != sum(SIZES):
        sys.exit(f"{options.weights}: {weights.size} weights, {sum(SIZES)} expected")
    batch, dimension = arrays["b"].shape[0], arrays["b"].size // arrays["b"].shape[0]
    for name, shape in (("A", (batch, dimension, dimension)), ("b", (batch, dimension)), ("x0", (batch, dimension))):
        if arrays[name].size != int(np.prod(shape)):
            sys.exit(f"{options.problem}: {name} has shape {arrays[name].shape}, {shape} expected")
        arrays[name] = arrays[name].reshape(shape)
    return weights, arrays


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--workload", choices=("a", "d", "both"), default="both")
    parser.add_argument("--form", choices=tuple(FORMS), default="folded")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--repeat", type=int, default=20, help="timed runs")
    parser.add_argument("--warm-up", type=int, default=5, help="untimed runs before them")
    parser.add_argument("--weights", help="6641 numbers (.npy), gates in the order i, f, g, o")
    parser.add_argument("--problem", help="A [B, n, n], b [B, n], x0 [B, n] (.npz)")
    parser.add_argument("--seed", type=int, default=1, help="for what is not read from a file")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--dimension", type=int, default=10)
    parser.add_argument("--lambda", dest="regularization", type=float, default=0.005)
    parser.add_argument("--unroll", type=int, default=20, help="steps of workload a")
    parser.add_argument("--steps", type=int, default=1000, help="steps of workload d")
    parser.add_argument("--training-steps", type=int, default=5, help="steps of workload a whose losses are written")
    parser.add_argument("--out", help="timings (.json); standard output if absent")
    parser.add_argument("--numbers", help="inputs and results, for comparison (.npz)")
    parser.add_argument("--check", help="compare with a golden file (.npz) instead of timing")
    options = parser.parse_args()
    for name in ("repeat", "unroll", "steps", "training_steps", "batch", "dimension"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    return options


def describe_run(options, memory_kept):
    return {
        "program": "PyTorch eager",
        "form": options.form,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "cpu_capability": next((s.strip("- ") for s in torch.__config__.show().splitlines() if "capability" in s), ""),
        "threads": torch.get_num_threads(),
        "dtype": options.dtype,
        "freed_memory_kept": memory_kept,
    }


def main():
    options = parse_options()
    torch.set_num_threads(1)
    memory_kept = keep_freed_memory()
    dtype = getattr(torch, options.dtype)
    if options.check:
        return 0 if check_against(options.check, options.form, dtype) else 1
    weights, arrays = read_inputs(options)
    problem = Lasso(arrays, options.regularization, dtype)
    trainer_class, evaluation = FORMS[options.form]
    result = describe_run(options, memory_kept)
    result.update(batch=problem.batch, dimension=problem.dimension, regularization=options.regularization)
    numbers = {"phi_flat": weights, **arrays}
    if options.workload in ("a", "both"):
        numbers.update(compute_training_numbers(options.form, weights, problem, options, dtype))
        trainer, state = trainer_class(weights, dtype), State(problem)
        timing = time_runs(lambda: trainer.train_step(problem, state, options.unroll), options.warm_up, options.repeat)
        result["a"] = {"what": "one meta-training step", "unroll": options.unroll, **timing}
    if options.workload in ("d", "both"):
        numbers["f_traj"] = evaluation(weights, problem, options.steps, dtype).double().numpy()
        timing = time_runs(lambda: evaluation(weights, problem, options.steps, dtype), 1, options.repeat)
        result["d"] = {"what": "one evaluation", "steps": options.steps, **timing}
    result["peak_rss_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if options.numbers:
        np.savez(options.numbers, **numbers)
    text = json.dumps(result, indent=1)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
