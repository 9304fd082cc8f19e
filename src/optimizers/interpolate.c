/* Interpolation of weights, between optimizers that step alike but for their weights (Yang et al., ICLR 2023, appendix:
 * between an optimizer adapted to problems like those of training and one adapted to those of the test). */
#include "optimizers/interpolate.h"

#include <math.h>
#include <string.h>

#include "dist/context.h"
#include "l2o/optimizer.h"

void interpolate_weights(int64_t count, const double *first, const double *second, double a, double *out) {
    for (int64_t i = 0; i < count; i++) {
        double one = first[i], other = second[i];
        out[i] = a == 0 ? one : a == 1 ? other : (1 - a) * one + a * other;
    }
}

static const char *text_of(const json_t *value) {
    const char *text = json_string_value(value);
    return text != NULL ? text : "nothing";
}

/* Each setting that the first has must be the second's as well. */
static l2o_status compare_architectures(const json_t *first, const json_t *second, l2o_error *error) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)first, key, value) {
        const json_t *other = json_object_get(second, key);
        if (json_equal(value, other)) continue;
        return error_set(error, L2O_ERROR_INPUT,
                         "weights are interpolated between optimizers of one architecture, but '%s' is %s in one and "
                         "%s in the other",
                         key, text_of(value), text_of(other));
    }
    return L2O_OK;
}

l2o_status interpolate_check(const optimizer *first, const optimizer *second, l2o_error *error) {
    const optimizer *both[2] = {first, second};
    for (int k = 0; k < 2; k++)
        if (both[k]->weights == NULL)
            return error_set(
                error, L2O_ERROR_INPUT,
                "the optimizer '%s' is hand-designed and has no weights to interpolate; give a learned one",
                both[k]->ops->name);
    const json_t *one = json_object_get(first->provenance, "architecture"),
                 *other = json_object_get(second->provenance, "architecture");
    TRY(compare_architectures(one, other, error));
    TRY(compare_architectures(other, one, error));
    if (first->weight_total != second->weight_total)
        return error_set(error, L2O_ERROR_INPUT, "one optimizer has %lld weights and the other %lld",
                         (long long)first->weight_total, (long long)second->weight_total);
    return L2O_OK;
}

/* What is known of an end: its adaptation, else its recipe's seed. */
static json_t *describe_end(const optimizer *end) {
    json_t *adaptation = json_object_get(end->provenance, "adaptation"),
           *seed = json_object_get(end->provenance, "seed");
    return json_pack("{s:O?, s:O?}", "adaptation", adaptation, "seed", seed);
}

l2o_status l2o_interpolate(l2o_context *context, const l2o_optimizer *first, const l2o_optimizer *second, double a,
                           l2o_optimizer *result) {
    l2o_error *error = &context->error;
    error_clear(error);
    if (!isfinite(a))
        return error_set(error, L2O_ERROR_INPUT, "weights are interpolated at a finite number, not at %g", a);
    TRY(interpolate_check(first, second, error));
    TRY(interpolate_check(first, result, error));
    json_t *note = json_pack("{s:f, s:[o, o]}", "a", a, "ends", describe_end(first), describe_end(second));
    TRY(optimizer_note(result, "interpolation", note, error));
    json_object_del(result->provenance, "adaptation");
    interpolate_weights(result->weight_total, first->weights, second->weights, a, result->weights);
    return L2O_OK;
}
