/* An unroll is one segment from a fresh carry. */
#include "experiment/theory_unroll.h"

#include "base/memory.h"

l2o_status theory_unroll_create(l2o_context *context, problem *problem, const optimizer *optimizer, int64_t most_steps,
                                theory_unroll *unroll, l2o_error *error) {
    *unroll = (theory_unroll){.most_steps = most_steps};
    TRY(runner_create(context, problem, optimizer, &unroll->runner, error));
    l2o_status status = carry_create(problem, optimizer, &unroll->carry, error);
    unroll->loss_weights = memory_allocate((size_t)most_steps + 1, sizeof(double), error);
    if (status == L2O_OK && unroll->loss_weights == NULL) status = error->status;
    if (status != L2O_OK) theory_unroll_free(unroll);
    return status;
}

void theory_unroll_free(theory_unroll *unroll) {
    runner_free(&unroll->runner);
    carry_free(&unroll->carry);
    memory_free(unroll->loss_weights);
    *unroll = (theory_unroll){0};
}

l2o_status theory_unroll_run(theory_unroll *unroll, const meta_loss *loss, int64_t steps, bool detached,
                             const double *weights, double *value, double *gradient, l2o_error *error) {
    loss->weights(steps, unroll->loss_weights);
    carry_reset(&unroll->carry, unroll->runner.problem);
    segment pass = {.weights = weights,
                    .steps = steps,
                    .detached = detached,
                    .loss_weights = unroll->loss_weights,
                    .logarithm = loss->logarithm,
                    .from = &unroll->carry,
                    .gradient = gradient};
    TRY(segment_run(&unroll->runner, &pass, error));
    *value = pass.loss;
    return L2O_OK;
}
