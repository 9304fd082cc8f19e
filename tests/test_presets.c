/* Presets: which of one name is meant, what they suggest to whom, what yields, in files and in experiments; and that
 * every optimizer of a kind trains by the presets for it. */
#include "training.h"

#include "experiment/experiment.h"
#include "experiment/presets.h"
#include "optimizers/optimizer.h"
#include "optimizers/weights_file.h"

static void apply(l2o_settings *settings, const char *name) {
    l2o_error error = {0};
    if (preset_apply(settings, name, settings, &error) != L2O_OK) fail_msg("%s", error.text);
}

static void assert_value(const l2o_settings *settings, const char *name, const char *expected) {
    const char *value = settings_peek(settings, name);
    if (value == NULL || strcmp(value, expected) != 0)
        fail_msg("%s is %s instead of %s", name, value == NULL ? "unset" : value, expected);
}

/* Every preset is for a kind of optimizer, and no two of one name are for the same one. */
static void test_all(void **state) {
    (void)state;
    static const char *const optimizers[] = {"rnnprop", "alista"};
    const char *name, *other, *summary, *reference;
    int count = 0, for_one_kind = 0;
    for (; preset_at(count) != NULL; count++) {
        const preset *one = preset_at(count);
        int fits = 0;
        preset_describe(one, &name, &summary, &reference);
        assert_true(strlen(summary) > 20);
        assert_true(preset_fits(one, NULL));
        for (int k = 0; k < 2; k++) {
            const optimizer_ops *optimizer = optimizer_find(optimizers[k]);
            fits += preset_fits(one, optimizer);
            for (int i = 0; i < count; i++) {
                preset_describe(preset_at(i), &other, &summary, &reference);
                if (strcmp(name, other) == 0 && preset_fits(one, optimizer) && preset_fits(preset_at(i), optimizer))
                    fail_msg("two presets '%s' are for %s", name, optimizers[k]);
            }
        }
        assert_true(fits > 0);
        for_one_kind += fits == 1;
    }
    assert_true(count >= 9);
    assert_true(for_one_kind >= 8);
}

static void test_one_name_for_two_kinds(void **state) {
    (void)state;
    l2o_settings *settings = training_settings("optimizer=rnnprop");
    apply(settings, "reference");
    assert_value(settings, "estimator", "fomaml");
    assert_value(settings, "conventions", "mended");
    settings_free(settings);
    settings = training_settings("optimizer=lista:depth=4");
    apply(settings, "reference");
    assert_value(settings, "estimator", "plain");
    assert_value(settings, "conventions", "reference");
    assert_value(settings, "layer-decay-of", "gradient");
    assert_value(settings, "stage-result", "last");
    settings_free(settings);
}

static void test_values_for_some(void **state) {
    (void)state;
    static const struct {
        const char *given, *preset, *name, *value;
    } cases[] = {{"optimizer=lista problem=recovery", "default", "outer-rate", "1e-4"},
                 {"optimizer=alista problem=recovery", "default", "outer-rate", "5e-3"},
                 {"optimizer=step-lista", "default", "outer-rate", "5e-3"},
                 {"optimizer=tista", "default", "outer-rate", "5e-3"},
                 {"optimizer=tista learned-weight=yes", "default", "outer-rate", "1e-4"},
                 {"optimizer=tista:learned-weight=yes", "default", "outer-rate", "1e-4"},
                 {"optimizer=tista:learned-weight=no learned-weight=yes", "default", "outer-rate", "5e-3"},
                 {"optimizer=tista conventions=reference", "default", "outer-rate", "1e-4"},
                 {"optimizer=tista:conventions=reference", "default", "relative-rate", "no"},
                 {"optimizer=alista conventions=reference", "default", "outer-rate", "5e-3"},
                 {"optimizer=lista-cp", "default", "stage-rates", "20,8"},
                 {"optimizer=lfista", "default", "stage-rates", "40,16"},
                 {"optimizer=alista", "default", "relative-rate", "yes"},
                 {"optimizer=lista problem=recovery", "default", "meta-loss", "log-last"},
                 {"optimizer=lista problem=lasso", "default", "meta-loss", "last"},
                 {"optimizer=lista problem=lasso", "default", "layer-start", "initial"},
                 {"optimizer=lista problem=recovery", "default", "layer-start", "previous"},
                 {"optimizer=alista outer-rate=0.5", "default", "outer-rate", "0.5"},
                 {"optimizer=alista problem=recovery", "default", "layer-wise", "yes"},
                 {"optimizer=hyperlista problem=recovery", "default", "layer-wise", "no"},
                 {"optimizer=hyperlista problem=recovery", "default", "outer-rate", "1e-3"},
                 {"optimizer=step-lista tied=yes", "default", "layer-wise", "no"},
                 {"optimizer=step-lista:depth=4:tied=on", "default", "layer-wise", "no"},
                 {"optimizer=step-lista:tied=yes", "reference", "layer-wise", "no"},
                 {"optimizer=step-lista", "reference", "layer-wise", "yes"},
                 {"optimizer=hyperlista", "reference", "stages", "1"},
                 {"optimizer=lista problem=recovery", "default", "b", "uniform:-1:1"},
                 {"optimizer=lista problem=lasso", "default", "b", "truth"},
                 {"optimizer=lista problem=lasso b=normal:1", "default", "b", "normal:1"},
                 {"optimizer=lista problem=lasso A=a.npy", "default", "b", "truth"},
                 {"optimizer=lista problem=recovery", "reference", "training-draws", "400"},
                 {"optimizer=lista problem=lasso", "reference", "training-draws", "100"},
                 {"optimizer=alista problem=lasso", "reference", "outer-rate", "5e-4"},
                 {"optimizer=alista unroll=3", "reference", "unroll", "3"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        l2o_settings *settings = training_settings(cases[k].given);
        apply(settings, cases[k].preset);
        assert_value(settings, cases[k].name, cases[k].value);
        settings_free(settings);
    }
}

static void refuse(const char *given, const char *preset, const char *part) {
    l2o_error error = {0};
    l2o_settings *settings = training_settings(given);
    assert_int_equal(preset_apply(settings, preset, settings, &error), L2O_ERROR_INPUT);
    if (strstr(error.text, part) == NULL) fail_msg("'%s' is not in: %s", part, error.text);
    settings_free(settings);
}

static void test_refusals(void **state) {
    (void)state;
    refuse("optimizer=alista", "none", "there is no preset 'none'");
    refuse("optimizer=alista", "best", "the preset 'best' is for optimizers that work coordinate by coordinate");
    refuse("optimizer=rnnprop", "default", "the preset 'default' is for unrolled networks");
    refuse("optimizer=fista", "default", "and 'fista' is none");
    refuse("optimizer=lista:depth", "default", "'depth' is no option; write NAME:setting=value");
    /* An optimizer that nobody knows is for its own reader to complain about. */
    l2o_settings *settings = training_settings("optimizer=nothing");
    apply(settings, "default");
    assert_value(settings, "outer-rate", "1e-4");
    settings_free(settings);
}

/* In a file of settings the preset may stand before the optimizer, and weights say whose they are. */
static void test_files(void **state) {
    (void)state;
    static const char text[] = "preset = default\nunroll = 2\noptimizer = alista\n";
    static const char lost[] = "n = 3\npreset = default\n";
    l2o_error error = {0};
    directory place;
    directory_create(&place);
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings("");
    assert_int_equal(file_write(directory_file(&place, "run.ini"), text, sizeof text - 1, &error), L2O_OK);
    if (l2o_settings_read(context, settings, directory_file(&place, "run.ini")) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    assert_value(settings, "unroll", "2");
    assert_value(settings, "depth", "16");
    assert_value(settings, "outer-rate", "5e-3");
    settings_free(settings);

    settings = training_settings("");
    assert_int_equal(file_write(directory_file(&place, "lost.ini"), lost, sizeof lost - 1, &error), L2O_OK);
    assert_int_equal(l2o_settings_read(context, settings, directory_file(&place, "lost.ini")), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "lost.ini:2: the preset 'default' is for unrolled networks"));
    settings_free(settings);

    optimizer *made = NULL;
    settings = training_settings("problem=lasso m=3 n=4 shared-A=yes");
    assert_int_equal(optimizer_create(settings, "alista", &made, &error), L2O_OK);
    const char *path = directory_file(&place, "weights.safetensors");
    assert_int_equal(weights_file_write(made, DTYPE_FLOAT64, path, &error), L2O_OK);
    optimizer_free(made);
    assert_int_equal(settings_set(settings, "optimizer", path, "test", &error), L2O_OK);
    apply(settings, "reference");
    assert_value(settings, "conventions", "reference");
    assert_int_equal(preset_apply(settings, "best", settings, &error), L2O_ERROR_INPUT);
    settings_free(settings);
    l2o_context_free(context);
    directory_remove(&place);
}

/* What weights of a file are made of decides as well, whatever the settings say of others. */
static void test_weights_in_files(void **state) {
    (void)state;
    static const struct {
        const char *spec, *name, *value;
    } cases[] = {{"tista:learned-weight=yes", "outer-rate", "1e-4"},
                 {"tista", "outer-rate", "5e-3"},
                 {"step-lista:tied=yes", "layer-wise", "no"},
                 {"step-lista", "layer-wise", "yes"}};
    l2o_error error = {0};
    directory place;
    directory_create(&place);
    const char *path = directory_file(&place, "weights.safetensors");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        l2o_settings *settings = training_settings("problem=lasso m=3 n=4 shared-A=yes depth=2");
        optimizer *made = NULL;
        if (optimizer_from_spec(settings, cases[k].spec, 0, &made, &error) != L2O_OK) fail_msg("%s", error.text);
        assert_int_equal(weights_file_write(made, DTYPE_FLOAT64, path, &error), L2O_OK);
        optimizer_free(made);
        assert_int_equal(settings_set(settings, "optimizer", path, "test", &error), L2O_OK);
        apply(settings, "default");
        assert_value(settings, cases[k].name, cases[k].value);
        settings_free(settings);
    }
    directory_remove(&place);
}

/* In an experiment the optimizer and the problem may stand anywhere. */
static void test_experiments(void **state) {
    (void)state;
    static const char text[] = "[experiment]\ntitle = t\nkind = table\n[settings]\nproblem = recovery\n"
                               "[weights w]\npreset = reference\noptimizer = lista\npatience = 7\n"
                               "[weights v]\npreset = best\noptimizer = lista\n"
                               "[method a]\nweights = w\n[method b]\nweights = v\n[panel p]\nm = 3\n";
    l2o_error error = {0};
    experiment made;
    if (experiment_parse(text, sizeof text - 1, "test.ini", &made, &error) != L2O_OK) fail_msg("%s", error.text);
    l2o_settings *settings = NULL, *given = training_settings("layer-decay=0.5");
    if (experiment_training_settings(&made, given, &made.weights[0], &made.variants[0], NULL, 3, &settings, &error) !=
        L2O_OK)
        fail_msg("%s", error.text);
    assert_value(settings, "conventions", "reference");
    assert_value(settings, "training-draws", "400");
    assert_value(settings, "patience", "7");
    assert_value(settings, "layer-decay", "0.5");
    assert_value(settings, "seed", "3");
    settings_free(settings);
    settings = NULL;
    assert_int_equal(
        experiment_training_settings(&made, given, &made.weights[1], &made.variants[0], NULL, 3, &settings, &error),
        L2O_ERROR_INPUT);
    assert_null(settings);
    settings_free(given);
    experiment_free(&made);
}

/* A few updates of each unrolled optimizer, with supervision and without. */
static void test_unrolled_networks_train(void **state) {
    (void)state;
    static const char *const problems[] = {"recovery", "lasso"};
    l2o_context *context = training_context(1);
    directory place;
    directory_create(&place);
    int trained = 0;
    for (int i = 0; optimizer_at(i) != NULL; i++)
        for (int k = 0; k < 4 && optimizer_at(i)->unrolled; k++) {
            bool reference = k / 2 == 1;
            char given[256];
            snprintf(given, sizeof given,
                     "optimizer=%s problem=%s m=5 n=8 batch=6 depth=2 unroll=2 training-draws=2 stage-draws=2 "
                     "evaluate-every=1 evaluation-draws=1",
                     optimizer_at(i)->name, problems[k % 2]);
            l2o_settings *settings = training_settings(given);
            apply(settings, reference ? "reference" : "default");
            l2o_training_report report;
            if (l2o_train(context, settings, directory_file(&place, "w.safetensors"), NULL, NULL, &report) != L2O_OK)
                fail_msg("%s: %s", given, l2o_context_error(context));
            assert_true(report.finished);
            assert_true(report.updates >= 2);
            trained++;
            settings_free(settings);
        }
    assert_true(trained >= 40);
    directory_remove(&place);
    l2o_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_one_name_for_two_kinds),
        cmocka_unit_test(test_values_for_some),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_weights_in_files),
        cmocka_unit_test(test_experiments),
        cmocka_unit_test(test_unrolled_networks_train),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
