/* Signs come from Philox, addressed by the entry: the same on every machine. */
#include "problems/dictionary_sketch.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

static const uint32_t KEY[2] = {0x6469, 0x6374}; /* of its own: nothing else is drawn with it */

dictionary_sketch dictionary_sketch_of(const problem *problem) {
    const linear_model *model = problem->model;
    dictionary_sketch self = {0};
    if (model == NULL || !model->shared || model->sparse != NULL) return self;
    double square = 0;
    for (int64_t i = 0; i < model->m * model->n; i++) {
        const uint32_t counter[4] = {(uint32_t)i, (uint32_t)(i >> 32), 0, 0};
        uint32_t bits[4];
        double entry = problem_load(model->type, model->a, i);
        random_philox(counter, KEY, bits);
        square += entry * entry;
        for (int k = 0; k < SKETCH_SUMS; k++) self.sums[k] += (bits[0] >> k & 1) != 0 ? entry : -entry;
    }
    if (!isfinite(square)) return (dictionary_sketch){0};
    self.m = model->m;
    self.n = model->n;
    self.norm = sqrt(square);
    return self;
}

bool dictionary_sketch_equals(const dictionary_sketch *a, const dictionary_sketch *b) {
    return a->m == b->m && a->n == b->n && memcmp(a->sums, b->sums, sizeof a->sums) == 0;
}

double dictionary_sketch_distance(const dictionary_sketch *self, const dictionary_sketch *other) {
    double square = 0;
    if (self->m == 0 || self->m != other->m || self->n != other->n || !(self->norm > 0)) return NAN;
    for (int k = 0; k < SKETCH_SUMS; k++) {
        double difference = self->sums[k] - other->sums[k];
        square += difference * difference / SKETCH_SUMS;
    }
    return sqrt(square) / self->norm;
}

json_t *dictionary_sketch_json(const dictionary_sketch *self) {
    if (self->m == 0) return json_null();
    json_t *sums = json_array();
    for (int k = 0; k < SKETCH_SUMS; k++)
        if (json_array_append_new(sums, json_real(self->sums[k])) != 0) return json_decref(sums), NULL;
    return json_pack("{s:[I, I], s:f, s:o}", "shape", (json_int_t)self->m, (json_int_t)self->n, "norm", self->norm,
                     "sums", sums);
}

dictionary_sketch dictionary_sketch_read(const json_t *json) {
    dictionary_sketch self = {0};
    const json_t *shape = json_object_get(json, "shape"), *sums = json_object_get(json, "sums");
    if (json_array_size(shape) != 2 || json_array_size(sums) != SKETCH_SUMS) return self;
    self.m = json_integer_value(json_array_get(shape, 0));
    self.n = json_integer_value(json_array_get(shape, 1));
    self.norm = json_number_value(json_object_get(json, "norm"));
    for (size_t k = 0; k < SKETCH_SUMS; k++) self.sums[k] = json_number_value(json_array_get(sums, k));
    return self;
}
