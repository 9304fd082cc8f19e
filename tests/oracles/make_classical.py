#!/usr/bin/env python3
"""Records what other libraries compute, for tests/test_oracles.c: LASSO and L1-logistic optima (scikit-learn),
Rosenbrock and Rastrigin (SciPy, PyTorch), the trajectories of torch.optim's optimizers, and textbook ISTA and FISTA.

  make_classical.py OUT.npz
"""
import sys
import warnings

import numpy
import scipy.optimize
import torch
from sklearn.linear_model import Lasso, LassoLars, LogisticRegression

STEPS = 50
LASSO_SHAPES = [(12, 8, 1.0, 0.05), (6, 15, 1.0, 0.02), (10, 10, 10.0, 0.005), (30, 10, 0.5, 0.5)]


def lasso_optima(generator, out):
    """0.5 ||A x - b||^2 + lambda ||x||_1; scikit-learn's own has 1/m in front of the square."""
    for k, (m, n, scale, penalty) in enumerate(LASSO_SHAPES):
        a, b = scale * generator.standard_normal((m, n)), generator.uniform(-1, 1, m)
        descent = Lasso(alpha=penalty / m, fit_intercept=False, tol=1e-15, max_iter=10 ** 5).fit(a, b).coef_
        path = LassoLars(alpha=penalty / m, fit_intercept=False, eps=1e-15, normalize=False).fit(a, b).coef_
        value = lambda x: 0.5 * ((a @ x - b) ** 2).sum() + penalty * numpy.abs(x).sum()
        assert abs(value(descent) - value(path)) <= 1e-12 * value(path), (k, value(descent), value(path))
        assert numpy.abs(descent - path).max() <= 1e-8 * numpy.abs(path).max(), (k, descent, path)
        names = {"a": a, "b": b, "lambda": penalty, "x": path, "value": value(path)}
        out.update({"lasso%d_%s" % (k, name): numpy.asarray(what) for name, what in names.items()})


def logistic_optimum(generator, out):
    """(1/m) sum log(1 + exp(-b_i a_i'x)) + lambda ||x||_1: scikit-learn's with C = 1 / (m lambda), over lambda."""
    m, n, penalty = 40, 6, 0.03
    a = generator.standard_normal((m, n))
    b = numpy.sign(a @ numpy.array([1.5, -2.0, 0, 0, 0.5, 0]) + generator.standard_normal(m))
    value = lambda x: numpy.logaddexp(0, -b * (a @ x)).mean() + penalty * numpy.abs(x).sum()
    solutions = {}
    for solver, iterations in (("liblinear", 10 ** 4), ("saga", 10 ** 4)):
        fitted = LogisticRegression(penalty="l1", C=1 / (m * penalty), solver=solver, fit_intercept=False, tol=1e-14,
                                    max_iter=iterations, random_state=0).fit(a, b)
        solutions[solver] = fitted.coef_[0]
    values = [value(x) for x in solutions.values()]
    assert abs(values[0] - values[1]) <= 1e-12, values
    x = solutions["saga"]
    gradient = -(a * (b / (1 + numpy.exp(b * (a @ x))))[:, None]).mean(0)
    assert numpy.abs(gradient[x != 0] + penalty * numpy.sign(x[x != 0])).max() < 1e-12
    out.update(logistic_a=a, logistic_b=b, logistic_lambda=numpy.asarray(penalty), logistic_x=x,
               logistic_value=numpy.asarray(value(x)), logistic_smooth_gradient=gradient)


def test_functions(generator, out):
    x, v = 1.5 * generator.standard_normal((16, 2)), generator.standard_normal((16, 2))
    x[0] = 1
    out.update(rosenbrock_x=x, rosenbrock_v=v, rosenbrock_value=numpy.array([scipy.optimize.rosen(p) for p in x]),
               rosenbrock_gradient=numpy.array([scipy.optimize.rosen_der(p) for p in x]),
               rosenbrock_hess_vec=numpy.array([scipy.optimize.rosen_hess_prod(p, q) for p, q in zip(x, v)]))
    at = torch.tensor(2 * generator.standard_normal((16, 5)), requires_grad=True)
    direction = torch.tensor(generator.standard_normal((16, 5)))
    value = (at ** 2 - 10 * torch.cos(2 * torch.pi * at) + 10).sum(1)
    gradient, = torch.autograd.grad(value.sum(), at, create_graph=True)
    product, = torch.autograd.grad((gradient * direction).sum(), at)
    out.update(rastrigin_x=at.detach().numpy(), rastrigin_v=direction.numpy(), rastrigin_value=value.detach().numpy(),
               rastrigin_gradient=gradient.detach().numpy(), rastrigin_hess_vec=product.numpy())


def trajectories(generator, out):
    batch, m, n = 3, 7, 5
    a, b = generator.standard_normal((batch, m, n)), generator.standard_normal((batch, m))
    x0 = generator.standard_normal((batch, n))
    rate, penalty = 0.5 / max(numpy.linalg.norm(block, 2) ** 2 for block in a), 0.05
    out.update(run_a=a, run_b=b, run_x0=x0, run_rate=numpy.asarray(rate), run_lambda=numpy.asarray(penalty))
    ta, tb = torch.tensor(a), torch.tensor(b)
    optim = torch.optim
    makers = {
        "sgd": lambda p: optim.SGD(p, lr=rate),
        "momentum": lambda p: optim.SGD(p, lr=rate, momentum=0.9),
        "nesterov": lambda p: optim.SGD(p, lr=rate, momentum=0.9, nesterov=True),
        "adam": lambda p: optim.Adam(p, lr=0.03, betas=(0.9, 0.999), eps=1e-8),
        "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, alpha=0.99, eps=1e-8),
    }
    for name, make in makers.items():
        x = torch.tensor(x0, requires_grad=True)
        optimizer, points = make([x]), [x0]
        for _ in range(STEPS):
            optimizer.zero_grad()
            (0.5 * (torch.einsum("bmn,bn->bm", ta, x) - tb) ** 2).sum().backward()
            optimizer.step()
            point = x.detach().clone()
            if name == "nesterov":
                # PyTorch keeps x + momentum v, the point where the gradient is taken next; with v = -rate * buffer, x is
                point = point + 0.9 * rate * optimizer.state[x]["momentum_buffer"]
            points.append(point.numpy())
        out["run_" + name] = numpy.array(points)

    soft = lambda x, threshold: numpy.sign(x) * numpy.maximum(numpy.abs(x) - threshold, 0)
    gradient = lambda x: numpy.einsum("bmn,bm->bn", a, numpy.einsum("bmn,bn->bm", a, x) - b)
    x, points = x0, [x0]
    for _ in range(STEPS):
        x = soft(x - rate * gradient(x), rate * penalty)
        points.append(x)
    out["run_ista"] = numpy.array(points)
    x, y, t, points = x0, x0, 1.0, [x0]
    for _ in range(STEPS):  # Beck and Teboulle, 2009, (4.1) to (4.3)
        fresh = soft(y - rate * gradient(y), rate * penalty)
        following = (1 + numpy.sqrt(1 + 4 * t * t)) / 2
        y = fresh + (t - 1) / following * (fresh - x)
        x, t = fresh, following
        points.append(x)
    out["run_fista"] = numpy.array(points)


def main():
    warnings.simplefilter("ignore")  # convergence is judged by the agreement of two methods
    generator, out = numpy.random.default_rng(20), {}
    lasso_optima(generator, out)
    logistic_optimum(generator, out)
    test_functions(generator, out)
    trajectories(generator, out)
    numpy.savez_compressed(sys.argv[1], **out)
    print("%s: %d arrays" % (sys.argv[1], len(out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
