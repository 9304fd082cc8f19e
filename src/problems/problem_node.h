/* A problem on the tape: value and gradient as one operation, whose derivative is the problem's Hessian-vector product,
 * whose derivative in turn is its third derivative. So anything that can return a value and a gradient can be
 * meta-trained on, and what a problem cannot differentiate is refused with a sentence instead of being wrong. */
#ifndef L2O_PROBLEMS_PROBLEM_NODE_H
#define L2O_PROBLEMS_PROBLEM_NODE_H

#include "autodiff/tape.h"
#include "problems/problem.h"

/* f[count, 1] and g[count, n] per instance at x[count, n]. `f` or `g` may be NULL when it is not wanted, and the tape
 * does not record. `problem` and `rows` outlive the tape. */
void problem_node(tape *tape, const problem *problem, const instances *rows, value *x, value **f, value **g);
/* The gradient of the smooth part alone; needs STRUCTURE_PROXIMAL. */
value *problem_node_smooth_gradient(tape *tape, const problem *problem, const instances *rows, value *x);

/* The whole value f[count, 1] and the gradient of the smooth part alone in one evaluation, on a tape that does not
 * record; needs STRUCTURE_PROXIMAL. */
void problem_node_smooth(tape *tape, const problem *problem, const instances *rows, value *x, value **f, value **g);

/* For the test that closes the operations under differentiation. */
extern const operation operation_problem, operation_problem_smooth, operation_problem_hessian, operation_problem_third;

#endif
