/* Measures the range of problems that weights know, and says when a problem lies far outside it. */
#include "run/range.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { SAMPLED_INSTANCES = 256 };       /* a range needs no more */
static const double OTHER = 0.01;       /* of its norm: from here on A is another dictionary */
static const double OTHER_SHAPE = 1.25; /* in m / n: beyond this factor networks do not know how columns overlap */

static void include_number(double number, double *smallest, double *largest) {
    if (!isfinite(number)) return; /* says nothing about where problems lie, and JSON could not hold it */
    if (isnan(*smallest) || number < *smallest) *smallest = number;
    if (isnan(*largest) || number > *largest) *largest = number;
}

static l2o_status gradient_norms(range *range, const problem *problem, const evaluation *evaluation) {
    int64_t n = problem->dimension, index;
    arena_mark mark = arena_position(evaluation->scratch);
    size_t bytes = (size_t)n * dtype_size(problem->type);
    char *g = arena_allocate(evaluation->scratch, bytes, evaluation->error);
    l2o_status status = g == NULL ? evaluation->error->status : L2O_OK;
    int64_t stride = problem->batch / SAMPLED_INSTANCES + 1;
    for (index = 0; index < problem->batch && status == L2O_OK; index += stride) {
        instances row = {1, &index};
        status = problem->ops->value_gradient(problem, row, (const char *)problem->x0 + (size_t)index * bytes, NULL, g,
                                              evaluation);
        if (status != L2O_OK) break;
        double norm = sqrt(evaluation->kernels->dot(n, g, g) / (double)n);
        include_number(norm, &range->smallest_gradient, &range->largest_gradient);
    }
    arena_reset(evaluation->scratch, mark);
    return status;
}

l2o_status range_extend(range *range, problem *problem, const evaluation *evaluation) {
    if (range->count == 0) {
        *range = (struct range){.smallest_dimension = problem->dimension,
                                .largest_dimension = problem->dimension,
                                .smallest_gradient = NAN,
                                .largest_gradient = NAN,
                                .smallest_curvature = NAN,
                                .largest_curvature = NAN};
    }
    dictionary_sketch sketch = dictionary_sketch_of(problem);
    if (range->count == 0) range->dictionary = sketch;
    if (!dictionary_sketch_equals(&sketch, &range->dictionary)) range->dictionary = (dictionary_sketch){0};
    range->count++;
    if (problem->dimension < range->smallest_dimension) range->smallest_dimension = problem->dimension;
    if (problem->dimension > range->largest_dimension) range->largest_dimension = problem->dimension;
    if (strstr(range->families, problem->ops->name) == NULL) {
        size_t used = strlen(range->families);
        snprintf(range->families + used, sizeof range->families - used, "%s%s", used > 0 ? "," : "",
                 problem->ops->name);
    }
    TRY(gradient_norms(range, problem, evaluation));
    if (!problem_has(problem, STRUCTURE_LIPSCHITZ)) return L2O_OK;
    TRY(problem_prepare(problem, STRUCTURE_LIPSCHITZ, evaluation));
    for (int64_t p = 0; p < problem->batch; p++)
        include_number(problem->lipschitz[p], &range->smallest_curvature, &range->largest_curvature);
    return L2O_OK;
}

static json_t *ends(double smallest, double largest) {
    return isnan(smallest) ? json_null() : json_pack("[f, f]", smallest, largest);
}

json_t *range_json(const range *range) {
    return json_pack("{s:s, s:[I, I], s:o, s:o, s:o}", "problems", range->families, "dimension",
                     (json_int_t)range->smallest_dimension, (json_int_t)range->largest_dimension, "gradient",
                     ends(range->smallest_gradient, range->largest_gradient), "curvature",
                     ends(range->smallest_curvature, range->largest_curvature), "dictionary",
                     dictionary_sketch_json(&range->dictionary));
}

/* Do the numbers [smallest, largest] go beyond the ends of training's by more than these factors? Not where nothing is
 * known. */
static bool beyond(const json_t *trained, double smallest, double largest, double below, double above) {
    double low = json_number_value(json_array_get(trained, 0)), high = json_number_value(json_array_get(trained, 1));
    if (json_array_size(trained) != 2 || isnan(smallest)) return false;
    return (high > 0 && largest / high > above) || (smallest > 0 && low / smallest > below);
}

/* What the sentence is made of: the ways in which the problem lies outside. */
typedef struct complaint {
    char text[640];
    size_t used;
} complaint;

static void complain(complaint *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(complaint *self, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int added =
        snprintf(self->text + self->used, sizeof self->text - self->used, "%s%s", self->used > 0 ? ", " : "", text);
    self->used += (size_t)added;
    if (self->used >= sizeof self->text) self->used = sizeof self->text - 1;
}

/* "2 to 5", or "2" */
static void span(double smallest, double largest, char text[64]) {
    int used = snprintf(text, 64, "%.3g", smallest);
    if (smallest != largest) snprintf(text + used, (size_t)(64 - used), " to %.3g", largest);
}

static void compare(complaint *self, const char *what, const json_t *trained, double smallest, double largest,
                    double below, double above) {
    char here[64], there[64];
    if (!beyond(trained, smallest, largest, below, above)) return;
    span(smallest, largest, here);
    span(json_number_value(json_array_get(trained, 0)), json_number_value(json_array_get(trained, 1)), there);
    complain(self, "%s %s instead of %s", what, here, there);
}

/* Is `name` one of the names that commas separate? */
static bool lists(const char *names, const char *name) {
    size_t length = strlen(name);
    for (const char *at = names; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) return true;
    }
    return false;
}

l2o_status range_of(l2o_context *context, problem *problem, range *range, l2o_error *error) {
    const kernels *kernels;
    *range = (struct range){0};
    TRY(kernels_select(context->kernel, problem->type, &kernels, error));
    const evaluation evaluation = {kernels, &context->workers[0].arena, error};
    return range_extend(range, problem, &evaluation);
}

/* Networks serve dictionaries of other sizes where nothing in them has one, but not of any shape. */
static void compare_shapes(complaint *self, const json_t *known, const dictionary_sketch *present) {
    dictionary_sketch trained = dictionary_sketch_read(json_object_get(known, "dictionary"));
    if (trained.m <= 0 || trained.n <= 0 || present->m == 0) return;
    double factor = (double)present->m * (double)trained.n / ((double)present->n * (double)trained.m);
    if (fmax(factor, 1 / factor) <= OTHER_SHAPE) return;
    complain(self, "dictionary %lld x %lld instead of %lld x %lld", (long long)present->m, (long long)present->n,
             (long long)trained.m, (long long)trained.n);
}

/* Recovery's b = A x* is LASSO's b, and all that an unrolled network sees of either. */
static bool sees_the_same(const optimizer *optimizer, const char *families, const char *family) {
    bool supervised = strcmp(family, "recovery") == 0;
    if (!optimizer->ops->unrolled || (!supervised && strcmp(family, "lasso") != 0)) return false;
    return lists(families, supervised ? "lasso" : "recovery");
}

static void compare_all(complaint *self, const optimizer *optimizer, const json_t *known, const range *present,
                        const char *family) {
    const char *families = json_string_value(json_object_get(known, "problems"));
    if (families != NULL && !lists(families, family) && !sees_the_same(optimizer, families, family))
        complain(self, "problem '%s' instead of %s", family, families);
    compare(self, "dimensions", json_object_get(known, "dimension"), (double)present->smallest_dimension,
            (double)present->largest_dimension, optimizer->far_dimension, optimizer->far_dimension);
    if (optimizer->ops->unrolled) compare_shapes(self, known, &present->dictionary);
    compare(self, "gradients at the start", json_object_get(known, "gradient"), present->smallest_gradient,
            present->largest_gradient, FAR_OUTSIDE, FAR_OUTSIDE);
    compare(self, "curvatures", json_object_get(known, "curvature"), present->smallest_curvature,
            present->largest_curvature, FAR_OUTSIDE, optimizer->far_curvature);
}

/* Steps that are to be scaled by the problem's curvature are not where nobody knows it. */
static void warn_of_units(l2o_context *context, const optimizer *optimizer, const problem *problem) {
    unsigned missing = optimizer->uses & ~problem->ops->structures;
    if ((missing & STRUCTURE_LIPSCHITZ) == 0) return;
    context_message(context,
                    "warning: '%s' scales its steps by each instance's Lipschitz constant, which '%s' does not know: "
                    "they are taken as they are and may be far too long; use weights without normalise = spectral",
                    optimizer->ops->name, problem->ops->name);
}

/* What lies far outside a range may still work; a matrix learned for another A does not. */
static void warn_of_dictionary(l2o_context *context, const optimizer *optimizer, const json_t *known,
                               const range *present) {
    if (!optimizer->learns_dictionary) return;
    dictionary_sketch trained = dictionary_sketch_read(json_object_get(known, "dictionary"));
    double distance = dictionary_sketch_distance(&trained, &present->dictionary);
    if (!(distance > OTHER)) return;
    context_message(
        context,
        "warning: these weights of '%s' hold matrices learned for another dictionary, from which the "
        "problem's A differs by about %.2g of its norm; adapt them to this A (`l2o adapt`) or train them on "
        "it",
        optimizer->ops->name, distance);
}

/* The ranges that the weights know, at most two; 0 where they are not known in full. */
static int known_ranges(const optimizer *optimizer, const json_t *known[2], bool *adapted) {
    const json_t *adaptation = json_object_get(optimizer->provenance, "adaptation");
    int count = 0;
    *adapted = json_integer_value(json_object_get(adaptation, "kept")) > 0;
    /* Fresh ones that were adapted, as HyperLISTA's are by search, know nothing else. */
    if (!*adapted || json_object_get(optimizer->provenance, "recipe") != NULL)
        known[count++] = json_object_get(optimizer->provenance, "range");
    if (*adapted) known[count++] = json_object_get(adaptation, "range");
    for (int k = 0; k < count; k++)
        if (!json_is_object(known[k])) return 0;
    return count;
}

l2o_status range_warn(l2o_context *context, const optimizer *optimizer, problem *problem, l2o_error *error) {
    const json_t *known[2];
    bool adapted;
    range present;
    complaint complaint;
    warn_of_units(context, optimizer, problem);
    int count = known_ranges(optimizer, known, &adapted);
    if (count == 0) return L2O_OK;
    TRY(range_of(context, problem, &present, error));
    warn_of_dictionary(context, optimizer, known[count - 1], &present);
    for (int k = 0; k < count; k++) {
        complaint.used = 0;
        compare_all(&complaint, optimizer, known[k], &present, problem->ops->name);
        if (complaint.used == 0) return L2O_OK;
    }
    context_message(
        context,
        "warning: this problem is far from what these weights of '%s' were %s on: %s; adapt them to it first "
        "(`l2o adapt`) or compare with a classical optimizer",
        optimizer->ops->name, adapted ? "adapted" : "trained", complaint.text);
    return L2O_OK;
}
