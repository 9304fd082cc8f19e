/* The loop: segments carry on where others stop, results do not depend on threads or on what is dropped, and optimizers
 * may hand their values round as they please. */
#include "run/driver.h"
#include "run/segment.h"
#include "run_problem.h"

enum { STEPS = 6, TERMS = 2 * STEPS + 1 };
static const double ones[TERMS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

typedef struct bench {
    l2o_context *context;
    problem *problem;
    optimizer *optimizer;
    runner runner;
    carry start, middle, end;
} bench;

static void bench_open_on(bench *it, int threads, const char *kernel, problem *problem, optimizer *optimizer) {
    l2o_error error = {0};
    *it = (bench){.context = test_context_on(threads, kernel), .problem = problem, .optimizer = optimizer};
    if (runner_create(it->context, problem, optimizer, &it->runner, &error) != L2O_OK) fail_msg("%s", error.text);
    carry *all[] = {&it->start, &it->middle, &it->end};
    for (int k = 0; k < 3; k++) assert_int_equal(carry_create(problem, optimizer, all[k], &error), L2O_OK);
    carry_reset(&it->start, problem);
}

static void bench_open(bench *it, int threads, problem *problem, optimizer *optimizer) {
    bench_open_on(it, threads, "auto", problem, optimizer);
}

static void bench_close(bench *it) {
    runner_free(&it->runner);
    carry_free(&it->start);
    carry_free(&it->middle);
    carry_free(&it->end);
    l2o_context_free(it->context);
}

static void run(bench *it, segment *pass) {
    l2o_error error = {0};
    pass->weights = it->optimizer->weights;
    if (segment_run(&it->runner, pass, &error) != L2O_OK) fail_msg("%s", error.text);
}

static void assert_same_carry(const carry *a, const carry *b) {
    assert_int_equal(a->steps, b->steps);
    assert_memory_equal(a->x, b->x, (size_t)a->batch * carry_x_bytes(a));
    for (int k = 0; k < a->state_count; k++)
        assert_memory_equal(a->state[k], b->state[k], (size_t)a->batch * a->row_bytes[k]);
}

static const char *const optimizers[] = {"rnnprop", "adam", "nesterov", "momentum", "sgd", "rmsprop", "ista", "fista"};
enum { OPTIMIZERS = sizeof optimizers / sizeof *optimizers };

/* Two segments of T are one of 2 T, to the last bit; also in place, and recorded or not. */
static void test_segments_join(void **state) {
    (void)state;
    static const char *const types[] = {"float32", "float64"};
    for (int type = 0; type < 2; type++)
        for (int k = 0; k < OPTIMIZERS; k++) {
            bench it;
            int64_t batch = 37, n = 10; /* two full shards and a part */
            bench_open(&it, 2, test_problem("lasso", n, batch, types[type]), test_optimizer(optimizers[k], 0));
            double *whole = memory_allocate((size_t)(TERMS * batch), sizeof *whole, &(l2o_error){0});
            double mean[TERMS], *gradient = NULL;
            segment both = {.steps = 2 * STEPS, .from = &it.start, .to = &it.end, .mean_objective = mean};
            run(&it, &both);
            memcpy(whole, runner_objective(&it.runner, 0), (size_t)(TERMS * batch) * sizeof *whole);
            segment first = {.steps = STEPS, .from = &it.start, .to = &it.middle};
            run(&it, &first);
            assert_memory_equal(runner_objective(&it.runner, 0), whole, (size_t)((STEPS + 1) * batch) * sizeof *whole);
            segment second = {.steps = STEPS, .from = &it.middle, .to = &it.middle, .loss_weights = ones};
            if (it.optimizer->weight_total > 0) {
                gradient = memory_allocate((size_t)it.optimizer->weight_total, sizeof *gradient, &(l2o_error){0});
                second.gradient = gradient; /* recorded */
                second.detached = true;
            }
            run(&it, &second);
            assert_memory_equal(runner_objective(&it.runner, 0), whole + STEPS * batch,
                                (size_t)((STEPS + 1) * batch) * sizeof *whole);
            assert_same_carry(&it.middle, &it.end);
            double sum = 0, loss = 0;
            for (int64_t p = 0; p < batch; p++) sum += whole[3 * batch + p];
            assert_true(fabs(mean[3] - sum / (double)batch) <= 1e-15 * fabs(sum));
            for (int t = 0; t <= STEPS; t++) loss += mean[STEPS + t];
            assert_true(fabs(second.loss - loss) <= 1e-14 * loss);
            memory_free(whole);
            memory_free(gradient);
            optimizer_free(it.optimizer);
            problem_free(it.problem);
            bench_close(&it);
        }
}

/* One thread or two; a problem that wants one thread only; every size of the last shard. */
static void test_threads_and_shards(void **state) {
    (void)state;
    optimizer *optimizer = test_optimizer("rnnprop", 5);
    int64_t total = optimizer->weight_total;
    double *results[3];
    for (int k = 0; k < 3; k++) results[k] = memory_allocate((size_t)(2 * total), sizeof *results[k], &(l2o_error){0});
    double *direction = memory_allocate((size_t)total, sizeof *direction, &(l2o_error){0});
    for (int64_t i = 0; i < total; i++) direction[i] = sin((double)i);
    const struct {
        int64_t n, batch;
    } sizes[] = {{2, 1}, {2, 79}, {2, 80}, {2, 81}, {50, 3}, {50, 4}, {50, 10}, {160, 2}, {400, 3}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        problem *problem = test_problem("lasso", sizes[s].n, sizes[s].batch, "float32");
        carry ends[3];
        for (int k = 0; k < 3; k++) {
            bench it;
            problem->concurrent = k < 2;
            bench_open(&it, k == 1 ? 1 : 2, problem, optimizer);
            assert_true(it.runner.shard_count * it.runner.shard_size >= problem->batch);
            segment pass = {.steps = STEPS,
                            .detached = true,
                            .loss_weights = ones,
                            .from = &it.start,
                            .to = &it.end,
                            .gradient = results[k],
                            .direction = direction,
                            .hessian_vector = results[k] + total};
            run(&it, &pass);
            ends[k] = it.end;
            it.end = (carry){0};
            bench_close(&it);
        }
        for (int k = 1; k < 3; k++) {
            assert_memory_equal(results[k], results[0], (size_t)(2 * total) * sizeof *results[0]);
            assert_same_carry(&ends[k], &ends[0]);
        }
        for (int k = 0; k < 3; k++) carry_free(&ends[k]);
        problem_free(problem);
    }
    for (int k = 0; k < 3; k++) memory_free(results[k]);
    memory_free(direction);
    optimizer_free(optimizer);
}

/* What the shards add up to is what instances give one by one: the mean over a batch of means over one. */
static void test_gradient_is_the_mean_over_instances(void **state) {
    (void)state;
    optimizer *optimizer = test_optimizer("rnnprop", 4);
    optimizer->scale_by_batch = false;
    int64_t total = optimizer->weight_total, batch = 9, n = 3;
    double *sum = memory_allocate((size_t)total, sizeof *sum, &(l2o_error){0});
    double *whole = memory_allocate((size_t)total, sizeof *whole, &(l2o_error){0});
    double *one = memory_allocate((size_t)total, sizeof *one, &(l2o_error){0});
    problem many = test_closed_form(n, batch);
    bench it;
    bench_open(&it, 2, &many, optimizer);
    segment pass = {.steps = STEPS, .loss_weights = ones, .from = &it.start, .gradient = whole}; /* full derivatives */
    run(&it, &pass);
    bench_close(&it);
    for (int64_t p = 0; p < batch; p++) {
        problem single = test_closed_form(n, 1);
        memcpy(single.x0, (double *)many.x0 + p * n, (size_t)n * sizeof(double));
        bench_open(&it, 1, &single, optimizer);
        segment alone = {.steps = STEPS, .loss_weights = ones, .from = &it.start, .gradient = one};
        run(&it, &alone);
        for (int64_t i = 0; i < total; i++) sum[i] += one[i] / (double)batch;
        bench_close(&it);
        arena_free(&single.memory);
    }
    double size = 0;
    for (int64_t i = 0; i < total; i++) size = fmax(size, fabs(whole[i]));
    assert_true(size > 0);
    for (int64_t i = 0; i < total; i++) assert_true(fabs(whole[i] - sum[i]) < 1e-12 * size);
    memory_free(sum);
    memory_free(whole);
    memory_free(one);
    arena_free(&many.memory);
    optimizer_free(optimizer);
}

/* An optimizer that keeps x itself as its previous x: x_{t+1} = x_t - rate g + 0.5 (x_t - x_{t-1}), and one that
 * exchanges its two states, and one whose x is a view of a state. */
static value *previous_step(step_context *context, value *x, value **state) {
    tape *tape = context->tape;
    value *old = tape_reshape(tape, state[0], x->rows, x->columns);
    value *moved = tape_add(tape, x, tape_scale(tape, 0.5, tape_subtract(tape, x, old)));
    state[0] = tape_reshape(tape, x, x->rows * x->columns, 1);
    return tape_add(tape, moved, tape_scale(tape, -0.01, step_gradient(context, x)));
}

static value *exchange_step(step_context *context, value *x, value **state) {
    tape *tape = context->tape;
    value *first = state[0];
    state[0] = state[1];
    state[1] = first;
    if (context->step == 1) state[0] = tape_scale(tape, 2, state[0]);
    return tape_add(tape, x, tape_reshape(tape, tape_scale(tape, 0.1, state[0]), x->rows, x->columns));
}

static value *view_step(step_context *context, value *x, value **state) {
    tape *tape = context->tape;
    value *old = state[0];
    state[0] = tape_reshape(tape, x, x->rows * x->columns, 1);
    (void)context;
    return tape_reshape(tape, old, x->rows, x->columns);
}

static void aliasing(value *(*step)(step_context *, value *, value **), bool second_starts_at_zero, int64_t steps,
                     double *trajectory) {
    optimizer_ops ops = {.name = "aliasing", .step = step};
    optimizer optimizer = {.ops = &ops};
    optimizer_add_state(&optimizer, "first", true, 1, true);
    optimizer_add_state(&optimizer, "second", true, 1, !second_starts_at_zero);
    problem problem = test_closed_form(3, 4);
    bench it;
    bench_open(&it, 1, &problem, &optimizer);
    segment pass = {.steps = steps, .from = &it.start, .trajectory = trajectory};
    run(&it, &pass);
    bench_close(&it);
    arena_free(&problem.memory);
}

static void test_aliased_states(void **state) {
    (void)state;
    enum { LONG = 8, NUMBERS = 12 };
    double x[LONG + 1][NUMBERS], g[NUMBERS], trajectory[(LONG + 1) * NUMBERS];
    int64_t index[] = {0, 1, 2, 3};
    problem problem = test_closed_form(3, 4);
    evaluation with = {0};

    aliasing(previous_step, true, LONG, trajectory);
    memcpy(x[0], problem.x0, sizeof x[0]);
    for (int t = 0; t < LONG; t++) {
        closed_form_value_gradient(&problem, (instances){4, index}, x[t], NULL, g, &with);
        for (int i = 0; i < NUMBERS; i++)
            x[t + 1][i] = x[t][i] + 0.5 * (x[t][i] - x[t > 0 ? t - 1 : 0][i]) - 0.01 * g[i];
    }
    for (int i = 0; i < (LONG + 1) * NUMBERS; i++)
        assert_true(fabs(trajectory[i] - x[i / NUMBERS][i % NUMBERS]) < 1e-12);

    aliasing(exchange_step, true, LONG, trajectory); /* states x0 and 0: exchanged at every step */
    for (int i = 0; i < NUMBERS; i++)
        for (int t = 0; t < LONG; t++) x[t + 1][i] = x[t][i] + (t % 2 == 1 ? 0.1 * x[0][i] : 0);
    for (int i = 0; i < (LONG + 1) * NUMBERS; i++)
        assert_true(fabs(trajectory[i] - x[i / NUMBERS][i % NUMBERS]) < 1e-12);

    aliasing(view_step, false, LONG, trajectory); /* x and the state change places: all the same */
    for (int i = 0; i < (LONG + 1) * NUMBERS; i++) assert_true(trajectory[i] == x[0][i % NUMBERS]);
    arena_free(&problem.memory);
}

/* Instances that are dropped leave the bits of the others alone, memory does not grow, and constants follow. */
static void compaction(const char *kernel) {
    const char *const names[] = {"rnnprop", "fista", "adam", "ista"};
    for (int k = 0; k < 4; k++) {
        enum { BATCH = 8, WIDTH = 4, LONG = 12 };
        problem *problem = test_problem("lasso", WIDTH, BATCH, "float32");
        optimizer *optimizer = test_optimizer(names[k], 0);
        l2o_error error = {0};
        arena plain = {0}, dropping = {0};
        bench it;
        bench_open_on(&it, 1, kernel, problem, optimizer);
        evaluation with = {it.runner.kernels, &plain, &error};
        assert_int_equal(optimizer_prepare(optimizer, problem, &with), L2O_OK);
        driver all, some;
        instances rows = {BATCH, it.runner.identity};
        driver_begin(&all, it.runner.kernels, &plain, &error, problem, optimizer, optimizer->weights, &rows, &it.start,
                     0, false, true);
        driver_begin(&some, it.runner.kernels, &dropping, &error, problem, optimizer, optimizer->weights, &rows,
                     &it.start, 0, false, true);
        int64_t left[BATCH], keep[BATCH], count = BATCH;
        for (int p = 0; p < BATCH; p++) left[p] = p;
        for (int64_t t = 1; t <= LONG; t++) {
            const value *f = driver_objective(&all), *g = driver_objective(&some);
            assert_non_null(f);
            assert_non_null(g);
            assert_int_equal(g->rows, count);
            for (int64_t r = 0; r < count; r++) {
                assert_true(((float *)g->data)[r] == ((float *)f->data)[left[r]]);
                assert_memory_equal((float *)some.x->data + r * WIDTH, (float *)all.x->data + left[r] * WIDTH,
                                    WIDTH * sizeof(float));
            }
            driver_step(&all, t);
            driver_step(&some, t);
            if (t % 3 == 0 && count > 2) { /* drops the first and one in the middle */
                int64_t kept = 0;
                for (int64_t r = 1; r < count; r++)
                    if (r != count / 2) keep[kept++] = r;
                for (int64_t r = 0; r < kept; r++) left[r] = left[keep[r]];
                count = kept;
                instances fewer = {count, left};
                driver_compact(&some, keep, count, &fewer);
                assert_true(arena_position(&dropping).used <= arena_position(&plain).used);
            }
        }
        assert_int_equal(driver_status(&all), L2O_OK);
        assert_int_equal(driver_status(&some), L2O_OK);
        assert_true(count == 2);
        arena_free(&plain);
        arena_free(&dropping);
        bench_close(&it);
        optimizer_free(optimizer);
        problem_free(problem);
    }
}

/* Sanitizers put checks between a product and its sum, so that some tiles of a matrix product are fused and others are
 * not where the machine has fused multiply-add: there the bits of a row depend on its place. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static void test_compaction(void **state) {
    (void)state;
    compaction("portable");
#ifndef SANITIZED
    compaction("auto");
#endif
}

/* What a segment cannot do is a sentence: not finite, cancelled, or asked for wrongly. */
static l2o_status explode(const problem *problem, instances rows, const void *x, void *f, void *g,
                          const evaluation *evaluation) {
    TRY(closed_form_value_gradient(problem, rows, x, f, g, evaluation));
    for (int64_t r = 0; r < rows.count && f != NULL; r++)
        if (rows.index[r] == 2 && ((const double *)x)[r * problem->dimension] != ((const double *)problem->x0)[6])
            ((double *)f)[r] = INFINITY;
    return L2O_OK;
}

static void test_failures(void **state) {
    (void)state;
    optimizer *optimizer = test_optimizer("rnnprop", 4);
    problem_ops ops = closed_form_ops;
    ops.value_gradient = explode;
    problem problem = test_closed_form(3, 4);
    problem.ops = &ops;
    l2o_error error = {0};
    bench it;
    bench_open(&it, 2, &problem, optimizer);
    double *gradient = memory_allocate((size_t)optimizer->weight_total, sizeof *gradient, &error);
    segment pass = {.steps = 2, .weights = optimizer->weights, .require_finite = true, .from = &it.start};
    assert_int_equal(segment_run(&it.runner, &pass, &error), L2O_ERROR_NUMERIC);
    assert_non_null(strstr(error.text, "instance 2"));
    assert_non_null(strstr(error.text, "after 1 step"));

    error_clear(&error);
    pass.gradient = gradient; /* without loss weights */
    assert_int_equal(segment_run(&it.runner, &pass, &error), L2O_ERROR_INTERNAL);
    error_clear(&error);
    pass.gradient = NULL;
    pass.direction = gradient;
    assert_int_equal(segment_run(&it.runner, &pass, &error), L2O_ERROR_INTERNAL);

    error_clear(&error);
    pass.direction = NULL;
    l2o_context_cancel(it.context);
    assert_int_equal(segment_run(&it.runner, &pass, &error), L2O_ERROR_CANCELLED);
    memory_free(gradient);
    bench_close(&it);
    arena_free(&problem.memory);
    optimizer_free(optimizer);
}

/* Kept and replayed gradients give the bits of the run they were kept in. */
static void test_replay(void **state) {
    (void)state;
    enum { BATCH = 40, WIDTH = 5 };
    optimizer *optimizer = test_optimizer("rnnprop", 4);
    problem *problem = test_problem("lasso", WIDTH, BATCH, "float64");
    int64_t total = optimizer->weight_total;
    double *kept = memory_allocate(STEPS * BATCH * WIDTH, sizeof *kept, &(l2o_error){0});
    double *gradient[3];
    for (int k = 0; k < 3; k++) gradient[k] = memory_allocate((size_t)total, sizeof *gradient[k], &(l2o_error){0});
    gradient_log log = {.calls = STEPS, .batch = BATCH, .dimension = WIDTH, .gradients = kept};
    bench it;
    bench_open(&it, 2, problem, optimizer);
    for (int k = 0; k < 3; k++) {
        log.replay = k == 2;
        segment pass = {.steps = STEPS,
                        .detached = true,
                        .loss_weights = ones,
                        .from = &it.start,
                        .gradient = gradient[k],
                        .on_tape = k == 0,
                        .log = k == 0 ? NULL : &log};
        run(&it, &pass);
        assert_memory_equal(gradient[k], gradient[0], (size_t)total * sizeof *gradient[0]);
    }
    log.calls = STEPS - 1;
    l2o_error error = {0};
    segment pass = {.weights = optimizer->weights, .steps = STEPS, .from = &it.start, .log = &log};
    assert_int_equal(segment_run(&it.runner, &pass, &error), L2O_ERROR_INTERNAL);
    for (int k = 0; k < 3; k++) memory_free(gradient[k]);
    memory_free(kept);
    bench_close(&it);
    optimizer_free(optimizer);
    problem_free(problem);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_join),
        cmocka_unit_test(test_threads_and_shards),
        cmocka_unit_test(test_gradient_is_the_mean_over_instances),
        cmocka_unit_test(test_aliased_states),
        cmocka_unit_test(test_compaction),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
