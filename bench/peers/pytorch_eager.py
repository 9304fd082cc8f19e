#!/usr/bin/env python3
"""The reference workloads (common.py lists them) in eager PyTorch with autograd: what our own timings are held against.

The form `plain` is the network as most would write it, nn.Linear and nn.LSTMCell. The form `folded` is meant to be as
fast as autograd can be made:
  - every tensor is [features, coordinates], so that a gate is a contiguous block of rows;
  - tanh(x) = 2 sigmoid(2x) - 1, the factor 2 folded into the weights: all four gates are one sigmoid call, and
    PyTorch's sigmoid is about four times as fast as its tanh;
  - the LASSO gradient is written by hand, and the meta-loss is seeded into autograd as dL/dx_t = that same gradient;
  - what needs no gradient (d, e) writes into preallocated tensors;
  - the C library's allocator keeps the memory of one step for the next one, so that no time goes into page faults.
Exact MAML is double backward in both: the support gradient is made with create_graph, the outer gradient is then taken
back through phi' = phi - rate * that. pytorch_manual.py is the rival without autograd.

It reads weights and problem from files, so that two programs can compute the same thing, and writes its numbers.
It does not do curricula or several threads.
"""

import sys

from common import DECAY, EPSILON, HIDDEN, OUTPUT_SCALE, SHAPES, SIZES, main

import torch
import torch.nn.functional as functional
from torch.nn.utils.stateless import functional_call


class State:
    """What is carried from unroll to unroll: x, the moments, the LSTM state, the count of steps."""

    def __init__(self, x, momentum, variance, layers, step):
        self.x, self.momentum, self.variance, self.layers, self.step = x, momentum, variance, layers, step

    def advanced(self):
        """A state whose moments may be written to without changing this one's."""
        return State(self.x, self.momentum.clone(), self.variance.clone(), self.layers, self.step)


def write_features(state, gradient, features):
    """Advances the moments by one gradient and writes the rows m~ and g~ of features [2, B n]."""
    state.step += 1
    correction = 1 / (1 - DECAY**state.step)
    state.momentum.lerp_(gradient, 1 - DECAY)
    state.variance.mul_(DECAY).addcmul_(gradient, gradient, value=1 - DECAY)
    scale = torch.mul(state.variance, correction).sqrt_().add_(EPSILON).reciprocal_()
    torch.mul(gradient, scale, out=features[1].view_as(gradient))
    torch.mul(state.momentum, scale, out=features[0].view_as(gradient)).mul_(correction)


def split_weights(weights):
    return (part.view(shape) for part, shape in zip(weights.split(SIZES), SHAPES))


class Autograd:
    """Both forms: what they make of an unroll's end. A form gives run(weights, problem, state, steps), which advances
    `state` and returns (x_0 .. x_T, their residuals or None, their gradients or None)."""

    def __init__(self, dtype):
        self.dtype = dtype

    def zero_layers(self, coordinates):
        return [torch.zeros(HIDDEN, coordinates, dtype=self.dtype) for _ in range(4)]  # h1, c1, h2, c2

    def start(self, problem):
        x = problem.start
        return State(x, torch.zeros_like(x), torch.zeros_like(x), self.zero_layers(x.numel()), 0)

    def unroll(self, phi, problem, state, steps, create_graph):
        """Objectives, the gradient (with its graph on request) and the state after."""
        after = state.advanced()
        points, residuals, gradients = self.run(phi, problem, after, steps)
        objectives, gradient = self.differentiate(phi, problem, points, residuals, gradients, create_graph)
        after.x = after.x.detach()
        after.layers = [layer.detach() for layer in after.layers]
        return objectives.detach(), gradient, after

    def gradient(self, phi, problem, state, steps):
        return self.unroll(phi.detach().requires_grad_(), problem, state, steps, False)

    def exact_gradient(self, phi, problem, state, steps, rate):
        phi = phi.detach().requires_grad_()
        support, gradient, after = self.unroll(phi, problem, state, steps, True)
        adapted = phi - rate * gradient
        _, outer, _ = self.gradient(adapted, problem, state, steps)
        return support, torch.autograd.grad(adapted, phi, outer)[0], after


# ------------------------------------------------------------------------------------------------------- folded form


def fold_lstm(kernel, bias):
    """[80, 40] and [80, 1]: the forget gate's 1 added to its bias, the candidate's rows doubled (see squash)."""
    row = torch.arange(4 * HIDDEN)
    forget = ((row >= HIDDEN) & (row < 2 * HIDDEN)).to(kernel.dtype)
    scale = 1 + ((row >= 2 * HIDDEN) & (row < 3 * HIDDEN)).to(kernel.dtype)
    return (kernel * scale).t().contiguous(), ((bias + forget) * scale).unsqueeze(1)


def fold_weights(weights):
    """The flat weights as (matrix, bias) of the four layers, to be multiplied from the left."""
    w0, b0, k1, b1, k2, b2, wo, bo = split_weights(weights)
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


class FoldedNetwork:
    """The network without gradient, in preallocated tensors. Its state is its own."""

    def __init__(self, weights, coordinates):
        self.first, self.lstm1, self.lstm2, self.last = fold_weights(weights)
        zeros = lambda *shape: torch.zeros(*shape, dtype=weights.dtype)
        # Rows: input of layer 1 | h1 | h2. Each layer reads a contiguous block of them: nothing is ever concatenated.
        rows = zeros(3 * HIDDEN, coordinates)
        self.u, self.h1, self.h2 = rows.split(HIDDEN)
        self.inputs1, self.inputs2 = rows[: 2 * HIDDEN], rows[HIDDEN:]
        self.c1, self.c2 = zeros(HIDDEN, coordinates), zeros(HIDDEN, coordinates)
        self.features, self.z = zeros(2, coordinates), zeros(1, coordinates)
        self.gates, self.work = zeros(4 * HIDDEN, coordinates), zeros(HIDDEN, coordinates)
        self.minus_one = torch.tensor(-1, dtype=weights.dtype)

    def advance_cell(self, layer, inputs, hidden, cell):
        torch.addmm(layer[1], layer[0], inputs, out=self.gates).sigmoid_()
        i, f, g, o = self.gates.chunk(4)
        torch.add(self.minus_one, g, alpha=2, out=self.work)
        cell.mul_(f).addcmul_(i, self.work)
        torch.mul(cell, 2, out=self.work).sigmoid_()
        torch.add(self.minus_one, self.work, alpha=2, out=self.work)
        torch.mul(o, self.work, out=hidden)

    def advance(self, state, gradient, x, out):
        write_features(state, gradient, self.features)
        functional.elu(torch.addmm(self.first[1], self.first[0], self.features, out=self.u), inplace=True)
        self.advance_cell(self.lstm1, self.inputs1, self.h1, self.c1)
        self.advance_cell(self.lstm2, self.inputs2, self.h2, self.c2)
        torch.addmm(self.last[1], self.last[0], self.h2, out=self.z).tanh_()
        torch.add(x, self.z.view_as(x), alpha=OUTPUT_SCALE, out=out)


class Folded(Autograd):
    def run(self, weights, problem, state, steps):
        first, lstm1, lstm2, last = fold_weights(weights)
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
        state.x, state.layers = x, [h1, c1, h2, c2]
        return points, residuals, gradients

    def differentiate(self, phi, problem, points, residuals, gradients, create_graph):
        seeds = gradients[1:]
        if create_graph:  # the second derivative of the objectives comes in through the seeds
            seeds = [problem.differentiable_gradient(x) for x in points[1:]]
        (gradient,) = torch.autograd.grad(points[1:], phi, seeds, create_graph=create_graph)
        with torch.no_grad():
            return problem.objective(torch.stack(points), torch.stack(residuals)), gradient

    @torch.no_grad()
    def evaluate(self, phi, problem, steps):
        network, state = FoldedNetwork(phi, problem.start.numel()), self.start(problem)
        points = torch.empty(steps + 1, *problem.start.shape, dtype=self.dtype)
        residuals, gradient = torch.empty_like(points), torch.empty_like(problem.start)
        points[0] = problem.start
        for t in range(steps):
            problem.gradient(points[t], problem.residual(points[t], out=residuals[t]), out=gradient)
            network.advance(state, gradient, points[t], points[t + 1])
        problem.residual(points[steps], out=residuals[steps])
        return problem.objective(points, residuals)

    def vector(self, phi, x0, gradient):
        return FoldedVector(phi, x0, gradient)


class FoldedVector:
    """Workload e, the whole vector at once."""

    def __init__(self, phi, x0, gradient):
        self.network, self.gradient = FoldedNetwork(phi, x0.numel()), gradient
        self.state = State(x0.clone(), torch.zeros_like(x0), torch.zeros_like(x0), None, 0)

    @torch.no_grad()
    def step(self):
        self.network.advance(self.state, self.gradient, self.state.x, self.state.x)

    def x(self):
        return self.state.x


# -------------------------------------------------------------------------------------------------------- plain form


class PlainNetwork(torch.nn.Module):
    """Rows are coordinates. The forget gate's 1 is the constant bias_hh of either cell."""

    def __init__(self, dtype):
        super().__init__()
        self.first = torch.nn.Linear(2, HIDDEN)
        self.cell1 = torch.nn.LSTMCell(HIDDEN, HIDDEN)
        self.cell2 = torch.nn.LSTMCell(HIDDEN, HIDDEN)
        self.last = torch.nn.Linear(HIDDEN, 1)
        self.to(dtype)
        for cell in (self.cell1, self.cell2):
            cell.bias_hh.requires_grad_(False).zero_()[HIDDEN : 2 * HIDDEN] = 1

    def forward(self, unroll):
        """The whole unroll in one call, so that weights are put in place of the module's once, not at each step."""
        return unroll(self.step)

    def step(self, features, layers):
        h1, c1 = self.cell1(functional.elu(self.first(features)), (layers[0], layers[1]))
        h2, c2 = self.cell2(h1, (layers[2], layers[3]))
        return OUTPUT_SCALE * torch.tanh(self.last(h2)), [h1, c1, h2, c2]


def named_parameters(weights):
    w0, b0, k1, b1, k2, b2, wo, bo = split_weights(weights)
    named = {"first.weight": w0.t(), "first.bias": b0, "last.weight": wo.t(), "last.bias": bo}
    for name, kernel, bias in (("cell1", k1, b1), ("cell2", k2, b2)):
        named[f"{name}.weight_ih"], named[f"{name}.weight_hh"] = kernel[:HIDDEN].t(), kernel[HIDDEN:].t()
        named[f"{name}.bias_ih"] = bias
    return {name: parameter.contiguous() for name, parameter in named.items()}


class Plain(Autograd):
    """The problem's gradient by hand, the meta-loss by autograd."""

    def __init__(self, dtype):
        super().__init__(dtype)
        self.network = PlainNetwork(dtype)

    def zero_layers(self, coordinates):
        return [torch.zeros(coordinates, HIDDEN, dtype=self.dtype) for _ in range(4)]

    def advance(self, network_step, state, gradient):
        features = torch.empty(2, gradient.numel(), dtype=self.dtype)
        write_features(state, gradient, features)
        delta, state.layers = network_step(features.t(), state.layers)
        state.x = state.x + delta.view_as(state.x)

    def run(self, weights, problem, state, steps):
        points = [state.x]

        def unroll(network_step):
            for _ in range(steps):
                detached = state.x.detach()
                self.advance(network_step, state, problem.gradient(detached, problem.residual(detached)))
                points.append(state.x)

        functional_call(self.network, named_parameters(weights), (unroll,))
        return points, None, None

    def objectives(self, problem, points):
        stacked = torch.stack(points)
        return problem.objective(stacked, (problem.matrix * stacked.unsqueeze(1)).sum(2) - problem.target)

    def differentiate(self, phi, problem, points, residuals, gradients, create_graph):
        objectives = self.objectives(problem, points)
        return objectives, torch.autograd.grad(objectives.sum(), phi, create_graph=create_graph)[0]

    @torch.no_grad()
    def evaluate(self, phi, problem, steps):
        return self.objectives(problem, self.run(phi, problem, self.start(problem), steps)[0])

    def vector(self, phi, x0, gradient):
        return PlainVector(self, phi, x0, gradient)


class PlainVector:
    """Workload e, the whole vector at once."""

    def __init__(self, form, phi, x0, gradient):
        self.form, self.parameters, self.gradient = form, named_parameters(phi), gradient
        self.state = State(x0, torch.zeros_like(x0), torch.zeros_like(x0), form.zero_layers(x0.numel()), 0)

    @torch.no_grad()
    def step(self):
        unroll = lambda network_step: self.form.advance(network_step, self.state, self.gradient)
        functional_call(self.form.network, self.parameters, (unroll,))

    def x(self):
        return self.state.x


FORMS = {"folded": Folded, "plain": Plain}

if __name__ == "__main__":
    sys.exit(main("PyTorch eager", __doc__, FORMS, "folded", "abcde"))
