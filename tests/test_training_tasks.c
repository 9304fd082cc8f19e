/* The list of tasks of meta-training: what it is read as, that its tasks train like the components of a mixture, that
 * evaluations cover all of them, what optimizers hold of the tasks' dictionaries, and refusals. */
#include <math.h>

#include "io/npy.h"
#include "io/safetensors.h"
#include "meta/training_tasks.h"
#include "problems/linear_model.h"
#include "problems/problem.h"
#include "training_place.h"

static training_tasks parse(const char *text) {
    training_tasks tasks;
    l2o_error error = {0};
    if (training_tasks_parse(text, "list", 4, &tasks, &error) != L2O_OK) fail_msg("%s", error.text);
    return tasks;
}

static void assert_setting(const training_tasks *tasks, int task, int index, const char *name, const char *value) {
    assert_string_equal(tasks->task[task].settings[index].name, name);
    assert_string_equal(tasks->task[task].settings[index].value, value);
}

static void test_parser(void **state) {
    (void)state;
    training_tasks tasks = parse(" density = 0.05|snr=30 ,density=0.1 | A=mix:N(0,1),N(0,2),x0=0,1,");
    assert_int_equal(tasks.count, 3);
    assert_int_equal(tasks.task[0].count, 1);
    assert_setting(&tasks, 0, 0, "density", "0.05");
    assert_int_equal(tasks.task[1].count, 2);
    assert_setting(&tasks, 1, 0, "snr", "30");
    assert_setting(&tasks, 1, 1, "density", "0.1");
    assert_int_equal(tasks.task[2].count, 2);
    assert_setting(&tasks, 2, 0, "A", "mix:N(0,1),N(0,2)");
    assert_setting(&tasks, 2, 1, "x0", "0,1,");
    assert_string_equal(tasks.task[1].origin, "list, 'snr=30 ,density=0.1'");
    training_tasks_free(&tasks);
    tasks = parse("a=");
    assert_setting(&tasks, 0, 0, "a", "");
    training_tasks_free(&tasks);
    static const char *const wrong[][2] = {{"", "'' is not SETTING=VALUE"},
                                           {"a=1||b=2", "list, '': ''"},
                                           {"a=1|", "list, ''"},
                                           {"|a=1", "list, ''"},
                                           {"density", "'density' is not"},
                                           {"=1", "'=1' is not"},
                                           {",a=1", "'' is not SETTING=VALUE"},
                                           {"a=1,a=2", "'a' stands twice"},
                                           {"a=1|b=1|c=1|d=1|e=1", "more than 4"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        l2o_error error = {0};
        assert_int_equal(training_tasks_parse(wrong[i][0], "list", 4, &tasks, &error), L2O_ERROR_INPUT);
        assert_contains(error.text, wrong[i][1]);
        training_tasks_free(&tasks);
    }
}

static bool same_weights(const char *a, const char *b) {
    l2o_error error = {0};
    char path[160];
    safetensors *first = safetensors_read(named(a, ".safetensors", path), &error);
    safetensors *second = safetensors_read(named(b, ".safetensors", path), &error);
    assert_true(first != NULL && second != NULL && first->count == second->count);
    bool same = true;
    for (size_t k = 0; k < first->count; k++)
        same &= memcmp(first->tensors[k].data, second->tensors[k].data, first->tensors[k].bytes) == 0;
    safetensors_free(first);
    safetensors_free(second);
    return same;
}

#define RECIPE                                                                                                         \
    TRAINING_TINY "problem=lasso stages=1,2 stage-draws=3,2 evaluate-every=2 evaluation-draws=2 checkpoint-seconds=0 "

/* The components of a mixture as a list of tasks: the same draws, gradients and evaluations, for every estimator. */
static void test_same_as_components(void **state) {
    (void)state;
    static const char *const estimators[] = {"estimator=fomaml ", "estimator=maml ", "estimator=plain "};
    for (size_t i = 0; i < 3; i++) {
        char text[512];
        l2o_training_report mixture, list;
        snprintf(text, sizeof text, RECIPE "%s A=mix:normal:0.1,normal:1 tasks=components", estimators[i]);
        train(1, text, "mixture", &mixture);
        snprintf(text, sizeof text, RECIPE "%s training-tasks=A=normal:0.1|A=normal:1", estimators[i]);
        train(2, text, "list", &list);
        assert_true(mixture.best_validation == list.best_validation);
        assert_true(mixture.gradient_evaluations == list.gradient_evaluations);
        assert_true(same_weights("mixture", "list"));
        snprintf(text, sizeof text, RECIPE "%s training-tasks=A=normal:1|A=normal:0.1", estimators[i]);
        train(1, text, "list", &list);
        assert_false(same_weights("mixture", "list")); /* draws belong to the task's number */
        /* Each task may be a mixture of its own. */
        snprintf(text, sizeof text, RECIPE "%s training-tasks=A=mix:normal:0.1,normal:1 tasks=components",
                 estimators[i]);
        train(1, text, "list", &list);
        assert_true(same_weights("mixture", "list"));
    }
}

#define SPARSE                                                                                                         \
    "problem=recovery m=6 n=10 batch=4 shared-A=yes A-seed=3 unit-columns=yes dtype=float64 unroll=3 meta-loss=last "  \
    "stages=1 evaluate-every=0 seed=5 "

/* The loss of the first draw, with weights that do not move. */
static double first_loss(const char *optimizer, const char *more, const char *list) {
    char text[512], path[160];
    l2o_training_report report;
    buffer log = {0};
    snprintf(text, sizeof text, SPARSE "optimizer=%s depth=3 estimator=plain outer-rate=0 stage-draws=1 %s %s",
             optimizer, more, list);
    train(1, text, "w", &report);
    training_read(named("w", ".log.jsonl", path), &log);
    const char *at = strstr(buffer_text(&log), "\"loss\":");
    assert_non_null(at);
    double loss = strtod(at + 7, NULL);
    buffer_free(&log);
    return loss;
}

/* What is analytic of a dictionary is each task's own: with it, and numbers that do not depend on the dictionary, a
 * task's loss is that of the optimizer made for its dictionary. What is learned begins with the dictionary of the
 * training's own settings: for lista-cp, whose matrix that is, it is another loss. */
static void test_dictionaries(void **state) {
    (void)state;
    static const struct {
        const char *optimizer, *more;
        bool analytic;
    } cases[] = {{"alista", "initial-lambda=0", true},
                 {"hyperlista", "density=0.3", true},
                 {"lista-cp", "initial-lambda=0", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double own = first_loss(cases[i].optimizer, cases[i].more, "A-seed=4");
        double listed = first_loss(cases[i].optimizer, cases[i].more, "training-tasks=A-seed=4");
        double first = first_loss(cases[i].optimizer, cases[i].more, "training-tasks=A-seed=3");
        double pair = first_loss(cases[i].optimizer, cases[i].more, "training-tasks=A-seed=3|A-seed=4");
        assert_true(isfinite(own) && own > 0 && listed > 0 && first > 0);
        assert_int_equal(own == listed, cases[i].analytic);
        assert_true(pair > 0 && pair != first && pair != listed); /* the mean of both, with other draws in the second */
    }
}

/* The noise of a shifted dictionary: another one by its seed, none by default. */
static void test_perturbation_seed(void **state) {
    (void)state;
    static const char *const texts[] = {"A-perturbation=0", "A-perturbation=0.1",
                                        "A-perturbation=0.1 A-perturbation-seed=0",
                                        "A-perturbation=0.1 A-perturbation-seed=1"};
    double a[4][12];
    for (int k = 0; k < 4; k++) {
        char text[256];
        l2o_error error = {0};
        problem *problem;
        snprintf(text, sizeof text, "problem=recovery m=3 n=4 batch=1 shared-A=yes dtype=float64 A-seed=3 %s",
                 texts[k]);
        l2o_settings *settings = training_settings(text);
        assert_int_equal(problem_create(settings, COMPONENT_ALL, &problem, &error), L2O_OK);
        assert_int_equal(problem_sample(problem, 0, STREAM_TRAINING, 0, 0, &error), L2O_OK);
        memcpy(a[k], problem->model->a, sizeof a[k]);
        problem_free(problem);
        settings_free(settings);
    }
    assert_memory_equal(a[1], a[2], sizeof a[1]);
    double along = 0, first = 0, second = 0;
    for (int i = 0; i < 12; i++) {
        assert_true(a[1][i] != a[0][i] && a[3][i] != a[1][i]);
        along += (a[1][i] - a[0][i]) * (a[3][i] - a[0][i]);
        first += pow(a[1][i] - a[0][i], 2);
        second += pow(a[3][i] - a[0][i], 2);
    }
    assert_true(fabs(along) < 0.9 * sqrt(first * second));
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"density=0.05|snr=x", "training-tasks, 'snr=x': 'snr' takes a number, not 'x'"},
        {"densty=0.1", "training-tasks, 'densty=0.1': there is no setting 'densty'; did you mean 'density'?"},
        {"depth=2", "recovery, and tasks differ in their problems alone; set it outside training-tasks"},
        {"problem=lazzo", "no family 'lazzo'"},
        {"density=0.1|batch=5", "training-tasks, 'batch=5': this task has batch = 5, n = 10, m = 6"},
        {"density=0.1|n=11", "n = 11, m = 6 and float64, but the first has batch = 4, n = 10"},
        {"density=0.1|m=7", "set batch, n, m and dtype for all tasks alike, outside training-tasks"},
        {"density=0.1|dtype=float32", "float32, but the first"},
        {"A-perturbation-seed=1", "'A-perturbation-seed' (1) is not used by the problem of this task"},
        {"b=uniform:-1:1", "training-tasks, 'b=uniform:-1:1': recovery measures"},
        {"density=0.1,", "'density' takes a number, not '0.1,'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[512], path[160];
        l2o_context *context = training_context(1);
        l2o_training_report report;
        snprintf(text, sizeof text, SPARSE "optimizer=alista depth=3 stage-draws=1 training-tasks=%s", wrong[i][0]);
        l2o_settings *settings = training_settings(text);
        assert_int_equal(l2o_train(context, settings, named("w", ".safetensors", path), NULL, NULL, &report),
                         L2O_ERROR_INPUT);
        assert_contains(l2o_context_error(context), wrong[i][1]);
        assert_false(file_exists(path));
        l2o_settings_free(settings);
        l2o_context_free(context);
    }
}

/* With the file that changed named. */
static void assert_not_resumed(const char *text, const char *sentence) {
    char path[160];
    l2o_training_report report;
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings(text);
    assert_int_equal(l2o_train(context, settings, named("w", ".safetensors", path), NULL, NULL, &report),
                     L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), sentence);
    l2o_settings_free(settings);
    l2o_context_free(context);
}

/* The tasks' own files are among what a resumption must find unchanged. */
static void test_files_of_tasks(void **state) {
    (void)state;
    l2o_error error = {0};
    double numbers[6] = {1, 2, 3, 4, 5, 6.5};
    array a = {.rank = 2, .shape = {3, 2}, .count = 6, .values = numbers};
    char text[512];
    assert_int_equal(npy_write(directory_file(&place, "A.npy"), &a, &error), L2O_OK);
    snprintf(text, sizeof text, RECIPE "m=3 b=truth estimator=fomaml training-tasks=A=normal:1|A=%s/A.npy", place.path);
    l2o_training_report report;
    train(1, text, "w", &report);
    strcat(text, " resume=yes");
    train(1, text, "w", &report);
    assert_true(report.resumed);
    numbers[0] = 7;
    assert_int_equal(npy_write(directory_file(&place, "A.npy"), &a, &error), L2O_OK);
    assert_not_resumed(text, "checksum of A of task 2");
}

/* The x* that training is judged by is data like A and b. */
static void test_file_of_truth(void **state) {
    (void)state;
    l2o_error error = {0};
    double a[6] = {1, 2, 3, 4, 5, 6.5}, b[12], truth[8];
    for (int i = 0; i < 12; i++) b[i] = 0.1 * (i - 5);
    for (int i = 0; i < 8; i++) truth[i] = 0.2 * (i % 3);
    array arrays[] = {{.rank = 2, .shape = {3, 2}, .count = 6, .values = a},
                      {.rank = 2, .shape = {4, 3}, .count = 12, .values = b},
                      {.rank = 2, .shape = {4, 2}, .count = 8, .values = truth}};
    static const char *const names[] = {"A.npy", "b.npy", "truth.npy"};
    char text[1024];
    for (int k = 0; k < 3; k++)
        assert_int_equal(npy_write(directory_file(&place, names[k]), &arrays[k], &error), L2O_OK);
    snprintf(text, sizeof text,
             "problem=recovery batch=2 optimizer=lista-cp:depth=2 unroll=2 estimator=plain meta-loss=last stages=1 "
             "stage-draws=2 evaluate-every=0 A=%s/A.npy b=%s/b.npy truth=%s/truth.npy",
             place.path, place.path, place.path);
    l2o_training_report report;
    train(1, text, "w", &report);
    strcat(text, " resume=yes");
    train(1, text, "w", &report);
    assert_true(report.resumed);
    truth[0] = 7;
    assert_int_equal(npy_write(directory_file(&place, "truth.npy"), &arrays[2], &error), L2O_OK);
    assert_not_resumed(text, "checksum of truth");
}

/* So are the weights that training began with. */
static void test_file_of_weights(void **state) {
    (void)state;
    char text[512];
    l2o_training_report report;
    train(1, RECIPE "seed=1", "first", &report);
    snprintf(text, sizeof text, RECIPE "optimizer=%s/first.safetensors:hidden=3", place.path);
    train(1, text, "w", &report);
    strcat(text, " resume=yes");
    train(1, text, "w", &report);
    assert_true(report.resumed);
    train(1, RECIPE "seed=2", "first", &report);
    assert_not_resumed(text, "checksum of optimizer");
    /* The result may take the file's place: the training that has ended is known again. */
    snprintf(text, sizeof text, RECIPE "optimizer=%s/first.safetensors:hidden=3", place.path);
    train(1, text, "first", &report);
    assert_false(report.resumed);
    strcat(text, " resume=yes");
    train(1, text, "first", &report);
    assert_true(report.resumed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parser),
        cmocka_unit_test_setup_teardown(test_same_as_components, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dictionaries, setup, teardown),
        cmocka_unit_test(test_perturbation_seed),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_of_tasks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_of_truth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_of_weights, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
