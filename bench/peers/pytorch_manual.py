#!/usr/bin/env python3
"""The workloads a, b, d and e (common.py lists them) in the best form found for PyTorch 1.13 without autograd.

What it does:
  - every tensor is [rows, coordinates], coordinates contiguous; all buffers are allocated once, all operations write
    into them (out=, in place), all views of them are made beforehand;
  - rows h2 | h1 | 1 | u are one block: layer 2 reads its first 41 rows, layer 1 its last 41, the row of ones carries
    the biases and their gradients, and nothing is ever concatenated;
  - one sigmoid over all four gates: tanh(x) = 2 sigmoid(2x) - 1, the constants folded into weights and into the cell,
    which is kept doubled; bias-corrected moments advance by their own recursion, which saves the corrections;
  - the backward pass by hand: dL/d delta_t are suffix sums of the stored gradients (one product with a triangular
    matrix), then sigmoid_backward and tanh_backward over whole blocks, five elementwise operations a cell;
  - TorchScript runs the loops, which saves the interpreter's time.

What was tried and dropped, in processor time of workload a (about 14 ms on an idle machine):
  - AVX2 operations, PyTorch's own choice, instead of AVX-512: + 12 %; the sigmoid alone takes 3.4 times as long
  - plain Python loops instead of TorchScript: + 3 %; TorchScript with its profiling executor: + 1 %; fusion by NNC is
    not to be had on a processor without LLVM, which Debian's build lacks
  - groups of coordinates that fit a cache: 2 groups + 9 %, 4 + 27 %, 8 + 57 %: operations cost more to start than
    caches save, and nearly two thirds of the time are matrix products, which block for caches themselves
  - weight gradients by one product over all steps: + 2 to 4 %: storing all gate gradients costs more than the larger
    product saves; by products per step, as here, they are accumulated while in cache
  - denormals flushed: within 3 % either way, noise; rows padded against cache-set conflicts: products unchanged
  - coordinates as rows: products 5 % faster to 8 % slower, but each elementwise operation on a gate's columns takes
    60 % longer; oneDNN's and XNNPACK's prepacked products, which exist for this order only, gain 12 to 23 % on a
    product, less than those columns lose; oneDNN's convolution of [rows, coordinates] loses 34 %
  - products of 640, 320 or 160 columns at a time instead of 1280: 3 % faster to 28 % slower
  - other kernels of OpenBLAS than its own choice: Haswell's products + 40 to 70 %, Zen's + 60 to 100 %
  - sigmoid(a) * b by glu, in a cell's step without gradient: 0 to 8 % slower, 40 to 80 % in small blocks
  - for e, blocks of 640 to 10240 coordinates: 2560 and more within 5 % of each other, 1280 + 5 %, 640 + 15 %

It does not do second derivatives (workload c), other networks or several threads.
"""

import sys
from typing import List, NamedTuple

from common import DECAY, EPSILON, HIDDEN, OUTPUT_SCALE, SHAPES, SIZES, main

import torch

Tensor = torch.Tensor
VECTOR_BLOCK = 2560
H2, H1, ONES, U = slice(0, 20), slice(20, 40), 40, slice(41, 61)  # rows of a block
BLOCK_ROWS, INPUTS2, INPUTS1 = 61, slice(0, 41), slice(20, 61)


class Network(NamedTuple):
    """The weights as the loops want them: `kernel` [80, 41] with the bias, `back` [40, 80] for the backward pass."""

    first: Tensor
    first_bias: Tensor
    kernel1: Tensor
    kernel2: Tensor
    last: Tensor
    last_bias: Tensor
    back1: Tensor
    back2: Tensor
    minus_one: Tensor
    minus_two: Tensor


class Cell(NamedTuple):
    """One LSTM cell at one step. The gates are sigmoids, that of the candidate s of the doubled sum."""

    inputs: Tensor  # [41, N] in the block
    gates: Tensor  # [80, N]: i, f, s, o
    i: Tensor
    f: Tensor
    s: Tensor
    o: Tensor
    candidate: Tensor  # 4 s - 2, twice tanh
    before: Tensor  # twice the cell, before and after the step
    after: Tensor
    squashed: Tensor  # tanh of the cell
    hidden: Tensor


class Step(NamedTuple):
    """One step of the network: everything but x as it lies in the problem, [N] or [rows, N]."""

    gradient: Tensor
    momentum_before: Tensor
    momentum: Tensor
    moments: Tensor  # [2, N]: momentum over gradient
    variance: Tensor
    square: Tensor
    scale: Tensor
    features: Tensor
    u: Tensor
    cell1: Cell
    cell2: Cell
    z: Tensor  # [1, N]
    z_row: Tensor
    x: Tensor
    x_after: Tensor


class Point(NamedTuple):
    """x_t [n, B], its residual and its gradient."""

    x: Tensor
    residual: Tensor
    gradient: Tensor


class Objective(NamedTuple):
    """LASSO; the transpose and lambda are divided by the batch."""

    matrix: Tensor
    transpose: Tensor
    target: Tensor
    product: Tensor
    sign: Tensor


class CellBack(NamedTuple):
    """One cell's backward pass at one step. `upper` is [tanh' part; dL/do] and `lower` dL/d(i, f, s), both parts of one
    buffer; `outer` and `inner` are what they are the products with."""

    d_hidden: Tensor
    d_cell: Tensor
    forget_next: Tensor
    outer: Tensor  # [2, 20, N]: o, tanh of the cell
    inner: Tensor  # [3, 20, N]: candidate, cell before, i
    upper: Tensor
    lower: Tensor
    through_cell: Tensor
    d_gates: Tensor
    gates: Tensor
    squashed: Tensor
    inputs: Tensor  # [N, 41], transposed


class StepBack(NamedTuple):
    """One step's backward pass besides the cells."""

    d_z: Tensor
    d_z_before: Tensor
    hidden2: Tensor
    u: Tensor
    features: Tensor  # [N, 3], transposed


class Sums(NamedTuple):
    """The weights' gradient, as the products accumulate it."""

    first: Tensor
    kernel1: Tensor
    kernel2: Tensor
    last: Tensor


# --------------------------------------------------------------------------------------------------- TorchScript loops


def advance_cell(kernel: Tensor, cell: Cell, network: Network):
    torch.mm(kernel, cell.inputs, out=cell.gates).sigmoid_()
    torch.add(network.minus_two, cell.s, alpha=4, out=cell.candidate)
    torch.mul(cell.f, cell.before, out=cell.after).addcmul_(cell.i, cell.candidate)
    torch.sigmoid(cell.after, out=cell.squashed)
    torch.add(network.minus_one, cell.squashed, alpha=2, out=cell.squashed)
    torch.mul(cell.o, cell.squashed, out=cell.hidden)


def advance(step: Step, network: Network, count: int, decay: float, epsilon: float, output_scale: float):
    """Step number `count`, from 1: m / (1 - decay^t) is the mean of what it was and g, the newer g weighing `rate`."""
    rate = (1 - decay) / (1 - decay**count)
    torch.lerp(step.momentum_before, step.gradient, rate, out=step.momentum)
    torch.mul(step.gradient, step.gradient, out=step.square)
    step.variance.lerp_(step.square, rate)
    torch.sqrt(step.variance, out=step.scale).add_(epsilon)
    torch.div(step.moments, step.scale, out=step.features)
    torch.addmm(network.first_bias, network.first, step.features, out=step.u)
    torch.ops.aten.elu_(step.u)
    advance_cell(network.kernel1, step.cell1, network)
    advance_cell(network.kernel2, step.cell2, network)
    torch.addmm(network.last_bias, network.last, step.cell2.hidden, out=step.z).tanh_()
    torch.add(step.x, step.z_row, alpha=output_scale, out=step.x_after)


def differentiate(point: Point, objective: Objective, weight: float):
    torch.mul(objective.matrix, point.x, out=objective.product)
    torch.sum(objective.product, [1], out=point.residual).sub_(objective.target)
    torch.mul(objective.transpose, point.residual, out=objective.product)
    torch.sum(objective.product, [1], out=point.gradient)
    torch.sign(point.x, out=objective.sign)
    point.gradient.add_(objective.sign, alpha=weight)


def unroll_forward(points: List[Point], steps: List[Step], network: Network, objective: Objective, weight: float,
                   first: int, decay: float, epsilon: float, output_scale: float):  # fmt: skip
    for t in range(len(steps)):
        differentiate(points[t], objective, weight)
        advance(steps[t], network, first + t, decay, epsilon, output_scale)
    differentiate(points[len(steps)], objective, weight)


def evaluate_forward(xs: Tensor, residuals: Tensor, gradient: Tensor, step: Step, x: Tensor, network: Network,
                     objective: Objective, weight: float, decay: float, epsilon: float,
                     output_scale: float):  # fmt: skip
    """The step works on the one place x [n, B]; each point is copied out of it."""
    for t in range(xs.shape[0]):
        xs[t].copy_(x)
        differentiate(Point(x, residuals[t], gradient), objective, weight)
        if t + 1 < xs.shape[0]:
            advance(step, network, t + 1, decay, epsilon, output_scale)


def vector_forward(blocks: List[Step], network: Network, count: int, decay: float, epsilon: float,
                   output_scale: float):  # fmt: skip
    for step in blocks:
        advance(step, network, count, decay, epsilon, output_scale)


def cell_backward(cell: CellBack, sums: Tensor):
    torch.mul(cell.d_hidden, cell.outer, out=cell.upper)
    torch.ops.aten.tanh_backward(cell.through_cell, cell.squashed, grad_input=cell.through_cell)
    torch.addcmul(cell.through_cell, cell.d_cell, cell.forget_next, value=1, out=cell.d_cell)
    torch.mul(cell.d_cell, cell.inner, out=cell.lower)
    torch.ops.aten.sigmoid_backward(cell.d_gates, cell.gates, grad_input=cell.d_gates)
    sums.addmm_(cell.d_gates, cell.inputs)


def unroll_backward(steps: List[StepBack], cells1: List[CellBack], cells2: List[CellBack], d_rows: Tensor,
                    network: Network, sums: Sums):  # fmt: skip
    """d_rows [60, N]: the gradients of h2, h1 and u. Layer 2 sends to the first 40 rows, layer 1 to the last 40."""
    output = network.last.t()
    d_h2, d_h21, d_h1u, d_u = d_rows[:20], d_rows[:40], d_rows[20:], d_rows[40:]
    torch.mul(output, steps[len(steps) - 1].d_z, out=d_h2)
    for k in range(len(steps)):
        t = len(steps) - 1 - k
        step = steps[t]
        sums.last.addmv_(step.hidden2, step.d_z)
        cell_backward(cells2[t], sums.kernel2)
        torch.mul(output, step.d_z_before, out=d_h2)
        d_h21.addmm_(network.back2, cells2[t].d_gates)
        cell_backward(cells1[t], sums.kernel1)
        torch.mm(network.back1, cells1[t].d_gates, out=d_h1u)
        torch.ops.aten.elu_backward(d_u, 1, 1, 1, True, step.u, grad_input=d_u)
        sums.first.addmm_(d_u, step.features)


torch._C._jit_set_profiling_executor(False)
advance_cell = torch.jit.script(advance_cell)
advance = torch.jit.script(advance)
differentiate = torch.jit.script(differentiate)
unroll_forward = torch.jit.script(unroll_forward)
evaluate_forward = torch.jit.script(evaluate_forward)
vector_forward = torch.jit.script(vector_forward)
cell_backward = torch.jit.script(cell_backward)
unroll_backward = torch.jit.script(unroll_backward)

# ------------------------------------------------------------------------------------------------- weights and buffers


def gate_factors(i, f, s, o, dtype):
    return torch.tensor([i, f, s, o], dtype=dtype).repeat_interleave(HIDDEN)


def fold(weights):
    dtype = weights.dtype
    w0, b0, k1, b1, k2, b2, wo, bo = (part.view(shape) for part, shape in zip(weights.split(SIZES), SHAPES))
    forget, doubled = gate_factors(0, 1, 0, 0, dtype), gate_factors(1, 1, 2, 1, dtype)
    kernel1 = torch.cat((k1[HIDDEN:], (b1 + forget)[None], k1[:HIDDEN])) * doubled
    kernel2 = torch.cat((k2[HIDDEN:], k2[:HIDDEN], (b2 + forget)[None])) * doubled
    back = backward_factors(dtype)
    return Network(
        first=w0.t().contiguous(),
        first_bias=b0[:, None],
        kernel1=kernel1.t().contiguous(),
        kernel2=kernel2.t().contiguous(),
        last=wo.t(),
        last_bias=bo[None],
        back1=torch.cat((k1[HIDDEN:], k1[:HIDDEN])) * back,
        back2=torch.cat((k2[HIDDEN:], k2[:HIDDEN])) * back,
        minus_one=torch.tensor(-1, dtype=dtype),
        minus_two=torch.tensor(-2, dtype=dtype),
    )


def backward_factors(dtype):
    """What the loops' gate gradients lack. With C = 2c and s of the doubled sum: dL/dC is half of dL/dc, C moves with i
    by 4s - 2 and with f by C before; with s by 4i, and s with the candidate's sum by 2 s (1 - s)."""
    return gate_factors(0.5, 0.5, 4, 1, dtype)


def unfold(sums, d_z, dtype):
    """The flat gradient of the weights."""
    back = backward_factors(dtype)
    kernel1, kernel2 = sums.kernel1.t() * back, sums.kernel2.t() * back
    parts = (sums.first[:, :2].t(), sums.first[:, 2], kernel1[21:], kernel1[:20], kernel1[20], kernel2[20:40],
             kernel2[:20], kernel2[40], sums.last, d_z.sum()[None])  # fmt: skip
    return torch.cat([part.reshape(-1) for part in parts])


class Workspace:
    """Every buffer of an unroll of `steps` steps, and its views. Block t holds h1 and u as step t reads them, and h2 as
    step t - 1 does."""

    CANDIDATE, BEFORE, GATES, SQUASHED, ROWS = slice(0, 20), slice(20, 40), slice(40, 120), slice(120, 140), 140

    def __init__(self, dimension, batch, steps, dtype):
        self.coordinates = coordinates = dimension * batch
        zeros = lambda *shape: torch.zeros(*shape, dtype=dtype)
        self.xs, self.residuals = zeros(steps + 1, dimension, batch), zeros(steps + 1, dimension, batch)
        self.moments = zeros(steps + 1, 2, coordinates)
        self.gradients = self.moments[:, 1]
        self.momentum_start, self.variance = zeros(coordinates), zeros(coordinates)
        self.square, self.scale = zeros(coordinates), zeros(coordinates)
        self.features = zeros(steps, 3, coordinates)
        self.features[:, 2] = 1
        self.blocks = zeros(steps + 2, BLOCK_ROWS, coordinates)
        self.blocks[:, ONES] = 1
        self.cells = [zeros(steps + 1, self.ROWS, coordinates) for _ in range(2)]
        self.z, self.d_z = zeros(steps, coordinates), zeros(steps, coordinates)
        self.d_rows = zeros(3 * HIDDEN, coordinates)
        self.d_cells = [zeros(HIDDEN, coordinates) for _ in range(2)]
        self.d_gates = [zeros(5 * HIDDEN, coordinates) for _ in range(2)]
        self.suffix = OUTPUT_SCALE * torch.triu(torch.ones(steps, steps + 1, dtype=dtype), 1)
        self.product, self.sign = zeros(dimension, dimension, batch), zeros(dimension, batch)
        self.points = [
            Point(self.xs[t], self.residuals[t], self.gradients[t].view(dimension, batch)) for t in range(steps + 1)
        ]
        self.steps = [self.step_views(t) for t in range(steps)]
        self.back = [
            StepBack(self.d_z[t], self.d_z[max(t - 1, 0)], self.blocks[t + 2][H2], self.blocks[t][U],
                     self.features[t].t()) for t in range(steps)
        ]  # fmt: skip
        self.back1 = [self.cell_back_views(0, t, self.d_rows[H1]) for t in range(steps)]
        self.back2 = [self.cell_back_views(1, t, self.d_rows[H2]) for t in range(steps)]

    def inputs(self, layer, t):
        return self.blocks[t][INPUTS1] if layer == 0 else self.blocks[t + 1][INPUTS2]

    def cell_views(self, layer, t):
        rows, after = self.cells[layer][t], self.cells[layer][t + 1]
        hidden = self.blocks[t + 1][H1] if layer == 0 else self.blocks[t + 2][H2]
        gates = rows[self.GATES]
        return Cell(self.inputs(layer, t), gates, *gates.split(HIDDEN), rows[self.CANDIDATE], rows[self.BEFORE],
                    after[self.BEFORE], rows[self.SQUASHED], hidden)  # fmt: skip

    def step_views(self, t):
        before = self.moments[t - 1][0] if t > 0 else self.momentum_start
        return Step(self.gradients[t], before, self.moments[t][0], self.moments[t], self.variance, self.square,
                    self.scale, self.features[t][:2], self.blocks[t][U], self.cell_views(0, t), self.cell_views(1, t),
                    self.z[t][None], self.z[t], self.xs[t].view(-1), self.xs[t + 1].view(-1))  # fmt: skip

    def cell_back_views(self, layer, t, d_hidden):
        rows, d_gates, n = self.cells[layer][t], self.d_gates[layer], self.coordinates
        upper = d_gates.as_strided((2, HIDDEN, n), (4 * HIDDEN * n, n, 1))  # its first and its last 20 rows
        return CellBack(d_hidden, self.d_cells[layer], self.cells[layer][t + 1][60:80],
                        rows[100:140].view(2, HIDDEN, n), rows[:60].view(3, HIDDEN, n), upper,
                        d_gates[20:80].view(3, HIDDEN, n), d_gates[:20], d_gates[20:], rows[self.GATES],
                        rows[self.SQUASHED], self.inputs(layer, t).t())  # fmt: skip

    def load(self, state):
        self.xs[0].view(-1).copy_(state.x)
        self.momentum_start.copy_(state.momentum)
        self.variance.copy_(state.variance)
        for place, layer in zip(self.layers(0), state.layers):
            place.copy_(layer)

    def layers(self, t):
        """h1, h2 and both cells before step t."""
        cells = (rows[t][self.BEFORE] for rows in self.cells)
        return (self.blocks[t][H1], self.blocks[t + 1][H2], *cells)

    def state_after(self, count):
        steps = len(self.steps)
        return State(self.xs[steps].flatten().clone(), self.moments[steps - 1][0].clone(), self.variance.clone(),
                     [layer.clone() for layer in self.layers(steps)], count)  # fmt: skip


class State:
    """x and both bias-corrected moments [N]; h1, h2 and both doubled cells [20, N]; the count of steps."""

    def __init__(self, x, momentum, variance, layers, count):
        self.x, self.momentum, self.variance, self.layers, self.count = x, momentum, variance, layers, count


class StandingStep:
    """A step that works in place on a state of its own, for d and e; buffers without state may be shared."""

    def __init__(self, x, gradient, shared=None):
        n, dtype = x.numel(), x.dtype
        zeros = lambda *shape: torch.zeros(*shape, dtype=dtype)
        if shared is None or shared.gates.shape[1] != n:
            self.gates, self.work, self.features = zeros(4 * HIDDEN, n), zeros(HIDDEN, n), zeros(2, n)
            self.square, self.scale, self.z = zeros(n), zeros(n), zeros(1, n)
        else:
            self.gates, self.work, self.features = shared.gates, shared.work, shared.features
            self.square, self.scale, self.z = shared.square, shared.scale, shared.z
        moments, block = zeros(2, n), zeros(BLOCK_ROWS, n)
        self.gradient = moments[1]
        self.gradient.copy_(gradient)
        block[ONES] = 1
        cells = zeros(2, HIDDEN, n)
        views = [
            Cell(block[inputs], self.gates, *self.gates.split(HIDDEN), self.work, cells[k], cells[k], self.work,
                 block[hidden]) for k, (inputs, hidden) in enumerate(((INPUTS1, H1), (INPUTS2, H2)))
        ]  # fmt: skip
        self.views = Step(self.gradient, moments[0], moments[0], moments, zeros(n), self.square, self.scale,
                          self.features, block[U], *views, self.z, self.z[0], x, x)  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ the form


class Manual:
    exact_gradient = None

    def __init__(self, dtype):
        self.dtype = dtype
        self.workspaces = {}

    def start(self, problem):
        x = problem.start.flatten()
        layers = [torch.zeros(HIDDEN, x.numel(), dtype=self.dtype) for _ in range(4)]
        return State(x, torch.zeros_like(x), torch.zeros_like(x), layers, 0)

    @staticmethod
    def objective(problem, product, sign):
        """As the loops want it; made once for each problem."""
        if not hasattr(problem, "scaled_transpose"):
            problem.scaled_transpose = problem.transpose / problem.batch
        return Objective(problem.matrix, problem.scaled_transpose, problem.target, product, sign)

    def workspace(self, problem, steps):
        size = (problem.dimension, problem.batch, steps)
        if size not in self.workspaces:
            self.workspaces[size] = Workspace(*size, self.dtype)
        return self.workspaces[size]

    @torch.no_grad()
    def gradient(self, phi, problem, state, steps):
        work, network = self.workspace(problem, steps), fold(phi)
        weight = problem.regularization / problem.batch
        work.load(state)
        unroll_forward(work.points, work.steps, network, self.objective(problem, work.product, work.sign), weight,
                       state.count + 1, DECAY, EPSILON, OUTPUT_SCALE)  # fmt: skip
        torch.mm(work.suffix, work.gradients, out=work.d_z)
        torch.ops.aten.tanh_backward(work.d_z, work.z, grad_input=work.d_z)
        for cleared in (work.d_rows, *work.d_cells):
            cleared.zero_()
        zeros = lambda *shape: torch.zeros(*shape, dtype=self.dtype)
        sums = Sums(zeros(HIDDEN, 3), zeros(80, 41), zeros(80, 41), zeros(HIDDEN))
        unroll_backward(work.back, work.back1, work.back2, work.d_rows, network, sums)
        objectives = problem.objective(work.xs, work.residuals)
        return objectives, unfold(sums, work.d_z, self.dtype), work.state_after(state.count + steps)

    @torch.no_grad()
    def evaluate(self, phi, problem, steps):
        x = problem.start.clone()
        step = StandingStep(x.view(-1), torch.zeros_like(x).view(-1))
        xs = torch.empty(steps + 1, *x.shape, dtype=self.dtype)
        residuals = torch.empty_like(xs)
        objective = self.objective(problem, problem.product, torch.empty_like(x))
        evaluate_forward(xs, residuals, step.gradient.view(x.shape), step.views, x, fold(phi), objective,
                         problem.regularization / problem.batch, DECAY, EPSILON, OUTPUT_SCALE)  # fmt: skip
        return problem.objective(xs, residuals)

    def vector(self, phi, x0, gradient):
        return BlockedVector(phi, x0, gradient)


class BlockedVector:
    """Workload e in blocks of coordinates, each with its state side by side."""

    def __init__(self, phi, x0, gradient):
        self.network, self.vector, self.count = fold(phi), x0.clone(), 0
        blocks, shared = [], None
        for x, g in zip(self.vector.split(VECTOR_BLOCK), gradient.split(VECTOR_BLOCK)):
            shared = StandingStep(x, g, shared)
            blocks.append(shared.views)
        self.blocks = blocks

    @torch.no_grad()
    def step(self):
        self.count += 1
        vector_forward(self.blocks, self.network, self.count, DECAY, EPSILON, OUTPUT_SCALE)

    def x(self):
        return self.vector


FORMS = {"manual": Manual}

if __name__ == "__main__":
    sys.exit(main("PyTorch without autograd", __doc__, FORMS, "manual", "abde"))
