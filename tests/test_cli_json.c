/* What `l2o ... --json` prints is one JSON document with the documented keys; and a recorded vector with one number
 * changed makes `l2o check --vectors` fail. Runs the tool that is built beside this test. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/json.h"
#include "io/npz.h"

static char folder[] = "/tmp/l2o-cli-json-XXXXXX";
static const char recorded[] = "tests/data/vectors.npz";
#define TINY "--problem lasso --n 3 --batch 4 "

/* Runs `l2o WORDS` with @ replaced by the test's folder; gives its standard output and exit code. */
static int run(const char *words, buffer *out) {
    l2o_error error = {0};
    const char *build = getenv("L2O_BUILD_DIR");
    char arguments[1024], line[2048], chunk[4096];
    for (size_t at = 0, used = 0;; at++) {
        if (words[at] == '@')
            used += (size_t)snprintf(arguments + used, sizeof arguments - used, "%s", folder);
        else
            arguments[used++] = words[at];
        if (words[at] == '\0') break;
    }
    snprintf(line, sizeof line, "'%s/l2o' %s 2>/dev/null </dev/null", build != NULL ? build : "build", arguments);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    *out = (buffer){0};
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, pipe)) > 0;)
        assert_int_equal(buffer_append(out, chunk, got, &error), L2O_OK);
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static json_t *run_json(int code, const char *words) {
    buffer out;
    l2o_error error = {0};
    json_t *document = NULL;
    assert_int_equal(run(words, &out), code);
    if (json_parse(out.bytes, out.size, words, &document, &error) != L2O_OK) fail_msg("%s", error.text);
    buffer_free(&out);
    return document;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL) fail_msg("'%s' is no text", key);
    return text;
}

static json_int_t whole_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value)) fail_msg("'%s' is no whole number", key);
    return json_integer_value(value);
}

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) fail_msg("'%s' is no number", key);
    return json_number_value(value);
}

static void test_training(void **state) {
    (void)state;
    json_t *train = run_json(0, "train --json " TINY "--layers 1 --hidden 4 --unroll 4 --stages 1,2 --stage-draws 4,3 "
                                "--evaluate-every 2 --out @/w.safetensors");
    assert_string_equal(text_of(train, "command"), "train");
    assert_true(whole_of(train, "updates") > 0);
    assert_true(json_is_true(json_object_get(train, "finished")));
    assert_string_equal(text_of(json_object_get(train, "settings"), "hidden"), "4");
    struct stat information;
    assert_int_equal(stat(text_of(train, "weights"), &information), 0);
    assert_int_equal(stat(text_of(train, "log"), &information), 0);
    json_decref(train);

    json_t *adapt = run_json(0, "adapt --json " TINY "--A normal:10 --weights @/w.safetensors --unroll 4 "
                                "--evaluation-steps 10 --out @/a.safetensors");
    assert_int_equal(whole_of(adapt, "updates"), 5);
    assert_int_equal(whole_of(adapt, "kept_update"), 5);
    assert_true(number_of(json_object_get(adapt, "before"), "minimum") != 0);
    assert_true(number_of(json_object_get(adapt, "after"), "minimum") ==
                number_of(json_object_get(adapt, "kept"), "minimum"));
    assert_true(number_of(adapt, "rate") == 0.001);
    assert_int_equal(json_array_size(json_object_get(adapt, "trials")), 1);
    assert_true(number_of(json_array_get(json_object_get(adapt, "trials"), 0), "rate") == 0.001);
    assert_true(number_of(adapt, "gradient_evaluations") > 0 && number_of(adapt, "measuring_evaluations") > 0);
    json_decref(adapt);

    json_t *info = run_json(0, "info --json @/a.safetensors");
    assert_string_equal(text_of(json_object_get(info, "architecture"), "optimizer"), "rnnprop");
    assert_true(json_array_size(json_object_get(info, "tensors")) >= 6);
    json_decref(info);

    json_t *solve = run_json(0, "solve --json " TINY "--weights @/a.safetensors --steps 5");
    assert_int_equal(json_array_size(json_object_get(solve, "results")), 4);
    json_decref(solve);
}

static void test_solve(void **state) {
    (void)state;
    json_t *solve = run_json(0, "solve --json " TINY "--optimizer fista --dtype float64 --steps 100000 --out @/x.npz");
    assert_int_equal(whole_of(solve, "instances"), 4);
    assert_int_equal(whole_of(solve, "dimension"), 3);
    assert_int_equal(whole_of(json_object_get(solve, "counts"), "solved-gap"), 4);
    npz saved;
    l2o_error error = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/x.npz", folder);
    assert_int_equal(npz_read(path, &saved, &error), L2O_OK);
    const array *x = npz_find(&saved, "x"), *value = npz_find(&saved, "value"), *gap = npz_find(&saved, "gap");
    assert_true(x != NULL && value != NULL && gap != NULL);
    assert_int_equal(x->count, 12);
    for (size_t i = 0; i < 4; i++) {
        const json_t *result = json_array_get(json_object_get(solve, "results"), i);
        assert_string_equal(text_of(result, "status"), "solved-gap");
        assert_true(number_of(result, "value") == value->values[i]);
        assert_true(number_of(result, "gap") == gap->values[i]);
        assert_true(gap->values[i] >= 0 && whole_of(result, "steps") > 0);
    }
    npz_free(&saved);
    json_decref(solve);

    /* What is not finite is null: JSON has no other word for it. */
    solve = run_json(1, "solve --json --problem quadratic --n 3 --batch 4 --optimizer sgd:rate=1e20 --steps 500");
    assert_int_equal(whole_of(json_object_get(solve, "counts"), "diverged"), 4);
    json_decref(solve);
}

static void test_compare(void **state) {
    (void)state;
    json_t *printed = run_json(0, "compare --json --optimizers ista,fista " TINY "--steps 10 --runs 2 --out @/t.json");
    l2o_error error = {0};
    json_t *written;
    char path[256];
    snprintf(path, sizeof path, "%s/t.json", folder);
    assert_int_equal(json_read_file(path, &written, &error), L2O_OK);
    assert_true(json_equal(printed, written));
    json_decref(printed);
    json_decref(written);
}

static void test_lists(void **state) {
    (void)state;
    static const char *const kinds[] = {"problems", "optimizers", "estimators", "meta-losses", "presets", "kernels"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char words[64];
        snprintf(words, sizeof words, "list --json %s", kinds[i]);
        json_t *list = run_json(0, words);
        assert_true(json_array_size(list) >= 2);
        text_of(json_array_get(list, 0), "name");
        text_of(json_array_get(list, 0), "summary");
        json_decref(list);
    }
    json_t *settings = run_json(0, "list --json settings");
    assert_true(json_array_size(settings) > 50);
    for (size_t i = 0; i < json_array_size(settings); i++) {
        text_of(json_array_get(settings, i), "table");
        text_of(json_array_get(settings, i), "help");
    }
    json_decref(settings);
}

static void test_checks(void **state) {
    (void)state;
    json_t *check = run_json(0, "check --json " TINY "--hidden 3");
    assert_int_equal(whole_of(check, "failed"), 0);
    assert_true(json_array_size(json_object_get(check, "checks")) >= 6);
    json_decref(check);
}

/* Copies the recorded vectors with `change` added to the middle number of one array. */
static void alter(const char *name, double change, char *path, size_t size) {
    npz file;
    l2o_error error = {0};
    if (npz_read(recorded, &file, &error) != L2O_OK) fail_msg("%s", error.text);
    for (size_t i = 0; i < file.count; i++)
        if (strcmp(file.arrays[i].name, name) == 0) file.arrays[i].values[file.arrays[i].count / 2] += change;
    snprintf(path, size, "%s/altered.npz", folder);
    assert_int_equal(npz_write(path, file.arrays, file.count, true, &error), L2O_OK);
    npz_free(&file);
}

static void test_altered_vectors(void **state) {
    (void)state;
    static const char *const names[] = {"f_traj", "loss", "g_traj", "delta_traj", "final_x", "grad1_flat"};
    char path[256];
    alter("f_traj", 0, path, sizeof path);
    json_t *check = run_json(0, "check --json --vectors @/altered.npz");
    assert_int_equal(whole_of(check, "compared"), 8);
    assert_int_equal(whole_of(check, "not_compared"), 1);
    assert_int_equal(whole_of(check, "failed"), 0);
    json_decref(check);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        alter(names[i], 1e-3, path, sizeof path);
        check = run_json(1, "check --json --vectors @/altered.npz");
        assert_int_equal(whole_of(check, "failed"), 1);
        const json_t *list = json_object_get(check, "vectors");
        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *vector = json_array_get(list, k);
            bool compared = json_is_true(json_object_get(vector, "compared"));
            bool altered = strcmp(text_of(vector, "name"), names[i]) == 0;
            if (compared) assert_true(json_is_true(json_object_get(vector, "passed")) == !altered);
        }
        json_decref(check);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) { /* one NaN among numbers that agree */
        alter(names[i], NAN, path, sizeof path);
        json_decref(run_json(1, "check --json --vectors @/altered.npz"));
    }
    buffer out;
    assert_int_equal(run("check --vectors @/altered.npz", &out), 1);
    assert_non_null(strstr(out.bytes, "FAIL"));
    buffer_free(&out);
}

static void test_errors_print_nothing(void **state) {
    (void)state;
    buffer out;
    assert_int_equal(run("solve --json --optimizer nothing", &out), 2);
    assert_int_equal(out.size, 0);
    buffer_free(&out);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    char line[128];
    snprintf(line, sizeof line, "rm -r '%s'", folder);
    return system(line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_solve),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_altered_vectors),
        cmocka_unit_test(test_errors_print_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
