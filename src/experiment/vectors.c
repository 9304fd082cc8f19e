/* Recomputes recorded vectors (see include/l2o/vectors.h): a file holds the weights and problems of an RNNprop unroll,
 * and what an independent implementation made of them. Everything that can be recomputed is, through the same
 * estimators and segments that training uses; each array of the file is then looked up by name. */
#include "l2o/vectors.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "experiment/catalog.h"
#include "io/npz.h"
#include "meta/adam.h"
#include "meta/estimator.h"
#include "optimizers/learned/rnnprop.h"
#include "problems/linear_model.h"

typedef enum vector_class { VECTOR_TRAJECTORY, VECTOR_GRADIENT } vector_class;

/* One recomputed array. */
typedef struct recomputed {
    char name[96];
    vector_class class;
    int64_t count;
    double *values;
    struct recomputed *next;
} recomputed;

typedef struct vectors {
    l2o_context *context;
    l2o_error *error;
    npz file;
    const char *path;
    l2o_settings *settings;
    optimizer *optimizer;
    double *phi;
    int64_t steps, batch, dimension, total;
    int tasks;   /* 0: one, whose arrays have no number */
    bool linear; /* the problem has an A */
    recomputed *results;
} vectors;

static double *result_add(vectors *check, vector_class class, int64_t count, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static double *result_add(vectors *check, vector_class class, int64_t count, const char *format, ...) {
    recomputed *added = memory_allocate(1, sizeof *added, check->error);
    if (added == NULL) return NULL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(added->name, sizeof added->name, format, arguments);
    va_end(arguments);
    added->class = class;
    added->count = count;
    added->values = memory_allocate((size_t)count, sizeof(double), check->error);
    added->next = check->results;
    check->results = added;
    return added->values;
}

static l2o_status result_copy(vectors *check, vector_class class, int64_t count, const double *from, const char *name) {
    double *values = result_add(check, class, count, "%s", name);
    if (values == NULL) return check->error->status;
    memcpy(values, from, (size_t)count * sizeof *values);
    return L2O_OK;
}

static const recomputed *result_find(const vectors *check, const char *name) {
    for (const recomputed *at = check->results; at != NULL; at = at->next)
        if (strcmp(at->name, name) == 0) return at;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------- reading the file */

static l2o_status array_of(const vectors *check, const char *name, const array **out) {
    *out = npz_find(&check->file, name);
    if (*out == NULL)
        return error_set(check->error, L2O_ERROR_INPUT, "%s: the array '%s' is missing", check->path, name);
    return L2O_OK;
}

static l2o_status whole_number(const vectors *check, const char *name, int64_t *out) {
    const array *found;
    TRY(array_of(check, name, &found));
    double number = found->count == 1 ? found->values[0] : NAN;
    if (!(number >= 1 && number <= 1e6) || number != floor(number))
        return error_set(check->error, L2O_ERROR_INPUT, "%s: '%s' must be one whole number from 1 to 1e6", check->path,
                         name);
    *out = (int64_t)number;
    return L2O_OK;
}

static l2o_status set_number(vectors *check, const char *name, int64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return settings_set(check->settings, name, text, check->path, check->error);
}

/* The network from the number of weights: hidden units from phi_W0 where the file has it, else 20. */
static l2o_status make_optimizer(vectors *check) {
    const array *phi, *projection = npz_find(&check->file, "phi_W0");
    TRY(array_of(check, "phi_flat", &phi));
    int64_t hidden = projection != NULL && projection->rank == 2 ? projection->shape[1] : 20;
    if (hidden > 1024) hidden = 0; /* no network here is as wide, and its square would overflow */
    int64_t outside = 4 * hidden + 1, layer = 8 * hidden * hidden + 4 * hidden;
    int64_t layers = layer > 0 ? (phi->count - outside) / layer : 0;
    if (hidden < 1 || layers < 1 || layers > 16 || layers * layer + outside != phi->count)
        return error_set(check->error, L2O_ERROR_INPUT,
                         "%s: phi_flat has %lld weights, which no RNNprop with %lld hidden units has", check->path,
                         (long long)phi->count, (long long)hidden);
    TRY(set_number(check, "layers", layers));
    TRY(set_number(check, "hidden", hidden));
    TRY(optimizer_create(check->settings, "rnnprop", &check->optimizer, check->error));
    check->total = phi->count;
    check->phi = check->optimizer->weights;
    memcpy(check->phi, phi->values, (size_t)phi->count * sizeof(double));
    return L2O_OK;
}

static l2o_status fill(const vectors *check, const char *name, int64_t count, const kernels *kernels, void *target) {
    const array *found;
    TRY(array_of(check, name, &found));
    if (found->count != count)
        return error_set(check->error, L2O_ERROR_INPUT, "%s: '%s' has %lld numbers, but %lld were expected",
                         check->path, name, (long long)found->count, (long long)count);
    kernels->from_double(count, found->values, target);
    return L2O_OK;
}

/* The problem whose arrays are named a, b, x0: a LASSO, quadratic (lambda 0 or absent) or Rosenbrock (no A). */
static l2o_status make_problem(vectors *check, const char *a_name, const char *b_name, const char *x0_name,
                               problem **out) {
    const array *x0, *a = npz_find(&check->file, a_name), *lambda = npz_find(&check->file, "lam");
    TRY(array_of(check, x0_name, &x0));
    if (x0->rank != 2 || x0->shape[0] != check->batch || x0->shape[1] < 1)
        return error_set(check->error, L2O_ERROR_INPUT, "%s: '%s' must have the shape [B, d] with B = %lld",
                         check->path, x0_name, (long long)check->batch);
    if (a != NULL && (a->rank != 3 || a->shape[0] != check->batch || a->shape[1] < 1 || a->shape[2] != x0->shape[1]))
        return error_set(check->error, L2O_ERROR_INPUT, "%s: '%s' must have the shape [B, m, d] to fit '%s'",
                         check->path, a_name, x0_name);
    check->dimension = x0->shape[1];
    check->linear = a != NULL;
    bool penalised = lambda != NULL && lambda->count == 1 && lambda->values[0] > 0;
    TRY(settings_set(check->settings, "problem",
                     a == NULL   ? "rosenbrock"
                     : penalised ? "lasso"
                                 : "quadratic",
                     check->path, check->error));
    TRY(set_number(check, "n", check->dimension));
    if (a != NULL) TRY(set_number(check, "m", a->shape[1]));
    TRY(problem_create(check->settings, COMPONENT_ALL, out, check->error));
    problem *made = *out;
    const kernels *kernels;
    TRY(kernels_select(check->context->kernel, made->type, &kernels, check->error));
    TRY(fill(check, x0_name, check->batch * check->dimension, kernels, made->x0));
    if (a == NULL) return L2O_OK;
    TRY(fill(check, a_name, a->count, kernels, made->model->a));
    TRY(fill(check, b_name, check->batch * a->shape[1], kernels, made->model->b));
    for (int64_t p = 0; penalised && p < check->batch; p++) made->lambda[p] = lambda->values[0];
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------ one unroll, one task
 */

static estimator_options options_of(const vectors *check, const char *kind, double rate, bool detached) {
    estimator_options options = {
        .loss = meta_loss_at(0), .unroll = check->steps, .detached = detached, .inner_rate = rate, .inner_steps = 1};
    for (int i = 0; estimator_at(i) != NULL; i++)
        if (strcmp(estimator_at(i)->name, kind) == 0) options.kind = estimator_at(i);
    return options;
}

/* An estimator's gradient at phi, from x0. The task is left for its runner's objectives to be read. */
static l2o_status estimate_from_start(vectors *check, problem *problem, const estimator_options *options,
                                      meta_task *task, double *gradient, estimate *result) {
    TRY(meta_task_create(check->context, problem, check->optimizer, options, task, check->error));
    carry_reset(&task->now, problem);
    return meta_gradient(task, options, check->phi, gradient, result, check->error);
}

static void mean_objectives(const vectors *check, const runner *runner, double *trajectory) {
    for (int64_t t = 0; t <= check->steps; t++) trajectory[t] = runner_mean_objective(runner, t);
}

/* Gradients and the network's inputs along the trajectory x_0 .. x_T. */
static l2o_status trajectory_results(vectors *check, const problem *problem, const kernels *kernels,
                                     const double *trajectory) {
    int64_t size = check->batch * check->dimension;
    double *g = result_add(check, VECTOR_TRAJECTORY, (check->steps + 1) * size, "g_traj");
    double *m_tilde = result_add(check, VECTOR_TRAJECTORY, check->steps * size, "mtilde_traj");
    double *g_tilde = result_add(check, VECTOR_TRAJECTORY, check->steps * size, "gtilde_traj");
    int64_t *index = memory_allocate((size_t)check->batch, sizeof *index, check->error);
    arena arena = {0};
    l2o_status status = check->error->status;
    if (status == L2O_OK) {
        for (int64_t p = 0; p < check->batch; p++) index[p] = p;
        instances rows = {check->batch, index};
        tape tape;
        tape_begin(&tape, kernels, &arena, check->error, false);
        evaluation evaluation = {kernels, &arena, check->error};
        value *m = tape_fill(&tape, size, 1, 0.0), *v = m;
        for (int64_t t = 0; t <= check->steps && tape_status(&tape) == L2O_OK; t++) {
            value *x = tape_from_double(&tape, check->batch, check->dimension, trajectory + t * size);
            value *gradient = tape_value(&tape, check->batch, check->dimension);
            if (x == NULL || gradient == NULL) break;
            problem->ops->value_gradient(problem, rows, x->data, NULL, gradient->data, &evaluation);
            gradient = tape_reshape(&tape, tape_scale(&tape, 1.0 / (double)check->batch, gradient), size, 1);
            if (gradient == NULL) break;
            kernels->to_double(size, gradient->data, g + t * size);
            if (t == check->steps) break;
            value *first, *second;
            rnnprop_features(&tape, gradient, &m, &v, t + 1, &first, &second);
            if (second == NULL) break;
            kernels->to_double(size, first->data, m_tilde + t * size);
            kernels->to_double(size, second->data, g_tilde + t * size);
        }
        status = tape_status(&tape);
    }
    arena_free(&arena);
    memory_free(index);
    return status;
}

/* The deltas by themselves, not as differences of positions, which have fewer digits: each step is taken once more from
 * x = 0, with the gradient that it saw on its way. */
static l2o_status delta_results(vectors *check, meta_task *task, const problem *problem) {
    int64_t size = check->batch * check->dimension;
    double *delta = result_add(check, VECTOR_TRAJECTORY, check->steps * size, "delta_traj");
    double *gradients = memory_allocate((size_t)(check->steps * size), sizeof(double), check->error);
    double *ends = memory_allocate((size_t)(2 * size), sizeof(double), check->error);
    l2o_status status = check->error->status;
    gradient_log log = {.calls = check->steps, .batch = check->batch, .dimension = check->dimension};
    if (status == L2O_OK) {
        log.gradients = gradients;
        carry_reset(&task->now, problem);
        segment pass = {
            .weights = check->phi, .steps = check->steps, .detached = true, .from = &task->now, .log = &log};
        status = segment_run(&task->runner, &pass, check->error);
    }
    log.replay = true;
    log.calls = 1;
    for (int64_t t = 0; t < check->steps && status == L2O_OK; t++) {
        memset(task->now.x, 0, (size_t)check->batch * carry_x_bytes(&task->now));
        log.gradients = gradients + t * size;
        segment pass = {.weights = check->phi,
                        .steps = 1,
                        .detached = true,
                        .from = &task->now,
                        .to = &task->now,
                        .log = &log,
                        .trajectory = ends};
        status = segment_run(&task->runner, &pass, check->error);
        memcpy(delta + t * size, ends + size, (size_t)size * sizeof *delta);
    }
    memory_free(ends);
    memory_free(gradients);
    return status;
}

static l2o_status state_results(vectors *check, const carry *end, const kernels *kernels) {
    int64_t size = check->batch * check->dimension;
    double *x = result_add(check, VECTOR_TRAJECTORY, size, "final_x");
    if (x == NULL) return check->error->status;
    kernels->to_double(size, end->x, x);
    for (int k = 0; k < end->state_count; k++) {
        int64_t count = check->batch * (int64_t)(end->row_bytes[k] / dtype_size(end->type));
        double *values = result_add(check, VECTOR_TRAJECTORY, count, "final_%s", check->optimizer->state[k].name);
        if (values == NULL) return check->error->status;
        kernels->to_double(count, end->state[k], values);
    }
    return L2O_OK;
}

/* Copies the tensors of a flat vector under the file's short names: W0 b0 K1 b1 ... Wo bo. */
static l2o_status tensor_results(vectors *check, vector_class class, const char *prefix, const double *flat) {
    int layers = check->optimizer->weight_count / 2 - 2;
    for (int k = 0; k < check->optimizer->weight_count; k++) {
        const weight_layout *layout = &check->optimizer->layout[k];
        int pair = k / 2;
        char tail[16];
        if (pair == layers + 1)
            snprintf(tail, sizeof tail, "%s", k % 2 == 0 ? "Wo" : "bo");
        else
            snprintf(tail, sizeof tail, "%s%d", k % 2 == 1 ? "b" : pair == 0 ? "W" : "K", pair);
        double *values = result_add(check, class, layout->rows * layout->columns, "%s_%s", prefix, tail);
        if (values == NULL) return check->error->status;
        memcpy(values, flat + layout->offset, (size_t)(layout->rows * layout->columns) * sizeof *values);
    }
    return L2O_OK;
}

/* The weights in Sonnet's column order i, g, f, o instead of i, f, g, o. */
static void sonnet_order(const optimizer *optimizer, const double *flat, double *out) {
    static const int block[4] = {0, 2, 1, 3};
    memcpy(out, flat, (size_t)optimizer->weight_total * sizeof *out);
    for (int k = 2; k < optimizer->weight_count - 2; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        int64_t hidden = layout->columns / 4;
        for (int64_t r = 0; r < layout->rows; r++)
            for (int64_t c = 0; c < layout->columns; c++)
                out[layout->offset + r * layout->columns + c] =
                    flat[layout->offset + r * layout->columns + block[c / hidden] * hidden + c % hidden];
    }
}

static l2o_status single_task(vectors *check) {
    problem *problem = NULL;
    meta_task task = {0};
    double *gradient = memory_allocate((size_t)check->total, sizeof(double), check->error);
    double *trajectory = NULL;
    const kernels *kernels = NULL;
    l2o_status status = gradient == NULL ? check->error->status : make_problem(check, "A", "b", "x0", &problem);
    if (status == L2O_OK) status = kernels_select(check->context->kernel, problem->type, &kernels, check->error);
    for (int order = 1; order <= 2 && status == L2O_OK; order++) {
        estimator_options options = options_of(check, "plain", 0, order == 1);
        estimate result;
        char name[32];
        meta_task_free(&task);
        status = estimate_from_start(check, problem, &options, &task, gradient, &result);
        snprintf(name, sizeof name, "grad%d", order);
        if (status == L2O_OK) status = tensor_results(check, VECTOR_GRADIENT, name, gradient);
        snprintf(name, sizeof name, "grad%d_flat", order);
        if (status == L2O_OK) status = result_copy(check, VECTOR_GRADIENT, check->total, gradient, name);
        if (status == L2O_OK && order == 1)
            status = result_copy(check, VECTOR_TRAJECTORY, 1, &result.support_loss, "loss");
        if (status != L2O_OK || order != 1) continue;
        double *f = result_add(check, VECTOR_TRAJECTORY, check->steps + 1, "f_traj");
        if (f == NULL) status = check->error->status;
        if (status == L2O_OK) {
            mean_objectives(check, &task.runner, f);
            status = state_results(check, &task.now, kernels);
        }
        if (status != L2O_OK) break;
        status = meta_gradient(&task, &options, check->phi, gradient, &result, check->error);
        f = result_add(check, VECTOR_TRAJECTORY, check->steps + 1, "seg2_f_traj");
        if (f == NULL || status != L2O_OK) break;
        mean_objectives(check, &task.runner, f);
        status = result_copy(check, VECTOR_TRAJECTORY, 1, &result.support_loss, "seg2_loss");
        if (status == L2O_OK) status = result_copy(check, VECTOR_GRADIENT, check->total, gradient, "seg2_grad1_flat");
    }
    if (status == L2O_OK) {
        trajectory = memory_allocate((size_t)((check->steps + 1) * check->batch * check->dimension), sizeof(double),
                                     check->error);
        carry_reset(&task.now, problem);
        segment pass = {.weights = check->phi,
                        .steps = check->steps,
                        .detached = true,
                        .from = &task.now,
                        .trajectory = trajectory};
        status = trajectory == NULL ? check->error->status : segment_run(&task.runner, &pass, check->error);
    }
    if (status == L2O_OK) status = trajectory_results(check, problem, kernels, trajectory);
    if (status == L2O_OK) status = delta_results(check, &task, problem);
    memory_free(trajectory);
    memory_free(gradient);
    meta_task_free(&task);
    problem_free(problem);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- several
 * tasks */

/* Adds `values` / count to the mean named `name`. */
static l2o_status add_mean(vectors *check, vector_class class, int64_t length, const char *name, const double *values,
                           int count) {
    recomputed *found = (recomputed *)result_find(check, name);
    double *mean = found != NULL ? found->values : result_add(check, class, length, "%s", name);
    if (mean == NULL) return check->error->status;
    for (int64_t i = 0; i < length; i++) mean[i] += values[i] / (double)count;
    return L2O_OK;
}

static l2o_status maml_task(vectors *check, problem *problem, const char *mode, double rate, bool detached, int index,
                            int count) {
    l2o_error *error = check->error;
    int64_t total = check->total;
    char name[96];
    estimate result;
    meta_task task = {0};
    double *support = result_add(check, VECTOR_GRADIENT, total, "%s_support_grad%d", mode, index);
    double *first = result_add(check, VECTOR_GRADIENT, total, "%s_fomaml_grad%d", mode, index);
    double *exact = result_add(check, VECTOR_GRADIENT, total, "%s_maml_grad%d", mode, index);
    double *hessian = result_add(check, VECTOR_GRADIENT, total, "%s_hvp%d", mode, index);
    double *trajectory = result_add(check, VECTOR_TRAJECTORY, check->steps + 1, "%s_query_f_traj%d", mode, index);
    if (trajectory == NULL || error->status != L2O_OK) return error->status;

    estimator_options options = options_of(check, "plain", rate, detached);
    l2o_status status = estimate_from_start(check, problem, &options, &task, support, &result);
    snprintf(name, sizeof name, "%s_support_loss%d", mode, index);
    if (status == L2O_OK) status = result_copy(check, VECTOR_TRAJECTORY, 1, &result.support_loss, name);
    meta_task_free(&task);
    if (status != L2O_OK) return status;

    options = options_of(check, "fomaml", rate, detached);
    status = estimate_from_start(check, problem, &options, &task, first, &result);
    if (status == L2O_OK) mean_objectives(check, &task.runner, trajectory);
    snprintf(name, sizeof name, "%s_query_loss%d", mode, index);
    if (status == L2O_OK) status = result_copy(check, VECTOR_TRAJECTORY, 1, &result.outer_loss, name);
    snprintf(name, sizeof name, "%s_query_loss", mode);
    if (status == L2O_OK) status = add_mean(check, VECTOR_TRAJECTORY, 1, name, &result.outer_loss, count);
    if (status == L2O_OK) { /* the Hessian of the support loss at phi, times fomaml's gradient */
        carry_reset(&task.now, problem);
        segment pass = {.weights = check->phi,
                        .steps = check->steps,
                        .detached = detached,
                        .loss_weights = task.loss_weights,
                        .from = &task.now,
                        .direction = first,
                        .hessian_vector = hessian};
        status = segment_run(&task.runner, &pass, error);
    }
    meta_task_free(&task);
    if (status != L2O_OK) return status;

    options = options_of(check, "maml", rate, detached);
    status = estimate_from_start(check, problem, &options, &task, exact, &result);
    meta_task_free(&task);
    snprintf(name, sizeof name, "%s_fomaml_grad", mode);
    if (status == L2O_OK) status = add_mean(check, VECTOR_GRADIENT, total, name, first, count);
    snprintf(name, sizeof name, "%s_maml_grad", mode);
    if (status == L2O_OK) status = add_mean(check, VECTOR_GRADIENT, total, name, exact, count);
    return status;
}

/* First-order MAML with the outer gradient on the next segment: step index repeated (the authors' code) or counting on.
 */
static l2o_status segment_task(vectors *check, problem *problem, const char *mode, bool reference, int index,
                               int count) {
    char name[96];
    estimate result;
    meta_task task = {0};
    double *gradient = result_add(check, VECTOR_GRADIENT, check->total, "%s_fomaml_grad%d", mode, index);
    double *trajectory = result_add(check, VECTOR_TRAJECTORY, check->steps + 1, "%s_query_f_traj%d", mode, index);
    if (gradient == NULL || trajectory == NULL) return check->error->status;
    estimator_options options = options_of(check, "fomaml", 1e-3, true);
    options.next_segment = true;
    options.reference_step_index = reference;
    l2o_status status = estimate_from_start(check, problem, &options, &task, gradient, &result);
    if (status == L2O_OK) mean_objectives(check, &task.runner, trajectory);
    meta_task_free(&task);
    snprintf(name, sizeof name, "%s_fomaml_grad", mode);
    return status == L2O_OK ? add_mean(check, VECTOR_GRADIENT, check->total, name, gradient, count) : status;
}

static l2o_status adam_results(vectors *check) {
    const recomputed *gradient = result_find(check, "a1e-3_first_fomaml_grad");
    for (int form = 0; form < 2 && gradient != NULL; form++) {
        adam adam;
        TRY(adam_create(&adam, check->total, 1e-8, form == 1, check->error));
        double *after1 = result_add(check, VECTOR_GRADIENT, check->total, "adam_%s_after1", form == 1 ? "tf" : "paper");
        double *after3 = result_add(check, VECTOR_GRADIENT, check->total, "adam_%s_after3", form == 1 ? "tf" : "paper");
        if (after1 != NULL && after3 != NULL) {
            memcpy(after3, check->phi, (size_t)check->total * sizeof *after3);
            for (int step = 1; step <= 3; step++) {
                adam_step(&adam, 1e-3, gradient->values, after3);
                if (step == 1) memcpy(after1, after3, (size_t)check->total * sizeof *after1);
            }
        }
        adam_free(&adam);
        TRY(check->error->status);
    }
    return L2O_OK;
}

/* The mode that a name of the file begins with, as in a1e-3_first_hvp0: its text, rate and kind of inputs. */
static bool find_mode(const char *name, char *mode, size_t size, double *rate, bool *detached) {
    static const char *const kinds[] = {"_second_", "_first_"};
    for (int first = 0; first < 2 && name[0] == 'a'; first++) {
        const char *kind = strstr(name, kinds[first]);
        size_t length = kind == NULL ? size : (size_t)(kind - name) + strlen(kinds[first]) - 1;
        if (length >= size) continue;
        memcpy(mode, name, length);
        mode[length] = '\0';
        char *rest;
        *rate = strtod(mode + 1, &rest);
        *detached = first == 1;
        return rest == mode + (kind - name) && *rate > 0 && isfinite(*rate);
    }
    return false;
}

/* Every mode that the file holds anything of, once. */
static l2o_status all_modes(vectors *check, problem *problem, int index, int count) {
    TRY(maml_task(check, problem, "a1e-3_first", 1e-3, true, index, count)); /* also what Adam's record starts from */
    for (size_t i = 0; i < check->file.count; i++) {
        char mode[64], done[96];
        double rate;
        bool detached;
        if (!find_mode(check->file.arrays[i].name, mode, sizeof mode, &rate, &detached)) continue;
        snprintf(done, sizeof done, "%s_support_grad%d", mode, index);
        if (result_find(check, done) == NULL) TRY(maml_task(check, problem, mode, rate, detached, index, count));
    }
    TRY(segment_task(check, problem, "refseg", true, index, count));
    return segment_task(check, problem, "contseg", false, index, count);
}

static l2o_status several_tasks(vectors *check) {
    int count = 0;
    char a[32], b[32], x0[32];
    for (;; count++) {
        snprintf(x0, sizeof x0, "x0_%d", count);
        if (npz_find(&check->file, x0) == NULL) break;
    }
    check->tasks = count;
    for (int k = 0; k < count; k++) {
        snprintf(a, sizeof a, "A%d", k);
        snprintf(b, sizeof b, "b%d", k);
        snprintf(x0, sizeof x0, "x0_%d", k);
        problem *problem = NULL;
        l2o_status status = make_problem(check, a, b, x0, &problem);
        if (status == L2O_OK) status = all_modes(check, problem, k, count);
        problem_free(problem);
        TRY(status);
    }
    return adam_results(check);
}

/* ------------------------------------------------------------------------------------------------------------
 * comparing */

/* Is `name` the letter or word `stem` and the number of one of the file's tasks? */
static bool names_task(const vectors *check, const char *name, const char *stem) {
    size_t length = strlen(stem);
    if (strncmp(name, stem, length) != 0) return false;
    for (int k = 0; k < check->tasks; k++) {
        char number[16];
        snprintf(number, sizeof number, "%d", k);
        if (strcmp(name + length, number) == 0) return true;
    }
    return false;
}

/* What everything else was recomputed from; so none of it is compared. */
static bool is_input(const vectors *check, const char *name) {
    static const char *const common[] = {"T", "B", "d", "phi_flat"}, *const single[] = {"A", "b", "x0"};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (strcmp(name, common[i]) == 0) return true;
    if (strcmp(name, "lam") == 0) return check->linear;
    for (size_t i = 0; check->tasks == 0 && i < sizeof single / sizeof *single; i++)
        if (strcmp(name, single[i]) == 0) return check->linear || i == 2;
    if (names_task(check, name, "x0_")) return true;
    return check->linear && (names_task(check, name, "A") || names_task(check, name, "b"));
}

static l2o_vector_result compare(const recomputed *ours, const array *record, bool single) {
    l2o_vector_result result = {.name = record->name, .compared = 1, .error = NAN};
    double largest = 0, norm = 0;
    if (ours->count == record->count) {
        for (int64_t i = 0; i < record->count; i++) {
            double difference = fabs(ours->values[i] - record->values[i]);
            if (difference > largest || isnan(difference)) largest = difference;
            if (isnan(largest)) break;
            norm += record->values[i] * record->values[i];
        }
        result.error = norm > 0 ? largest / sqrt(norm) : largest;
    }
    result.tolerance = single ? 1e-5 : ours->class == VECTOR_GRADIENT ? 1e-8 : 1e-10;
    if (norm == 0) result.tolerance = 1e-12;
    result.passed = result.error <= result.tolerance;
    return result;
}

static l2o_status recompute(vectors *check) {
    TRY(whole_number(check, "T", &check->steps));
    /* A made-up T must not decide how much memory is taken: some array holds a number for each step. */
    int64_t longest = 0;
    for (size_t i = 0; i < check->file.count; i++)
        if (check->file.arrays[i].count > longest) longest = check->file.arrays[i].count;
    if (check->steps >= longest)
        return error_set(check->error, L2O_ERROR_INPUT,
                         "%s: 'T' is %lld, but no array is long enough to hold so many steps; record the file anew",
                         check->path, (long long)check->steps);
    TRY(whole_number(check, "B", &check->batch));
    TRY(set_number(check, "batch", check->batch));
    TRY(make_optimizer(check));
    TRY(tensor_results(check, VECTOR_TRAJECTORY, "phi", check->phi));
    double *sonnet = memory_allocate((size_t)check->total, sizeof *sonnet, check->error);
    if (sonnet == NULL) return check->error->status;
    sonnet_order(check->optimizer, check->phi, sonnet);
    l2o_status status = tensor_results(check, VECTOR_TRAJECTORY, "sonnet", sonnet);
    memory_free(sonnet);
    TRY(status);
    TRY(npz_find(&check->file, "x0") != NULL ? single_task(check) : several_tasks(check));
    if (check->linear) return L2O_OK;
    double *lambda = result_add(check, VECTOR_TRAJECTORY, 1, "lam"); /* 0: Rosenbrock's function has no penalty */
    return lambda == NULL ? check->error->status : L2O_OK;
}

static l2o_status check_dimension(const vectors *check) {
    const array *d = npz_find(&check->file, "d");
    if (d != NULL && (d->count != 1 || d->values[0] != (double)check->dimension))
        return error_set(check->error, L2O_ERROR_INPUT, "%s: 'd' is %g, but the points have %lld coordinates",
                         check->path, d->count > 0 ? d->values[0] : NAN, (long long)check->dimension);
    return L2O_OK;
}

static void vectors_free(vectors *check) {
    for (recomputed *at = check->results; at != NULL;) {
        recomputed *next = at->next;
        memory_free(at->values);
        memory_free(at);
        at = next;
    }
    optimizer_free(check->optimizer);
    settings_free(check->settings);
    npz_free(&check->file);
}

l2o_status l2o_check_vectors(l2o_context *context, const char *path, const char *dtype, l2o_vector_function function,
                             void *user, int *failed) {
    l2o_error *error = &context->error;
    error_clear(error);
    vectors check = {.context = context, .error = error, .path = path};
    *failed = 0;
    l2o_status status = npz_read(path, &check.file, error);
    if (status == L2O_OK) status = catalog_settings(&check.settings, error);
    if (status == L2O_OK) status = settings_set(check.settings, "dtype", dtype, "dtype", error);
    if (status == L2O_OK) status = recompute(&check);
    if (status == L2O_ERROR_NUMERIC) {
        l2o_error reason = *error;
        status = error_set(error, L2O_ERROR_INPUT, "%s: cannot be recomputed: %.700s; mend or remove the array", path,
                           reason.text);
    }
    if (status == L2O_OK) status = check_dimension(&check);
    int compared = 0;
    for (size_t i = 0; i < check.file.count && status == L2O_OK; i++) {
        const array *record = &check.file.arrays[i];
        if (is_input(&check, record->name)) continue;
        const recomputed *ours = result_find(&check, record->name);
        l2o_vector_result result = {.name = record->name};
        if (ours != NULL) result = compare(ours, record, strcmp(dtype, "float32") == 0);
        compared += result.compared;
        *failed += result.compared && !result.passed;
        if (function != NULL) function(user, &result);
    }
    if (status == L2O_OK && compared == 0)
        status = error_set(error, L2O_ERROR_INPUT, "%s: holds nothing that can be recomputed and compared", path);
    vectors_free(&check);
    return status;
}
