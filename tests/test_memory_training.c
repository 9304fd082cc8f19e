/* Whole uses of the library with each allocation failed once: creation, training with checkpoint, log and picture,
 * resuming, adaptation, files of weights, recorded vectors, solving, derivative checks. Nothing may crash, leak, leave
 * a half-written file, or succeed wrongly. */
#include "fault.h"

#include "io/npz.h"
#include "l2o/check.h"
#include "l2o/problem.h"
#include "l2o/solve.h"
#include "l2o/vectors.h"
#include "optimizers/weights_file.h"
#include "training.h"

static directory place;

static void ignore_message(void *user, const char *text) {
    (void)user;
    (void)text;
}

/* A piece of code with a context and settings. */
typedef struct use {
    const char *text; /* "name=value name=value" */
    int threads;
    l2o_status (*run)(l2o_context *context, l2o_settings *settings);
} use;

static l2o_status apply(l2o_context *context, l2o_settings *settings, const char *text) {
    char copy[1024], *rest;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        *equals = '\0';
        TRY(l2o_settings_set(context, settings, word, equals + 1));
    }
    return L2O_OK;
}

static l2o_status body(void *argument, l2o_error *error) {
    const use *self = argument;
    l2o_context *context;
    l2o_settings *settings = NULL;
    l2o_status status = l2o_context_create(self->threads, "portable", &context);
    if (status != L2O_OK) {
        if (context != NULL) assert_true(l2o_context_error(context)[0] != '\0');
        l2o_context_free(context);
        return error_set(error, status, "no context");
    }
    l2o_context_on_message(context, ignore_message, NULL);
    status = l2o_settings_create(context, &settings);
    if (status == L2O_OK) status = apply(context, settings, self->text);
    if (status == L2O_OK) status = self->run(context, settings);
    if (status != L2O_OK) *error = context->error;
    l2o_settings_free(settings);
    l2o_context_free(context);
    assert_int_equal(directory_count(&place, "partial"), 0);
    return status;
}

static size_t try_each(const char *text, int threads, l2o_status (*run)(l2o_context *, l2o_settings *)) {
    use self = {text, threads, run};
    return fault_each(body, &self);
}

static int setup(void **state) {
    (void)state;
    directory_create(&place);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    directory_remove(&place);
    return 0;
}

static l2o_status nothing(l2o_context *context, l2o_settings *settings) {
    TRY(l2o_settings_preset(context, settings, "quick"));
    return l2o_settings_set(context, settings, "batch", "3");
}

static void test_context_and_settings(void **state) {
    (void)state;
    assert_true(try_each("seed=3 problem=lasso", 1, nothing) > 8);
    assert_true(try_each("", 3, nothing) > 6);
}

static l2o_status make_optimizer(l2o_context *context, l2o_settings *settings) {
    l2o_optimizer *optimizer;
    l2o_status status = l2o_optimizer_create(context, settings, &optimizer);
    assert_int_equal(status == L2O_OK, optimizer != NULL);
    l2o_optimizer_free(optimizer);
    return status;
}

static void test_optimizers(void **state) {
    (void)state;
    l2o_catalog_entry entry;
    for (int i = 0; l2o_catalog("optimizers", i, &entry); i++) {
        char text[128];
        snprintf(text, sizeof text, "optimizer=%s shared-A=yes", entry.name); /* some learn the A of the settings */
        assert_true(try_each(text, 1, make_optimizer) > 5);
    }
    assert_true(try_each("optimizer=rnnprop:hidden=2:layers=3", 1, make_optimizer) > 10);
    assert_true(try_each("optimizer=lamp:depth=2:tied=yes:conventions=reference shared-A=yes", 1, make_optimizer) > 10);
}

#define TINY "n=2 batch=2 layers=1 hidden=2 unroll=2 dtype=float64 "

static l2o_status save_and_load(l2o_context *context, l2o_settings *settings) {
    l2o_optimizer *optimizer, *back = NULL;
    const char *path = directory_file(&place, "w.safetensors");
    TRY(l2o_optimizer_create(context, settings, &optimizer));
    l2o_status status = l2o_optimizer_save(context, optimizer, path);
    if (status == L2O_OK) status = weights_file_read(path, settings, &back, &context->error);
    if (status == L2O_OK)
        assert_memory_equal(back->weights, optimizer->weights, (size_t)back->weight_total * sizeof(double));
    char *json = NULL;
    if (status == L2O_OK) status = l2o_weights_describe(context, path, &json);
    l2o_string_free(json);
    l2o_optimizer_free(back);
    l2o_optimizer_free(optimizer);
    return status;
}

static void test_weights_files(void **state) {
    (void)state;
    assert_true(try_each("layers=1 hidden=2", 1, save_and_load) > 50);
    assert_true(try_each("optimizer=glista depth=2 n=3 shared-A=yes", 1, save_and_load) > 50);
}

static l2o_status train(l2o_context *context, l2o_settings *settings) {
    l2o_training_report report;
    char path[160];
    snprintf(path, sizeof path, "%s/w.safetensors", place.path);
    remove(path);
    l2o_status status = l2o_train(context, settings, path, NULL, NULL, &report);
    if (status == L2O_OK) {
        assert_true(report.finished && file_exists(path));
    } else if (file_exists(path)) { /* only the picture can be missing then, the weights are whole */
        l2o_settings *own = training_settings("");
        optimizer *made;
        l2o_error error = {0};
        assert_int_equal(weights_file_read(path, own, &made, &error), L2O_OK);
        optimizer_free(made);
        settings_free(own);
    }
    return status;
}

static void test_training(void **state) {
    (void)state;
#define SHORT "stages=1,2 stage-draws=1 evaluate-every=1 evaluation-draws=1 checkpoint-seconds=0 "
    assert_true(try_each(TINY SHORT "problem=lasso estimator=plain inputs=full", 1, train) > 200);
    assert_true(try_each(TINY SHORT "problem=rosenbrock estimator=fomaml", 1, train) > 200);
    assert_true(try_each(TINY SHORT "problem=quadratic A=mix:normal:1,uniform:0:1 estimator=maml", 1, train) > 200);
    assert_true(try_each(TINY SHORT "problem=lasso estimator=fomaml training-tasks=A=normal:1|lambda=0.1,b=truth", 1,
                         train) > 200);
    const char *unrolled = "n=4 m=3 batch=2 unroll=2 problem=recovery shared-A=yes meta-loss=last optimizer=lista-cpss "
                           "depth=2 support-step=20 support-limit=100 " SHORT "stages=1";
    assert_true(try_each(unrolled, 1, train) > 200);
}

static void test_training_layers(void **state) {
    (void)state;
    assert_true(try_each("problem=lasso n=3 m=2 batch=2 shared-A=yes optimizer=lista:depth=2 dtype=float64 unroll=2 "
                         "layer-wise=yes stage-rates=1,1 stage-draws=2 training-draws=1 evaluate-every=2 "
                         "evaluation-draws=1 checkpoint-seconds=1000 estimator=plain",
                         1, train) > 200);
}

/* Interrupted in its second draw, outside of what is counted; then resumed. */
static buffer kept_checkpoint, kept_log;

static void stop(void *user, const l2o_training_progress *progress) {
    if (progress->updates == 2) l2o_context_cancel(user);
}

static l2o_status resume(l2o_context *context, l2o_settings *settings) {
    char path[160];
    snprintf(path, sizeof path, "%s/w.checkpoint", place.path);
    TRY(file_write(path, kept_checkpoint.bytes, kept_checkpoint.size, &context->error));
    snprintf(path, sizeof path, "%s/w.log.jsonl", place.path);
    TRY(file_write(path, kept_log.bytes, kept_log.size, &context->error));
    TRY(l2o_settings_set(context, settings, "resume", "yes"));
    return train(context, settings);
}

static void test_resuming(void **state) {
    (void)state;
    const char *text = TINY "stages=1,2 stage-draws=2 evaluate-every=1 evaluation-draws=1 checkpoint-seconds=0 "
                            "problem=lasso estimator=fomaml";
    l2o_context *context = NULL;
    l2o_training_report report;
    char path[160];
    snprintf(path, sizeof path, "%s/w.safetensors", place.path);
    assert_int_equal(l2o_context_create(1, "portable", &context), L2O_OK);
    l2o_settings *settings = training_settings(text);
    assert_int_equal(l2o_train(context, settings, path, stop, context, &report), L2O_ERROR_CANCELLED);
    training_read(report.checkpoint_path, &kept_checkpoint);
    training_read(report.log_path, &kept_log);
    settings_free(settings);
    l2o_context_free(context);
    assert_true(try_each(text, 1, resume) > 200);
    buffer_free(&kept_checkpoint);
    buffer_free(&kept_log);
}

static l2o_status adapt(l2o_context *context, l2o_settings *settings) {
    l2o_optimizer *optimizer;
    l2o_adaptation_report report;
    TRY(l2o_optimizer_create(context, settings, &optimizer));
    l2o_status status = l2o_adapt(context, settings, optimizer, &report);
    if (status == L2O_OK) assert_int_equal(report.updates, 2);
    l2o_optimizer_free(optimizer);
    return status;
}

static void test_adaptation(void **state) {
    (void)state;
    assert_true(try_each(TINY "problem=lasso adaptation-updates=2 evaluation-steps=3", 1, adapt) > 40);
    assert_true(try_each(TINY "problem=logistic adaptation-updates=2 evaluation-steps=3 keep=best "
                              "adaptation-rates=0.01/0.1 adaptation-warmup=2 held-out-draws=2",
                         1, adapt) > 40);
}

static l2o_status solve(l2o_context *context, l2o_settings *settings) {
    l2o_problem *problem = NULL;
    l2o_optimizer *optimizer = NULL;
    l2o_solution *solution = NULL;
    l2o_status status = l2o_problem_create(context, settings, &problem);
    if (status == L2O_OK) status = l2o_optimizer_create(context, settings, &optimizer);
    if (status == L2O_OK) status = l2o_solve(context, problem, optimizer, settings, &solution);
    assert_int_equal(status == L2O_OK, solution != NULL);
    l2o_solution_free(solution);
    l2o_optimizer_free(optimizer);
    l2o_problem_free(problem);
    return status;
}

static void test_solving(void **state) {
    (void)state;
    assert_true(try_each("problem=lasso n=3 batch=3 optimizer=fista steps=30", 1, solve) > 15);
    assert_true(try_each("problem=lasso n=3 batch=3 optimizer=cd certificate=exact", 1, solve) > 15);
    assert_true(try_each("problem=lasso n=3 batch=3 shared-A=yes optimizer=hyperlista:depth=2 steps=5", 1, solve) > 15);
    assert_true(try_each("problem=rosenbrock batch=3 optimizer=rnnprop:hidden=2 steps=30", 1, solve) > 15);
}

static l2o_status check(l2o_context *context, l2o_settings *settings) {
    l2o_problem *problem = NULL;
    l2o_optimizer *optimizer = NULL;
    l2o_derivative_check *made = NULL;
    l2o_status status = l2o_problem_create(context, settings, &problem);
    if (status == L2O_OK) status = l2o_optimizer_create(context, settings, &optimizer);
    if (status == L2O_OK) status = l2o_check_derivatives(context, problem, optimizer, 1, &made);
    if (status == L2O_OK) assert_int_equal(l2o_derivative_check_failed(made), 0);
    l2o_derivative_check_free(made);
    l2o_optimizer_free(optimizer);
    l2o_problem_free(problem);
    return status;
}

static void test_derivative_checks(void **state) {
    (void)state;
    assert_true(try_each(TINY "problem=quadratic optimizer=rnnprop", 1, check) > 15);
}

static l2o_status vectors(l2o_context *context, l2o_settings *settings) {
    (void)settings;
    int failed;
    char path[160];
    snprintf(path, sizeof path, "%s/v.npz", place.path);
    l2o_status status = l2o_check_vectors(context, path, "float64", NULL, NULL, &failed);
    if (status == L2O_OK) assert_int_equal(failed, 0);
    return status;
}

/* Names whose values follow from the weights alone, so that they can be written down here; everything is recomputed. */
static void write_vectors(bool tasks) {
    enum { BATCH = 2, N = 2, HIDDEN = 2, WEIGHTS = 4 * HIDDEN + 1 + 8 * HIDDEN * HIDDEN + 4 * HIDDEN };
    static double steps[1] = {2}, batch[1] = {BATCH}, lambda[1] = {0.1}, a[BATCH * N * N] = {1, 2, 3, 4, 5, 6, 7, 9},
                  b[BATCH * N] = {1, 0, 2, 1}, x0[BATCH * N] = {0.1, 0.2, -0.3, 0.4}, phi[WEIGHTS];
    for (int i = 0; i < WEIGHTS; i++) phi[i] = 0.1 * (i % 7) - 0.2;
    array arrays[] = {
        {.name = "T", .rank = 0, .count = 1, .values = steps},
        {.name = "B", .rank = 0, .count = 1, .values = batch},
        {.name = "lam", .rank = 0, .count = 1, .values = lambda},
        {.name = tasks ? "A0" : "A", .rank = 3, .shape = {BATCH, N, N}, .count = BATCH * N * N, .values = a},
        {.name = tasks ? "b0" : "b", .rank = 2, .shape = {BATCH, N}, .count = BATCH * N, .values = b},
        {.name = tasks ? "x0_0" : "x0", .rank = 2, .shape = {BATCH, N}, .count = BATCH * N, .values = x0},
        {.name = "phi_flat", .rank = 1, .shape = {WEIGHTS}, .count = WEIGHTS, .values = phi},
        {.name = "phi_W0", .rank = 2, .shape = {2, HIDDEN}, .count = 2 * HIDDEN, .values = phi},
    };
    l2o_error error = {0};
    char path[160];
    snprintf(path, sizeof path, "%s/v.npz", place.path);
    if (npz_write(path, arrays, sizeof arrays / sizeof *arrays, false, &error) != L2O_OK) fail_msg("%s", error.text);
}

static void test_vectors(void **state) {
    (void)state;
    write_vectors(false);
    assert_true(try_each("", 1, vectors) > 100);
    write_vectors(true);
    assert_true(try_each("", 1, vectors) > 100);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_context_and_settings), TEST(test_optimizers), TEST(test_weights_files), TEST(test_training),
        TEST(test_training_layers),      TEST(test_resuming),   TEST(test_adaptation),    TEST(test_solving),
        TEST(test_derivative_checks),    TEST(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
