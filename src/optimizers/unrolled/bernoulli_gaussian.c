/* The conditional mean of a Bernoulli-Gaussian, in tape operations. */
#include "optimizers/unrolled/bernoulli_gaussian.h"

value *bernoulli_gaussian_mean(tape *tape, value *z, value *v, value *logit, value *s, value **slope) {
    value *total = tape_add(tape, s, v), *gain = tape_divide(tape, s, total); /* [count, 1] */
    value *level = tape_unary(tape, UNARY_LOG, 0, tape_divide(tape, v, total));
    value *prior = tape_add(tape, logit, tape_scale(tape, 0.5, level));
    value *evidence = tape_multiply(tape, tape_multiply(tape, z, z), tape_divide(tape, gain, v));
    value *odds = tape_add(tape, tape_scale(tape, 0.5, evidence), prior);
    value *weight = tape_unary(tape, UNARY_SIGMOID, 0, odds);
    value *factor = tape_multiply(tape, weight, gain);
    if (slope != NULL) {
        value *doubt = tape_shift(tape, 1, tape_scale(tape, -1, weight));
        *slope = tape_multiply(tape, factor, tape_shift(tape, 1, tape_multiply(tape, evidence, doubt)));
    }
    return tape_multiply(tape, z, factor);
}
