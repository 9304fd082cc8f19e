/* LISTA (Gregor and LeCun, ICML 2010), and LFISTA, its accelerated sister (Moreau and Bruna, ICLR 2017): networks that
 * are ISTA and FISTA with their matrices set free.
 *
 *   lista   x_t = S(B b + W_t x_{t-1}, theta_t)                     B [n, m] is shared, W_t [n, n], t >= 2
 *   lfista  x_t = S(E b + G_t x_{t-1} + M_t x_{t-2}, theta_t)       E [n, m] is shared; G_t, t >= 2; M_t, t >= 3
 *
 * With `tied` layers share W, G and M, which a number of each layer goes before:
 *
 *   lista   x_t = S(B b + gamma_t W x_{t-1}, theta_t)
 *   lfista  x_t = S(E b + (1 + mu_t) G x_{t-1} - mu_t M x_{t-2}, theta_t)
 *
 * Fresh, B = E = A' / L, W_t = I - A'A / L, G_t = (1 + mu_t) W and M_t = -mu_t W (tied: G = M = W, gamma_t = 1) with
 * FISTA's momenta mu_t, and theta_t = lambda / L: the iterates of ISTA and FISTA from zero with the steps 1/L. The
 * reference has the momenta of the layer after. The first layer begins at zero, whatever x is. */
#include <math.h>

#include "optimizers/registry.h"
#include "optimizers/unrolled/layers.h"

typedef struct lista {
    layers layers; /* first: see layers_of() */
    bool tied;
    int state_previous;
} lista;

enum { LISTA_THETA, LISTA_B, LISTA_W, LISTA_M, LISTA_FACTOR }; /* the last: gamma_t or mu_t */
enum { CONSTANT_IMAGE = LAYERS_CONSTANTS };                    /* B b, which all layers share */

static const setting lista_settings[] = {LAYERS_SETTINGS, LAYERS_SIZE_SETTINGS, LAYERS_TIED_SETTING, {0}};
static const setting lfista_settings[] = {LAYERS_SETTINGS, LAYERS_SIZE_SETTINGS, LAYERS_TIED_SETTING, {0}};

/* A' / L [n, m] */
static l2o_status scaled_transpose(optimizer *optimizer, const layers *own, double **out, l2o_error *error) {
    int64_t m = own->rows, n = own->columns;
    *out = NULL;
    if (own->matrix == NULL) return L2O_OK;
    double *b = layers_numbers(optimizer, n * m, error), lipschitz = layers_lipschitz(own);
    if (b == NULL) return error->status;
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < m; i++) b[j * m + i] = own->matrix[i * n + j] / lipschitz;
    *out = b;
    return L2O_OK;
}

/* I - B A [n, n] */
static l2o_status iteration_matrix(optimizer *optimizer, const layers *own, const double *b, double **out,
                                   l2o_error *error) {
    int64_t m = own->rows, n = own->columns;
    *out = NULL;
    if (b == NULL) return L2O_OK;
    double *w = layers_numbers(optimizer, n * n, error);
    if (w == NULL) return error->status;
    for (int64_t i = 0; i < n; i++) {
        double *row = w + i * n;
        for (int64_t k = 0; k < m; k++)
            for (int64_t j = 0; j < n; j++) row[j] -= b[i * m + k] * own->matrix[k * n + j];
        row[i] += 1;
    }
    *out = w;
    return L2O_OK;
}

static l2o_status multiple(optimizer *optimizer, int64_t count, double factor, const double *w, double **out,
                           l2o_error *error) {
    *out = NULL;
    if (w == NULL) return L2O_OK;
    *out = layers_numbers(optimizer, count, error);
    if (*out == NULL) return error->status;
    for (int64_t i = 0; i < count; i++) (*out)[i] = factor * w[i];
    return L2O_OK;
}

static l2o_status lista_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    lista *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    *own = (lista){0};
    optimizer->own = own;
    layers *layers = &own->layers;
    double *b, *w;
    own->tied = settings_flag(settings, "tied");
    TRY(layers_create(optimizer, settings, false, layers, error));
    TRY(layers_fix_size(optimizer, settings, layers, error));
    TRY(scaled_transpose(optimizer, layers, &b, error));
    TRY(iteration_matrix(optimizer, layers, b, &w, error));
    int64_t m = layers->rows, n = layers->columns;
    TRY(layers_add(optimizer, layers, LISTA_B, "b", true, 1, n, m, b, error));
    TRY(layers_add(optimizer, layers, LISTA_W, "w", own->tied, 2, n, n, w, error));
    for (int64_t t = 2; own->tied && t <= layers->depth; t++)
        TRY(layers_add_one_number(optimizer, layers, LISTA_FACTOR, "gamma", t, 1, error));
    return layers_add_thresholds(optimizer, layers, LISTA_THETA, false, error);
}

/* x [count, n] times W' */
static value *through(const step_context *context, value *x, int kind) {
    return tape_matmul(context->tape, x, false, layers_weight(context, kind), true);
}

static void lista_begin(step_context *context) {
    layers_begin(context);
    context->constants[CONSTANT_IMAGE] =
        tape_matmul(context->tape, context->constants[LAYERS_B], false, layers_shared_weight(context, LISTA_B), true);
}

static value *lista_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    tape *tape = context->tape;
    const lista *own = context->optimizer->own;
    value *z = context->constants[CONSTANT_IMAGE];
    if (context->step > 1) {
        value *moved = through(context, x, LISTA_W);
        if (own->tied) moved = tape_multiply(tape, moved, layers_weight(context, LISTA_FACTOR));
        z = tape_add(tape, z, moved);
    }
    return tape_soft_threshold(tape, z, layers_threshold(context, LISTA_THETA));
}

/* mu of layers 1 .. K: (t_{k-1} - 1) / t_k, of FISTA's numbers t_1 = 1, t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2. */
static void momenta(const layers *own, double *mu) {
    double t = 1;
    for (int64_t k = 2; k <= own->depth + 1; k++) {
        double next = (1 + sqrt(1 + 4 * t * t)) / 2;
        mu[own->reference ? k - 1 : k] = (t - 1) / next;
        t = next;
    }
}

/* G, M and the factors before them, from W. */
static l2o_status add_tied(optimizer *optimizer, layers *layers, const double *w, const double *mu, l2o_error *error) {
    int64_t n = layers->columns;
    TRY(layers_add(optimizer, layers, LISTA_W, "g", true, 2, n, n, w, error));
    TRY(layers_add(optimizer, layers, LISTA_M, "m", true, 3, n, n, w, error));
    for (int64_t t = 2; t <= layers->depth; t++)
        TRY(layers_add_one_number(optimizer, layers, LISTA_FACTOR, "mu", t, mu[t], error));
    return L2O_OK;
}

static l2o_status add_untied(optimizer *optimizer, layers *layers, const double *base, const double *mu,
                             l2o_error *error) {
    int64_t n = layers->columns;
    double *w;
    for (int64_t t = 2; t <= layers->depth; t++) {
        TRY(multiple(optimizer, n * n, 1 + mu[t], base, &w, error));
        TRY(layers_add_one(optimizer, layers, LISTA_W, "g", t, n, n, w, error));
        if (t == 2) continue;
        TRY(multiple(optimizer, n * n, -mu[t], base, &w, error));
        TRY(layers_add_one(optimizer, layers, LISTA_M, "m", t, n, n, w, error));
    }
    return L2O_OK;
}

static l2o_status lfista_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    lista *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    *own = (lista){0};
    optimizer->own = own;
    layers *layers = &own->layers;
    TRY(layers_create(optimizer, settings, false, layers, error));
    TRY(layers_fix_size(optimizer, settings, layers, error));
    double *e, *base, *mu = layers_numbers(optimizer, layers->depth + 2, error);
    if (mu == NULL) return error->status;
    own->tied = settings_flag(settings, "tied");
    momenta(layers, mu);
    TRY(scaled_transpose(optimizer, layers, &e, error));
    TRY(iteration_matrix(optimizer, layers, e, &base, error));
    int64_t m = layers->rows, n = layers->columns;
    TRY(layers_add(optimizer, layers, LISTA_B, "e", true, 1, n, m, e, error));
    TRY(own->tied ? add_tied(optimizer, layers, base, mu, error) : add_untied(optimizer, layers, base, mu, error));
    own->state_previous = optimizer->state_count;
    optimizer_add_state(optimizer, "previous", true, 1, false);
    return layers_add_thresholds(optimizer, layers, LISTA_THETA, false, error);
}

static value *lfista_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    const lista *own = context->optimizer->own;
    tape *tape = context->tape;
    if (x == NULL) return NULL;
    value *z = context->constants[CONSTANT_IMAGE];
    value *mu = own->tied && context->step > 1 ? layers_weight(context, LISTA_FACTOR) : NULL;
    if (context->step > 1) {
        value *moved = through(context, x, LISTA_W);
        if (own->tied) moved = tape_multiply(tape, moved, tape_shift(tape, 1, mu));
        z = tape_add(tape, z, moved);
    }
    if (context->step > 2) {
        value *previous = tape_reshape(tape, state[own->state_previous], x->rows, x->columns);
        value *moved = through(context, previous, LISTA_M);
        z = own->tied ? tape_subtract(tape, z, tape_multiply(tape, moved, mu)) : tape_add(tape, z, moved);
    }
    state[own->state_previous] = tape_reshape(tape, x, x->rows * x->columns, 1);
    return tape_soft_threshold(tape, z, layers_threshold(context, LISTA_THETA));
}

const optimizer_ops optimizer_lista = {
    .name = "lista",
    .summary = "unrolled ISTA: x <- S(B b + W x), matrices and thresholds learned layer by layer",
    .reference = "Gregor and LeCun, ICML 2010",
    .settings = lista_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = lista_create,
    .begin = lista_begin,
    .suits = layers_suits,
    .step = lista_step,
    .when_diverged = LAYERS_TRAIN,
};

const optimizer_ops optimizer_lfista = {
    .name = "lfista",
    .summary = "unrolled FISTA: x <- S(E b + G x + M x_before), matrices and thresholds learned layer by layer",
    .reference = "Moreau and Bruna, ICLR 2017",
    .settings = lfista_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = lfista_create,
    .begin = lista_begin,
    .suits = layers_suits,
    .step = lfista_step,
    .when_diverged = LAYERS_TRAIN,
};
