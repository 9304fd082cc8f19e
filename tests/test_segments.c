/* Pieces of several shards, and several segments at once: the same bits as one by one, for any number of threads. */
#include "run_problem.h"

#include "base/memory.h"
#include "run/segment.h"

enum { STEPS = 5, TASKS = 3 };
static const double ones[STEPS + 1] = {1, 1, 1, 1, 1, 1};

typedef struct task {
    problem *problem;
    runner runner;
    carry now;
    double *gradient, *product, mean[STEPS + 1];
    segment pass;
} task;

static double *zeros(int64_t count) {
    l2o_error error = {0};
    double *made = memory_allocate((size_t)count, sizeof(double), &error);
    assert_non_null(made);
    return made;
}

static void task_open(task *it, l2o_context *context, const optimizer *optimizer, int64_t batch, int64_t n) {
    l2o_error error = {0};
    *it = (task){.problem = test_problem("lasso", n, batch, "float32")};
    if (runner_create(context, it->problem, optimizer, &it->runner, &error) != L2O_OK) fail_msg("%s", error.text);
    assert_int_equal(carry_create(it->problem, optimizer, &it->now, &error), L2O_OK);
    carry_reset(&it->now, it->problem);
    it->gradient = zeros(optimizer->weight_total);
    it->product = zeros(optimizer->weight_total);
    it->pass = (segment){.weights = optimizer->weights,
                         .steps = STEPS,
                         .detached = true,
                         .require_finite = true,
                         .loss_weights = ones,
                         .logarithm = n < 100,
                         .from = &it->now,
                         .gradient = it->gradient,
                         .direction = optimizer->weights,
                         .hessian_vector = it->product,
                         .mean_objective = it->mean};
}

static void task_close(task *it) {
    runner_free(&it->runner);
    carry_free(&it->now);
    memory_free(it->gradient);
    memory_free(it->product);
    problem_free(it->problem);
}

/* The tasks differ in size; the first has more shards than there are pieces. */
static void open_all(task *tasks, int threads, const optimizer *optimizer, l2o_context **context) {
    static const int64_t batches[TASKS] = {300, 7, 40}, dimensions[TASKS] = {160, 10, 10};
    *context = test_context(threads);
    for (int k = 0; k < TASKS; k++) task_open(&tasks[k], *context, optimizer, batches[k], dimensions[k]);
    assert_true(tasks[0].runner.shard_count > MOST_PIECES);
    assert_int_equal(tasks[0].runner.sums.pieces, MOST_PIECES);
}

static void close_all(task *tasks, l2o_context *context) {
    for (int k = 0; k < TASKS; k++) task_close(&tasks[k]);
    l2o_context_free(context);
}

static void assert_same(const task *a, const task *b, int64_t total) {
    assert_memory_equal(a->gradient, b->gradient, (size_t)total * sizeof(double));
    assert_memory_equal(a->product, b->product, (size_t)total * sizeof(double));
    assert_memory_equal(a->mean, b->mean, sizeof a->mean);
    assert_true(a->pass.loss == b->pass.loss && a->pass.gradient_evaluations == b->pass.gradient_evaluations);
    for (int t = 0; t <= STEPS; t++) assert_true(runner_mean_objective(&a->runner, t) == a->mean[t]);
}

static void test_together(void **state) {
    (void)state;
    l2o_error error = {0};
    optimizer *optimizer = test_optimizer("rnnprop", 0);
    task alone[TASKS], together[TASKS];
    l2o_context *one, *two;
    open_all(alone, 1, optimizer, &one);
    for (int k = 0; k < TASKS; k++) assert_int_equal(segment_run(&alone[k].runner, &alone[k].pass, &error), L2O_OK);
    for (int threads = 1; threads <= 3; threads++) {
        open_all(together, threads, optimizer, &two);
        runner *runners[TASKS];
        segment passes[TASKS];
        for (int k = 0; k < TASKS; k++) {
            runners[k] = &together[k].runner;
            passes[k] = together[k].pass;
        }
        assert_int_equal(segments_run(TASKS, runners, passes, &error), L2O_OK);
        for (int k = 0; k < TASKS; k++) {
            together[k].pass = passes[k];
            assert_same(&alone[k], &together[k], optimizer->weight_total);
        }
        close_all(together, two);
    }
    close_all(alone, one);
    optimizer_free(optimizer);
}

/* The sums are those of the instances, whichever piece they lie in. */
static void test_pieces_hold_everything(void **state) {
    (void)state;
    l2o_error error = {0};
    optimizer *optimizer = test_optimizer("rnnprop", 0);
    l2o_context *context = test_context(2);
    task whole, part;
    double *sum = zeros(optimizer->weight_total);
    task_open(&whole, context, optimizer, 300, 160);
    assert_int_equal(segment_run(&whole.runner, &whole.pass, &error), L2O_OK);
    for (int t = 0; t <= STEPS; t++) {
        double mean = 0;
        for (int64_t p = 0; p < 300; p++) mean += runner_objective(&whole.runner, t)[p] / 300;
        assert_true(fabs(whole.mean[t] - mean) <= 1e-13 * mean);
    }
    /* The same instances, 60 at a time, with the weight that they have in the whole. */
    task_open(&part, context, optimizer, 300, 160);
    for (int64_t first = 0; first < 300; first += 60) {
        part.runner.shard_count = 60;
        memcpy(part.now.x, (const char *)whole.now.x + (size_t)first * carry_x_bytes(&whole.now),
               60 * carry_x_bytes(&whole.now));
        for (int64_t p = 0; p < 60; p++) part.runner.identity[p] = first + p;
        sums_free(&part.runner.sums);
        assert_int_equal(sums_create(&part.runner.sums, 60, &error), L2O_OK);
        assert_int_equal(segment_run(&part.runner, &part.pass, &error), L2O_OK);
        for (int64_t i = 0; i < optimizer->weight_total; i++) sum[i] += part.gradient[i];
    }
    double largest = 0;
    for (int64_t i = 0; i < optimizer->weight_total; i++) largest = fmax(largest, fabs(whole.gradient[i]));
    for (int64_t i = 0; i < optimizer->weight_total; i++)
        assert_true(fabs(sum[i] - whole.gradient[i]) <= 1e-12 * largest);
    memory_free(sum);
    task_close(&part);
    task_close(&whole);
    l2o_context_free(context);
    optimizer_free(optimizer);
}

/* Of several failing segments the first is named. */
static void test_the_first_failure(void **state) {
    (void)state;
    l2o_error error = {0};
    optimizer *optimizer = test_optimizer("rnnprop", 0);
    l2o_context *context;
    task tasks[TASKS];
    open_all(tasks, 2, optimizer, &context);
    runner *runners[TASKS];
    segment passes[TASKS];
    for (int k = 0; k < TASKS; k++) {
        runners[k] = &tasks[k].runner;
        passes[k] = tasks[k].pass;
        if (k > 0) ((float *)tasks[k].now.x)[3 * k * tasks[k].problem->dimension] = INFINITY;
    }
    assert_int_equal(segments_run(TASKS, runners, passes, &error), L2O_ERROR_NUMERIC);
    assert_non_null(strstr(error.text, "the objective of instance 3 of 'lasso' is"));
    close_all(tasks, context);
    optimizer_free(optimizer);
}

/* Derivatives with respect to some tensors are those parts of the whole, to the bit, around the tape and on it; the
 * other parts stay as they were, and so do squares. */
static void test_active_tensors(void **state) {
    (void)state;
    l2o_error error = {0};
    optimizer *optimizer = test_optimizer("rnnprop", 0);
    l2o_context *context = test_context(2);
    bool active[32];
    double squares[32], some[32];
    assert_true(optimizer->weight_count <= 32);
    for (int on_tape = 0; on_tape < 2; on_tape++) {
        task whole, part;
        task_open(&whole, context, optimizer, 40, 10);
        task_open(&part, context, optimizer, 40, 10);
        whole.pass.on_tape = part.pass.on_tape = on_tape == 1;
        whole.pass.squares = squares;
        part.pass.squares = some;
        part.pass.active = active;
        double *direction = zeros(optimizer->weight_total); /* within what is active, or the product is not a part */
        whole.pass.direction = part.pass.direction = direction;
        for (int64_t i = 0; i < optimizer->weight_total; i++) part.gradient[i] = part.product[i] = 7;
        for (int k = 0; k < optimizer->weight_count; k++) {
            const weight_layout *layout = &optimizer->layout[k];
            active[k] = k % 3 == 1;
            some[k] = 7;
            for (int64_t i = 0; active[k] && i < layout->rows * layout->columns; i++)
                direction[layout->offset + i] = 0.5;
        }
        assert_int_equal(segment_run(&whole.runner, &whole.pass, &error), L2O_OK);
        assert_int_equal(segment_run(&part.runner, &part.pass, &error), L2O_OK);
        assert_memory_equal(whole.mean, part.mean, sizeof whole.mean);
        for (int k = 0; k < optimizer->weight_count; k++) {
            const weight_layout *layout = &optimizer->layout[k];
            double sum = 0;
            for (int64_t i = layout->offset; i < layout->offset + layout->rows * layout->columns; i++) {
                assert_true(part.gradient[i] == (active[k] ? whole.gradient[i] : 7));
                assert_true(part.product[i] == (active[k] ? whole.product[i] : 7));
                sum += whole.gradient[i] * whole.gradient[i];
            }
            assert_true(squares[k] == sum && some[k] == (active[k] ? sum : 7));
        }
        memory_free(direction);
        task_close(&whole);
        task_close(&part);
    }
    l2o_context_free(context);
    optimizer_free(optimizer);
}

/* Sums of long rows over threads are those along the tree. */
static void test_long_rows(void **state) {
    (void)state;
    enum { PIECES = 7, LENGTH = 50001 };
    l2o_error error = {0};
    for (int threads = 1; threads <= 3; threads++) {
        l2o_context *context = test_context(threads);
        sums own;
        assert_int_equal(sums_create(&own, PIECES, &error), L2O_OK);
        assert_int_equal(sums_reserve(&own, LENGTH, &error), L2O_OK);
        for (int64_t p = 0; p < PIECES; p++)
            for (int64_t i = 0; i < LENGTH; i++) sums_row(&own, p)[i] = 1.0 / (double)(3 + p * LENGTH + i);
        l2o_context_cancel(context); /* what was computed is added up all the same */
        assert_int_equal(sums_finish(context, 1, (sums *const[]){&own}, INT64_MAX, &error), L2O_OK);
        for (int64_t i = 0; i < LENGTH; i++) {
            double r[PIECES];
            for (int64_t p = 0; p < PIECES; p++) r[p] = 1.0 / (double)(3 + p * LENGTH + i);
            assert_true(own.total[i] == ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + r[6]));
        }
        sums_free(&own);
        l2o_context_free(context);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together),          cmocka_unit_test(test_pieces_hold_everything),
        cmocka_unit_test(test_the_first_failure), cmocka_unit_test(test_active_tensors),
        cmocka_unit_test(test_long_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
