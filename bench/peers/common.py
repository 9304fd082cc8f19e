"""What the PyTorch rivals share: the reference workloads, their inputs, how they are timed, checked and reported.

  a  one meta-training step: an unroll of T = 20 steps of the two-layer RNNprop (2 x LSTM of 20, 6641 weights) over a
     batch of 128 LASSO problems of dimension 10, meta-loss = sum of the 21 batch-mean objectives, its gradient in the
     weights (network inputs detached), one Adam update of rate 1e-3; state is carried from step to step
  b  one FOMAML update over 3 tasks: support gradient at phi on the present segment, phi' = phi - 1e-3 gradient, outer
     gradient at phi' on the segment after it; mean over the tasks, Adam; the carry advances under phi
  c  one exact MAML update over 3 tasks: the outer segment is the support's own, times (I - 1e-3 Hessian), where the
     gradients that the network sees are constants but the objectives are differentiated twice
  d  one evaluation: 1000 steps without gradient, the objective recorded at each of the 1001 points
  e  one step of the optimizer on a vector of 10^6 coordinates, the gradient given

A form, as this module uses it, is an object made of a dtype, with
  start(problem)                        -> the state before the first step
  gradient(phi, problem, state, steps)  -> objectives [steps + 1], gradient [6641], next state; `state` is left alone
  exact_gradient(phi, problem, state, steps, rate)  -> the same, through one inner step; None where it is not offered
  evaluate(phi, problem, steps)         -> objectives [steps + 1]
  vector(phi, x0, gradient)             -> an object with step() and x()
It does not know how any form computes these.
"""

import argparse
import ctypes
import json
import os
import platform
import resource
import statistics
import sys
import time


def use_wide_vectors():
    """PyTorch 1.13 keeps to AVX2 unless told otherwise; its AVX-512 sigmoid takes a third of the time. Set
    ATEN_CPU_CAPABILITY=avx2 to measure what PyTorch does when left alone."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="ignore") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), [])
    except OSError:
        return
    if all(flag in flags for flag in ("avx512f", "avx512bw", "avx512dq", "avx512vl")):
        os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx512")


use_wide_vectors()  # before PyTorch is loaded, or it has no effect

import numpy as np  # noqa: E402
import torch  # noqa: E402

HIDDEN = 20
SHAPES = [(2, 20), (20,), (40, 80), (80,), (40, 80), (80,), (20, 1), (1,)]
SIZES = [int(np.prod(shape)) for shape in SHAPES]
LEARNING_RATE = 1e-3
INNER_RATE = 1e-3
OUTPUT_SCALE = 0.01
DECAY = 0.95
EPSILON = 1e-8
TASK_DEVIATIONS = (0.1, 0.5, 1.0)
UPDATES_WRITTEN = 3
VECTOR_STEPS_WRITTEN = 5
WHAT = {
    "a": "one meta-training step",
    "b": "one FOMAML update, 3 tasks",
    "c": "one exact MAML update, 3 tasks",
    "d": "one evaluation",
    "e": "one step on a long vector",
}


def keep_freed_memory():
    """Ask glibc not to hand freed memory back between steps; on another C library nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3
    settings = ((mmap_threshold, 1 << 30), (trim_threshold, 1 << 30), (top_pad, 64 << 20))
    return all(mallopt(name, value) == 1 for name, value in settings)


# ------------------------------------------------------------------------------------------------------------ inputs


def truncated_normal(generator, shape, deviation):
    """Redraws until within two standard deviations, as the reference initialisation does."""
    draw = generator.standard_normal(shape)
    while (outside := np.abs(draw) > 2).any():
        draw[outside] = generator.standard_normal(int(outside.sum()))
    return draw * deviation


def make_weights(generator):
    deviations = [2**-0.5, 0, 40**-0.5, 40**-0.5, 40**-0.5, 40**-0.5, 20**-0.5, 0]
    return np.concatenate([truncated_normal(generator, shape, s).ravel() for shape, s in zip(SHAPES, deviations)])


def make_problem(generator, batch, dimension, deviation=1.0):
    """The reference's training problem: A ~ N(0, deviation^2), b ~ U[0, 1), x0 ~ N(0, 0.01^2)."""
    return {
        "A": deviation * generator.standard_normal((batch, dimension, dimension)),
        "b": generator.random((batch, dimension)),
        "x0": 0.01 * generator.standard_normal((batch, dimension)),
    }


def make_tasks(generator, batch, dimension):
    tasks = [make_problem(generator, batch, dimension, deviation) for deviation in TASK_DEVIATIONS]
    return {name: np.stack([task[name] for task in tasks]) for name in ("A", "b", "x0")}


def make_vector(generator, length):
    return {"x0": 0.01 * generator.standard_normal(length), "g": generator.standard_normal(length) / 128}


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

    def differentiable_gradient(self, x):
        """The same for autograd, whose derivative is A^T A / B: the second derivative of the objective."""
        residual = (self.matrix * x).sum(1) - self.target
        return ((self.transpose * residual).sum(1) + self.regularization * x.detach().sign()) / self.batch

    def objective(self, points, residuals):
        """points, residuals [S, n, B] -> the S objectives."""
        squares = residuals.flatten(1).square().sum(1)
        return (0.5 * squares + self.regularization * points.flatten(1).abs().sum(1)) / self.batch


# --------------------------------------------------------------------------------------------------------- workloads


class Trainer:
    """Workloads a, b and c: the estimators and Adam over the flat weights, by whatever form computes gradients."""

    def __init__(self, form, weights, problems, dtype):
        self.form, self.problems = form, problems
        self.phi = torch.tensor(weights, dtype=dtype)
        self.optimizer = torch.optim.Adam([self.phi], lr=LEARNING_RATE)
        self.states = [form.start(problem) for problem in problems]

    def update(self, gradients):
        self.phi.grad = gradients[0] if len(gradients) == 1 else torch.stack(gradients).mean(0)
        self.optimizer.step()

    def plain(self, steps):
        objectives, gradient, self.states[0] = self.form.gradient(self.phi, self.problems[0], self.states[0], steps)
        self.update([gradient])
        return objectives

    def fomaml_gradient(self, task, steps, next_segment=True):
        """The support's objectives, the outer gradient, the carry under the un-adapted weights."""
        problem, state = self.problems[task], self.states[task]
        support, gradient, ahead = self.form.gradient(self.phi, problem, state, steps)
        adapted = self.phi - INNER_RATE * gradient
        _, outer, _ = self.form.gradient(adapted, problem, ahead if next_segment else state, steps)
        return support, outer, ahead

    def maml_gradient(self, task, steps):
        return self.form.exact_gradient(self.phi, self.problems[task], self.states[task], steps, INNER_RATE)

    def multi_task(self, estimator, steps):
        """One update; returns the mean over the tasks of the support losses before it."""
        losses, gradients = [], []
        for task in range(len(self.problems)):
            support, gradient, self.states[task] = estimator(task, steps)
            losses.append(float(support.double().sum()))
            gradients.append(gradient)
        self.update(gradients)
        return sum(losses) / len(losses)

    def fomaml(self, steps):
        return self.multi_task(self.fomaml_gradient, steps)

    def maml(self, steps):
        return self.multi_task(self.maml_gradient, steps)


def prepare(workload, form, inputs, options, dtype):
    """The numbers two programs must agree on, and the run to be timed."""
    weights = inputs["weights"]
    lasso = lambda arrays: Lasso(arrays, options.regularization, dtype)
    if workload == "a":
        numbers = training_numbers(Trainer(form, weights, [lasso(inputs["problem"])], dtype), options)
        trainer = Trainer(form, weights, [lasso(inputs["problem"])], dtype)
        return numbers, lambda: trainer.plain(options.unroll)
    if workload in ("b", "c"):
        tasks = inputs["problems"]
        problems = [lasso({name: tasks[name][k] for name in tasks}) for k in range(len(tasks["A"]))]
        trainer = Trainer(form, weights, problems, dtype)
        run = trainer.fomaml if workload == "b" else trainer.maml
        losses, first = [], None
        for _ in range(UPDATES_WRITTEN):
            losses.append(run(options.unroll))
            first = trainer.phi.grad.double().numpy().copy() if first is None else first
        return {"grad": first, "train_loss": np.array(losses)}, lambda: run(options.unroll)
    if workload == "d":
        phi, problem = torch.tensor(weights, dtype=dtype), lasso(inputs["problem"])
        run = lambda: form.evaluate(phi, problem, options.steps)
        return {"f_traj": run().double().numpy()}, run
    x0, gradient = (torch.tensor(inputs["vector"][name], dtype=dtype) for name in ("x0", "g"))
    stepper = form.vector(torch.tensor(weights, dtype=dtype), x0, gradient)
    for _ in range(VECTOR_STEPS_WRITTEN):
        stepper.step()
    return {"x": stepper.x().double().numpy().copy()}, stepper.step


def training_numbers(trainer, options):
    """Loss and gradient of the first step, and the losses of the first steps with the updates between them."""
    trajectories, first_gradient = [], None
    for _ in range(options.training_steps):
        trajectories.append(trainer.plain(options.unroll).double().numpy())
        if first_gradient is None:
            first_gradient = trainer.phi.grad.double().numpy().copy()
    return {
        "train_f_traj": np.stack(trajectories),
        "train_loss": np.stack(trajectories).sum(1),
        "loss": trajectories[0].sum(),
        "grad": first_gradient,
    }


def time_runs(run, warm_up, repeat):
    """Milliseconds of `repeat` runs after `warm_up` untimed ones: wall clock, and processor time, whose least value a
    busy machine disturbs less."""
    samples, processor = [], []
    for index in range(warm_up + repeat):
        begin, processor_begin = time.perf_counter(), time.process_time()
        run()
        if index >= warm_up:
            processor.append(1e3 * (time.process_time() - processor_begin))
            samples.append(1e3 * (time.perf_counter() - begin))
    return {
        "unit": "milliseconds",
        "median": statistics.median(samples),
        "minimum": min(samples),
        "processor_median": statistics.median(processor),
        "processor_minimum": min(processor),
        "repeat": repeat,
        "warm_up": warm_up,
        "samples": samples,
    }


# ------------------------------------------------------------------------------------------------------------ checks


def relative_error(found, expected):
    """Largest difference over largest expected value, with float64 whatever the arguments are."""
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def single_task_pairs(golden, form, dtype):
    phi, steps = torch.tensor(golden["phi_flat"], dtype=dtype), int(golden["T"])
    problem = Lasso(golden, float(golden["lam"]), dtype)
    objectives, gradient, state = form.gradient(phi, problem, form.start(problem), steps)
    yield "f_traj", objectives, golden["f_traj"]
    yield "loss", objectives.sum(), golden["loss"]
    yield "grad1_flat", gradient, golden["grad1_flat"]
    yield "final_x", state.x.view(problem.start.shape).t(), golden["final_x"]
    if "seg2_f_traj" in golden:
        objectives, gradient, _ = form.gradient(phi, problem, state, steps)
        yield "seg2_f_traj", objectives, golden["seg2_f_traj"]
        yield "seg2_grad1_flat", gradient, golden["seg2_grad1_flat"]
    yield "evaluation f_traj", form.evaluate(phi, problem, steps), golden["f_traj"]


def maml_pairs(golden, form, dtype):
    """The inner rate of workloads b and c, network inputs detached."""
    steps = int(golden["T"])
    tasks = [{name: golden[key] for name, key in (("A", f"A{k}"), ("b", f"b{k}"), ("x0", f"x0_{k}"))} for k in range(3)]
    problems = [Lasso(task, float(golden["lam"]), dtype) for task in tasks]
    trainer = Trainer(form, golden["phi_flat"], problems, dtype)
    mode, outer, following, exact = "a1e-3_first", [], [], []
    for k in range(3):
        _, gradient, _ = form.gradient(trainer.phi, problems[k], trainer.states[k], steps)
        yield f"support_grad{k}", gradient, golden[f"{mode}_support_grad{k}"]
        outer.append(trainer.fomaml_gradient(k, steps, next_segment=False)[1])
        following.append(trainer.fomaml_gradient(k, steps)[1])
        if form.exact_gradient is not None:
            exact.append(trainer.maml_gradient(k, steps)[1])
            yield f"maml_grad{k}", exact[k], golden[f"{mode}_maml_grad{k}"]
            product = (outer[k] - exact[k]) / INNER_RATE
            if dtype == torch.float64:  # nothing of it is left after the subtraction in float32
                yield f"hvp{k}", product, golden[f"{mode}_hvp{k}"]
    yield "fomaml_grad", torch.stack(outer).mean(0), golden[f"{mode}_fomaml_grad"]
    yield "contseg_fomaml_grad", torch.stack(following).mean(0), golden["contseg_fomaml_grad"]
    if exact:
        yield "maml_grad", torch.stack(exact).mean(0), golden[f"{mode}_maml_grad"]


def agrees(pairs, name, tolerance):
    """Prints the relative error of each pair; true when all are within the tolerance."""
    agreed = True
    for what, found, expected in pairs:
        error = relative_error(found, expected)
        agreed = agreed and error <= tolerance
        print(f"{name} {what}: relative error {error:.3e}")
    print(f"{name}: {'agrees' if agreed else 'DISAGREES'} within {tolerance:g}")
    return agreed


def check_against(path, form, name, dtype):
    """Compares with a golden file; true when all errors are what the precision allows."""
    with np.load(path) as file:
        golden = dict(file)
    if "A" not in golden and "A0" not in golden:
        sys.exit(f"{path}: no array A or A0; only LASSO and quadratic files can be compared")
    pairs = single_task_pairs if "A" in golden else maml_pairs
    return agrees(pairs(golden, form, dtype), name, 1e-9 if dtype == torch.float64 else 1e-4)


# ---------------------------------------------------------------------------------------------------------- programs


def require(file, path, name):
    if name not in file:
        sys.exit(f"{path}: no array {name}")
    return file[name]


def load_arrays(path, shapes):
    """The arrays of an .npz; `shapes` maps a name to the shape it is given, which it must have the size of."""
    with np.load(path) as file:
        arrays = {name: require(file, path, name) for name in shapes}
    for name, shape in shapes.items():
        if arrays[name].size != int(np.prod(shape)):
            sys.exit(f"{path}: {name} has shape {arrays[name].shape}, {shape} expected")
        arrays[name] = arrays[name].reshape(shape)
    return arrays


def read_inputs(options):
    generator = np.random.default_rng(options.seed)
    batch, dimension, workload = options.batch, options.dimension, options.workload
    inputs = {"weights": make_weights(generator), "problem": make_problem(generator, batch, dimension)}
    if options.weights:
        inputs["weights"] = np.load(options.weights).astype(np.float64).ravel()
    if inputs["weights"].size != sum(SIZES):
        sys.exit(f"{options.weights}: {inputs['weights'].size} weights, {sum(SIZES)} expected")
    if options.problem:
        with np.load(options.problem) as file:
            target = require(file, options.problem, "b")
            batch, dimension = target.shape[0], target.size // target.shape[0]
        shapes = {"A": (batch, dimension, dimension), "b": (batch, dimension), "x0": (batch, dimension)}
        inputs["problem"] = load_arrays(options.problem, shapes)
    if workload in ("b", "c"):
        inputs["problems"] = make_tasks(generator, batch, dimension)
        if options.problems:
            with np.load(options.problems) as file:
                target = require(file, options.problems, "b")
            if target.ndim < 3:
                sys.exit(f"{options.problems}: b has shape {target.shape}, [tasks, B, n] expected")
            tasks, batch, dimension = target.shape[:3]
            rows = (tasks, batch, dimension)
            inputs["problems"] = load_arrays(options.problems, {"A": (*rows, dimension), "b": rows, "x0": rows})
    if workload == "e":
        inputs["vector"] = make_vector(generator, options.length)
        if options.vector:
            with np.load(options.vector) as file:
                length = require(file, options.vector, "g").size
            inputs["vector"] = load_arrays(options.vector, {"x0": (length,), "g": (length,)})
    return inputs


def parse_options(description, form_names, default_form, workloads):
    parser = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    parser.add_argument("--workload", choices=(*workloads, "both"), default="both", help="both: a and d")
    parser.add_argument("--form", choices=form_names, default=default_form)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--repeat", type=int, default=20, help="timed runs")
    parser.add_argument("--warm-up", type=int, default=5, help="untimed runs before them")
    parser.add_argument("--weights", help="6641 numbers (.npy), gates in the order i, f, g, o")
    parser.add_argument("--problem", help="of a and d: A [B, n, n], b [B, n], x0 [B, n] (.npz)")
    parser.add_argument("--problems", help="of b and c: A [3, B, n, n], b [3, B, n], x0 [3, B, n] (.npz)")
    parser.add_argument("--vector", help="of e: x0 [N], g [N] (.npz)")
    parser.add_argument("--seed", type=int, default=1, help="for what is not read from a file")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--dimension", type=int, default=10)
    parser.add_argument("--length", type=int, default=1_000_000, help="of the vector of workload e")
    parser.add_argument("--lambda", dest="regularization", type=float, default=0.005)
    parser.add_argument("--unroll", type=int, default=20, help="steps of workloads a, b and c")
    parser.add_argument("--steps", type=int, default=1000, help="steps of workload d")
    parser.add_argument("--training-steps", type=int, default=5, help="steps of workload a whose losses are written")
    parser.add_argument("--out", help="timings (.json); standard output if absent")
    parser.add_argument("--numbers", help="inputs and results, for comparison (.npz)")
    parser.add_argument("--check", help="compare with a golden file (.npz) instead of timing")
    options = parser.parse_args()
    for name in ("repeat", "unroll", "steps", "training_steps", "batch", "dimension", "length"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    return options


def describe_run(program, options, memory_kept):
    return {
        "program": program,
        "form": options.form,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "cpu_capability": next((s.strip("- ") for s in torch.__config__.show().splitlines() if "capability" in s), ""),
        "threads": torch.get_num_threads(),
        "dtype": options.dtype,
        "freed_memory_kept": memory_kept,
    }


def main(program, description, forms, default_form, workloads):
    """The whole of either program: numbers first, then the timing."""
    options = parse_options(description, tuple(forms), default_form, workloads)
    torch.set_num_threads(1)
    memory_kept = keep_freed_memory()
    dtype = getattr(torch, options.dtype)
    form = forms[options.form](dtype)
    if options.check:
        return 0 if check_against(options.check, form, options.form, dtype) else 1
    inputs = read_inputs(options)
    result = describe_run(program, options, memory_kept)
    batch, dimension = inputs["problems" if "problems" in inputs else "problem"]["b"].shape[-2:]
    result.update(batch=batch, dimension=dimension, regularization=options.regularization)
    numbers = {"phi_flat": inputs["weights"]}
    for workload in ("a", "d") if options.workload == "both" else options.workload:
        numbers.update(inputs[{"b": "problems", "c": "problems", "e": "vector"}.get(workload, "problem")])
        found, run = prepare(workload, form, inputs, options, dtype)
        numbers.update(found)
        # The numbers have warmed the evaluation up already.
        timing = time_runs(run, min(options.warm_up, 1) if workload == "d" else options.warm_up, options.repeat)
        length = {"steps": options.steps} if workload == "d" else {"unroll": options.unroll}
        if workload == "e":
            length = {"coordinates": int(inputs["vector"]["g"].size)}
        result[workload] = {"what": WHAT[workload], **length, **timing}
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
