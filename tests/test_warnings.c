/* What is said aloud: weights used far outside the problems they know, and measurements on what was adapted to. */
#include "l2o/compare.h"
#include "l2o/solve.h"
#include "training.h"

typedef struct messages {
    int count;
    char last[1024], far[1024]; /* of all, and of those that name a range */
} messages;

static void keep(void *user, const char *text) {
    messages *kept = user;
    kept->count++;
    snprintf(kept->last, sizeof kept->last, "%s", text);
    if (strstr(text, "is far from") != NULL) snprintf(kept->far, sizeof kept->far, "%s", text);
}

typedef struct bench {
    directory place;
    messages heard;
    l2o_context *context;
    l2o_optimizer *optimizer;
    char weights[160];
} bench;

#define TRAINED                                                                                                        \
    TRAINING_TINY "problem=lasso A=normal:0.1 stages=1 stage-draws=3 evaluate-every=1 "                                \
                  "evaluation-draws=1 "

static int setup(void **state) {
    bench *self = calloc(1, sizeof *self);
    assert_non_null(self);
    directory_create(&self->place);
    self->context = training_context(1);
    l2o_context_on_message(self->context, keep, &self->heard);
    snprintf(self->weights, sizeof self->weights, "%s/w.safetensors", self->place.path);
    l2o_settings *settings = training_settings(TRAINED);
    l2o_training_report report;
    if (l2o_train(self->context, settings, self->weights, NULL, NULL, &report) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    settings_free(settings);
    *state = self;
    return 0;
}

static int teardown(void **state) {
    bench *self = *state;
    l2o_context_free(self->context);
    directory_remove(&self->place);
    free(self);
    return 0;
}

static void load(bench *self, l2o_settings *settings) {
    training_set(settings, "dtype=float64");
    assert_int_equal(settings_set(settings, "optimizer", self->weights, "test", &(l2o_error){0}), L2O_OK);
    if (l2o_optimizer_create(self->context, settings, &self->optimizer) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
}

/* How many messages a solve of `text` gives. */
static int solve(bench *self, l2o_optimizer *optimizer, const char *text) {
    l2o_settings *settings = training_settings(text);
    l2o_problem *problem;
    l2o_solution *solution;
    if (optimizer == NULL) load(self, settings);
    if (l2o_problem_create(self->context, settings, &problem) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    self->heard = (messages){0};
    if (l2o_solve(self->context, problem, optimizer != NULL ? optimizer : self->optimizer, settings, &solution) !=
        L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    l2o_solution_free(solution);
    l2o_problem_free(problem);
    if (optimizer == NULL) l2o_optimizer_free(self->optimizer);
    settings_free(settings);
    return self->heard.count;
}

static void test_solve(void **state) {
    bench *self = *state;
    if (solve(self, NULL, "problem=lasso n=2 batch=4 steps=3 A=normal:0.1") != 0) fail_msg("%s", self->heard.last);
    assert_int_equal(solve(self, NULL, "problem=lasso n=2 batch=4 steps=3 A=normal:1000"), 1);
    assert_contains(self->heard.last,
                    "warning: this problem is far from what these weights of 'rnnprop' were trained on: ");
    assert_contains(self->heard.last, "gradients at the start");
    assert_contains(self->heard.last, "curvatures");
    assert_null(strstr(self->heard.last, "dimensions"));
    assert_int_equal(solve(self, NULL, "problem=lasso n=30 batch=4 steps=3 A=normal:0.1"), 1);
    assert_contains(self->heard.last, "dimensions 30 instead of 2, ");
    assert_int_equal(solve(self, NULL, "problem=quadratic n=2 batch=4 steps=3 A=normal:0.1"), 1);
    assert_contains(self->heard.last, "problem 'quadratic' instead of lasso");
}

/* Weights adapted to a problem far off know both that and where they came from. */
static void test_adapted(void **state) {
    bench *self = *state;
    l2o_settings *settings = training_settings(TRAINING_TINY "problem=lasso A=normal:1000 adaptation-updates=2 "
                                                             "evaluation-steps=5");
    l2o_adaptation_report report;
    l2o_optimizer *optimizer;
    assert_int_equal(settings_set(settings, "optimizer", self->weights, "test", &(l2o_error){0}), L2O_OK);
    assert_int_equal(l2o_optimizer_create(self->context, settings, &optimizer), L2O_OK);
    self->heard = (messages){0};
    if (l2o_adapt(self->context, settings, optimizer, &report) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    assert_int_equal(self->heard.count, 0); /* drawn: nothing overlaps */
    settings_free(settings);
    assert_int_equal(solve(self, optimizer, "problem=lasso n=2 batch=4 steps=3 A=normal:1000"), 0);
    assert_int_equal(solve(self, optimizer, "problem=lasso n=2 batch=4 steps=3 A=normal:0.1"), 0);
    assert_int_equal(solve(self, optimizer, "problem=lasso n=2 batch=4 steps=3 A=normal:1e6"), 1);
    assert_contains(self->heard.last, "'rnnprop' were adapted on");
    /* In the file, too. */
    char path[160];
    snprintf(path, sizeof path, "%s/adapted.safetensors", self->place.path);
    assert_int_equal(l2o_optimizer_save(self->context, optimizer, path), L2O_OK);
    l2o_optimizer_free(optimizer);
    char first[160];
    memcpy(first, self->weights, sizeof first);
    memcpy(self->weights, path, sizeof path);
    assert_int_equal(solve(self, NULL, "problem=lasso n=2 batch=4 steps=3 A=normal:1000"), 0);
    memcpy(self->weights, first, sizeof first);
}

#define NETWORK "dtype=float64 batch=4 shared-A=yes A-seed=1 b=truth x0=0 "

/* Weights without matrices serve other dictionaries, each kind as far as what its numbers mean allows. */
static void test_networks(void **state) {
    bench *self = *state;
    static const struct {
        const char *optimizer, *problem, *sentence; /* of a solve: NULL where nothing is said */
    } cases[] = {
        {"alista", "problem=recovery unit-columns=yes m=6 n=12", NULL},
        {"alista", "problem=recovery unit-columns=yes m=5 n=8", NULL}, /* 1.25 */
        {"alista", "problem=recovery unit-columns=yes m=12 n=12", "on: dictionary 12 x 12 instead of 3 x 6; "},
        {"alista", "problem=recovery unit-columns=yes m=4 n=12", "on: dictionary 4 x 12 instead of 3 x 6; "},
        {"hyperlista", "problem=recovery unit-columns=yes m=5 n=9", NULL},
        {"hyperlista", "problem=recovery unit-columns=yes m=5 n=10", "on: dimensions 10 instead of 6; "},
        {"hyperlista", "problem=recovery unit-columns=yes m=2 n=3", "dimensions 3 instead of 6"},
        {"step-lista", "problem=lasso m=3 n=6 lambda=0.1 A=normal:1.05", NULL},
        {"step-lista", "problem=lasso m=3 n=6 lambda=0.1 A=normal:0.5", NULL},
        {"step-lista", "problem=lasso m=3 n=6 lambda=0.1 A=normal:1.5", "on: curvatures "},
    };
    char first[160], text[512];
    memcpy(first, self->weights, sizeof first);
    snprintf(self->weights, sizeof self->weights, "%s/network.safetensors", self->place.path);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        if (k == 0 || strcmp(cases[k].optimizer, cases[k - 1].optimizer) != 0) {
            snprintf(text, sizeof text, NETWORK "m=3 n=6 depth=2 unroll=2 stages=1 stage-draws=1 optimizer=%s %s",
                     cases[k].optimizer,
                     strcmp(cases[k].optimizer, "step-lista") == 0 ? "problem=lasso lambda=0.1"
                                                                   : "problem=recovery unit-columns=yes");
            l2o_settings *settings = training_settings(text);
            l2o_training_report report;
            if (l2o_train(self->context, settings, self->weights, NULL, NULL, &report) != L2O_OK)
                fail_msg("%s", l2o_context_error(self->context));
            settings_free(settings);
        }
        snprintf(text, sizeof text, NETWORK "steps=2 %s", cases[k].problem);
        solve(self, NULL, text);
        bool said = self->heard.far[0] != '\0';
        if (said != (cases[k].sentence != NULL)) fail_msg("case %zu: %s", k, self->heard.far);
        if (said) assert_contains(self->heard.far, cases[k].sentence);
    }
    memcpy(self->weights, first, sizeof first);
}

/* Fresh weights that were searched for know what they were searched on. */
static void test_searched(void **state) {
    bench *self = *state;
    l2o_settings *settings = training_settings(NETWORK "problem=recovery unit-columns=yes m=3 n=6 depth=2 unroll=2 "
                                                       "evaluation-steps=2 adaptation-optimizer=search "
                                                       "adaptation-updates=1 adaptation-scatter=2 "
                                                       "optimizer=hyperlista");
    l2o_adaptation_report report;
    l2o_optimizer *optimizer;
    assert_int_equal(l2o_optimizer_create(self->context, settings, &optimizer), L2O_OK);
    if (l2o_adapt(self->context, settings, optimizer, &report) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    settings_free(settings);
    solve(self, optimizer, NETWORK "steps=2 problem=recovery unit-columns=yes m=3 n=6");
    assert_string_equal(self->heard.far, "");
    solve(self, optimizer, NETWORK "steps=2 problem=recovery unit-columns=yes m=6 n=12");
    assert_contains(self->heard.far, "'hyperlista' were adapted on: dimensions 12 instead of 6; ");
    l2o_optimizer_free(optimizer);
}

static int compare(bench *self, const char *text, const char *options) {
    l2o_settings *settings = training_settings(text);
    l2o_comparison *made;
    char list[256];
    snprintf(list, sizeof list, "fista,%s%s", self->weights, options);
    assert_int_equal(settings_set(settings, "optimizers", list, "test", &(l2o_error){0}), L2O_OK);
    self->heard = (messages){0};
    if (l2o_compare(self->context, settings, NULL, NULL, &made) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    l2o_comparison_free(made);
    settings_free(settings);
    return self->heard.count;
}

/* Once for all runs, and not of what adapts. */
static void test_compare(void **state) {
    bench *self = *state;
    const char *far = "problem=lasso n=2 batch=4 steps=3 runs=3 A=normal:1000 dtype=float64 adaptation-updates=1";
    assert_int_equal(compare(self, "problem=lasso n=2 batch=4 steps=3 runs=3 A=normal:0.1 dtype=float64", ""), 0);
    assert_int_equal(compare(self, "problem=lasso n=2 batch=4 steps=3 runs=3 A=normal:1000 dtype=float64", ""), 1);
    assert_contains(self->heard.last, "curvatures");
    assert_int_equal(compare(self, far, ":adapt"), 0);
}

/* l2o_adapt on a user's instances: it says when none are held out. */
static void test_adapting_on_all(void **state) {
    bench *self = *state;
    l2o_error error = {0};
    const char *const files[] = {"a.csv", "b.csv", "one.csv"}, *const contents[] = {"1,2\n0,1\n", "1,2\n3,1\n0,2\n",
                                                                                    "1,2\n"};
    char path[3][160];
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", self->place.path, files[i]);
        assert_int_equal(file_write(path[i], contents[i], strlen(contents[i]), &error), L2O_OK);
    }
    static const struct {
        int file;
        const char *held_out, *sentence;
    } cases[] = {{1, "0.4", NULL},
                 {1, "0", "nothing is held out of 3 instances (held-out is 0), so before and after are measured on"},
                 {2, "0.4", "nothing is held out of 1 instance, so"}};
    for (size_t k = 0; k < 3; k++) {
        l2o_settings *settings = training_settings("problem=lasso unroll=2 adaptation-updates=2 evaluation-steps=5 "
                                                   "dtype=float64");
        l2o_optimizer *optimizer;
        l2o_adaptation_report report;
        assert_int_equal(settings_set(settings, "A", path[0], "test", &error), L2O_OK);
        assert_int_equal(settings_set(settings, "b", path[cases[k].file], "test", &error), L2O_OK);
        assert_int_equal(settings_set(settings, "held-out", cases[k].held_out, "test", &error), L2O_OK);
        assert_int_equal(settings_set(settings, "optimizer", self->weights, "test", &error), L2O_OK);
        assert_int_equal(l2o_optimizer_create(self->context, settings, &optimizer), L2O_OK);
        self->heard = (messages){0};
        if (l2o_adapt(self->context, settings, optimizer, &report) != L2O_OK)
            fail_msg("%s", l2o_context_error(self->context));
        if (self->heard.count != (cases[k].sentence != NULL)) fail_msg("%s", self->heard.last);
        if (cases[k].sentence != NULL) assert_contains(self->heard.last, cases[k].sentence);
        l2o_optimizer_free(optimizer);
        settings_free(settings);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solve),    cmocka_unit_test(test_adapted), cmocka_unit_test(test_networks),
        cmocka_unit_test(test_searched), cmocka_unit_test(test_compare), cmocka_unit_test(test_adapting_on_all),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
