/* Gradients of large weights, whose products wait for all shards of a round, against those taken shard by shard: every
 * unrolled optimizer, both float types, any number of threads, some tensors alone, more shards than a round has,
 * several segments at once, a gradient that is not finite. */
#include <math.h>

#include "optimizer_fixture.h"

enum { DEPTH = 3 };

#define SMALL "problem=lasso m=60 n=80 shared-A=yes unit-columns=yes b=truth density=0.2 lambda=0.1 x0=0 depth=3 "

static const char *const networks[] = {
    "lista",  "lista tied=yes", "lfista",     "lista-cp", "lista-cp tied=yes",       "lista-cpss",
    "alista", "lamp",           "step-lista", "glista",   "tista learned-weight=yes"};

typedef struct gradients {
    double *values, *squares; /* [weight_total], [weight_count] */
    double loss;
} gradients;

static gradients allocate(const optimizer *optimizer) {
    gradients made = {calloc((size_t)optimizer->weight_total + 1, sizeof(double)),
                      calloc((size_t)optimizer->weight_count + 1, sizeof(double)), 0};
    assert_true(made.values != NULL && made.squares != NULL);
    return made;
}

static void release(gradients gradients) {
    free(gradients.values);
    free(gradients.squares);
}

static void create(bench *self, const char *network, const char *options, int threads) {
    char text[512];
    snprintf(text, sizeof text, SMALL "optimizer=%s %s", network, options);
    bench_create(self, text, threads);
    optimizer *optimizer = self->optimizer;
    optimizer_initialise(optimizer, 21, 0, optimizer->weights);
    for (int64_t i = 0; i < optimizer->weight_total; i++)
        optimizer->weights[i] *= 1 + 0.1 * random_normal((random_key){.seed = 3, .stream = STREAM_CHECK}, (uint64_t)i);
}

static segment pass_of(const bench *self, const carry *from, const double *loss_weights, gradients *out) {
    return (segment){.weights = self->optimizer->weights,
                     .steps = DEPTH,
                     .require_finite = true,
                     .loss_weights = loss_weights,
                     .from = from,
                     .gradient = out->values,
                     .squares = out->squares};
}

static const double all_steps[DEPTH + 1] = {0, 0.5, 0.25, 1};

static l2o_status run_judged(bench *self, const double *loss_weights, bool undeferred, const bool *active,
                             gradients *out) {
    runner runner;
    carry carry;
    if (runner_create(self->context, self->problem, self->optimizer, &runner, &self->error) != L2O_OK)
        fail_msg("%s", self->error.text);
    assert_int_equal(carry_create(self->problem, self->optimizer, &carry, &self->error), L2O_OK);
    carry_reset(&carry, self->problem);
    segment pass = pass_of(self, &carry, loss_weights, out);
    pass.undeferred = undeferred;
    pass.active = active;
    l2o_status status = segment_run(&runner, &pass, &self->error);
    out->loss = pass.loss;
    carry_free(&carry);
    runner_free(&runner);
    return status;
}

static l2o_status run(bench *self, bool undeferred, const bool *active, gradients *out) {
    return run_judged(self, all_steps, undeferred, active, out);
}

static void assert_close(const optimizer *optimizer, gradients a, gradients b, double tolerance) {
    assert_true(fabs(a.loss - b.loss) <= tolerance * fabs(b.loss));
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        double largest = 0;
        for (int64_t i = 0; i < layout->rows * layout->columns; i++)
            largest = fmax(largest, fabs(b.values[layout->offset + i]));
        for (int64_t i = 0; i < layout->rows * layout->columns; i++) {
            double difference = fabs(a.values[layout->offset + i] - b.values[layout->offset + i]);
            if (!(difference <= tolerance * largest))
                fail_msg("%s, %s[%d]: they differ by %g of %g", optimizer->ops->name, layout->name, (int)i, difference,
                         largest);
        }
        assert_true(fabs(a.squares[k] - b.squares[k]) <= 4 * tolerance * b.squares[k]);
    }
}

static void test_networks(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        for (int type = 0; type < 2; type++) {
            bench one, two, three;
            const char *options = type == 0 ? "dtype=float32 batch=150" : "dtype=float64 batch=150";
            create(&one, networks[i], options, 1);
            create(&two, networks[i], options, 2);
            create(&three, networks[i], options, 3);
            const optimizer *optimizer = one.optimizer;
            gradients expected = allocate(optimizer), alone = allocate(optimizer), shared = allocate(optimizer);
            if (run(&one, true, NULL, &expected) != L2O_OK || run(&one, false, NULL, &alone) != L2O_OK)
                fail_msg("%s", one.error.text);
            assert_close(optimizer, alone, expected, type == 0 ? 1e-5 : 1e-12);
            bench *others[] = {&two, &three};
            for (int k = 0; k < 2; k++) {
                assert_int_equal(run(others[k], false, NULL, &shared), L2O_OK);
                assert_memory_equal(alone.values, shared.values, (size_t)optimizer->weight_total * sizeof(double));
                assert_memory_equal(alone.squares, shared.squares, (size_t)optimizer->weight_count * sizeof(double));
            }
            release(expected);
            release(alone);
            release(shared);
            bench_free(&one);
            bench_free(&two);
            bench_free(&three);
        }
}

/* The large tensors are those that matter here. */
static void test_which(void **state) {
    (void)state;
    bench self;
    create(&self, "lista", "dtype=float32 batch=2", 1);
    for (int k = 0; k < self.optimizer->weight_count; k++)
        assert_true(products_defer(self.optimizer, k) == (self.optimizer->layout[k].rows > 1));
    bench_free(&self);
    create(&self, "alista", "dtype=float32 batch=2", 1);
    assert_false(products_any(self.optimizer));
    bench_free(&self);
}

/* What does not move stays as it was. */
static void test_active(void **state) {
    (void)state;
    bench self;
    bool active[64];
    create(&self, "lista", "dtype=float64 batch=130", 2);
    const optimizer *optimizer = self.optimizer;
    gradients whole = allocate(optimizer), some = allocate(optimizer);
    assert_true(optimizer->weight_count <= 64);
    for (int k = 0; k < optimizer->weight_count; k++) active[k] = optimizer->layout[k].step == DEPTH;
    for (int64_t i = 0; i < optimizer->weight_total; i++) some.values[i] = 77;
    assert_int_equal(run(&self, false, NULL, &whole), L2O_OK);
    assert_int_equal(run(&self, false, active, &some), L2O_OK);
    for (int k = 0; k < optimizer->weight_count; k++)
        for (int64_t i = 0; i < optimizer->layout[k].rows * optimizer->layout[k].columns; i++) {
            int64_t at = optimizer->layout[k].offset + i;
            assert_true(some.values[at] == (active[k] ? whole.values[at] : 77));
        }
    release(whole);
    release(some);
    bench_free(&self);
}

/* Rounds are summed in float64; two segments share a round, and their sums are as each has them alone. */
static void test_rounds(void **state) {
    (void)state;
    bench many, few;
    create(&many, "lista-cp", "dtype=float64 batch=2120", 2);
    create(&few, "lista-cp", "dtype=float64 batch=70", 2);
    gradients expected = allocate(many.optimizer), alone = allocate(many.optimizer), small = allocate(many.optimizer);
    assert_int_equal(run(&many, true, NULL, &expected), L2O_OK);
    assert_int_equal(run(&many, false, NULL, &alone), L2O_OK);
    assert_close(many.optimizer, alone, expected, 1e-12);
    assert_int_equal(run(&few, false, NULL, &small), L2O_OK);

    runner runners[2], *both[2] = {&runners[0], &runners[1]};
    carry carries[2];
    gradients together[2] = {allocate(many.optimizer), allocate(many.optimizer)};
    segment passes[2];
    const bench *benches[2] = {&few, &many};
    for (int k = 0; k < 2; k++) {
        assert_int_equal(runner_create(many.context, benches[k]->problem, many.optimizer, both[k], &many.error),
                         L2O_OK);
        assert_int_equal(carry_create(benches[k]->problem, many.optimizer, &carries[k], &many.error), L2O_OK);
        carry_reset(&carries[k], benches[k]->problem);
        passes[k] = pass_of(benches[k], &carries[k], all_steps, &together[k]);
    }
    if (segments_run(2, both, passes, &many.error) != L2O_OK) fail_msg("%s", many.error.text);
    together[0].loss = passes[0].loss;
    together[1].loss = passes[1].loss;
    assert_memory_equal(together[0].values, small.values, (size_t)few.optimizer->weight_total * sizeof(double));
    assert_close(many.optimizer, together[1], expected, 1e-12); /* whose rounds begin elsewhere */
    for (int k = 0; k < 2; k++) {
        carry_free(&carries[k]);
        runner_free(both[k]);
        release(together[k]);
    }
    release(expected);
    release(alone);
    release(small);
    bench_free(&many);
    bench_free(&few);
}

/* It is named by tensor and place, though the objectives are finite. */
static void test_not_finite(void **state) {
    (void)state;
    static const double huge[DEPTH + 1] = {0, 0, 0, 1e37};
    bench self;
    create(&self, "lista", "dtype=float32 batch=70", 2);
    gradients out = allocate(self.optimizer);
    assert_int_equal(run_judged(&self, huge, false, NULL, &out), L2O_OK);
    for (int64_t i = 0; i < self.optimizer->weight_total; i++) self.optimizer->weights[i] *= 100;
    assert_int_equal(run_judged(&self, huge, false, NULL, &out), L2O_ERROR_NUMERIC);
    if (strstr(self.error.text, "the meta-gradient of 'lista' on 'lasso' is ") == NULL) fail_msg("%s", self.error.text);
    release(out);
    bench_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks), cmocka_unit_test(test_which),      cmocka_unit_test(test_active),
        cmocka_unit_test(test_rounds),   cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
