/* The terms of M-L2O's Eq. 8, measured: with tasks 1 = training, 2 = adaptation, 3 = test, alpha the inner rate, M a
 * Lipschitz constant of g3,
 *
 *   g3(a - alpha grad g2(a)) - g3(d)  <=  M (||a - b|| + ||c' - d|| + alpha ||grad g2(a) - grad g3(c)|| + ||b - c||)
 *
 *   a   the meta-trained weights                b   meta-trained on for long (the optimum of task 1)
 *   c   meta-trained for long on one batch of test problems from the same initial weights as a (the empirical optimum
 *       of task 3), c' = c - alpha grad g3(c)
 *   d   trained for long on fresh draws of test problems, without an inner step (the best there is for the test)
 *
 * A heuristic: the optima are approximated by training that ends, and weights of LSTMs are not identifiable (units may
 * change places), so distances between separate trainings overstate how far apart two optimizers are. */
#ifndef L2O_EXPERIMENT_THEORY_DECOMPOSITION_H
#define L2O_EXPERIMENT_THEORY_DECOMPOSITION_H

#include "experiment/theory_start.h"
#include "experiment/theory_task.h"

/* Arrays over samples: seed after seed, draw after draw. Terms that do not depend on the draw are repeated. */
typedef struct theory_decomposition {
    int tasks, samples;
    double *training;         /* [sample] ||a - b|| */
    double *test_sample;      /* [sample] ||c' - d|| */
    double *apart;            /* [sample] ||b - c|| */
    double *gradient;         /* [task, sample] alpha ||grad g2(a) - grad g3(c)|| */
    double *left;             /* [task, sample] */
    double *lipschitz;        /* [sample] largest ||grad g3|| at the points above, over draws so far */
    double *initial_distance; /* [sample] ||a - initial weights||: what the distances are to be compared with */
} theory_decomposition;

l2o_status theory_decomposition_run(l2o_context *context, const l2o_settings *settings, theory_tasks *tasks,
                                    const theory_start *start, int runs, uint64_t seed, arena *memory,
                                    theory_decomposition *out, l2o_error *error);

#endif
