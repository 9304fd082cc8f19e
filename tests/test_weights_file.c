/* Files of weights: bits that come back, what their metadata say, and everything that must be refused. */
#include <jansson.h>
#include <math.h>
#include <sys/stat.h>

#include "io/safetensors.h"
#include "optimizers/weights_file.h"
#include "training.h"

static directory place;
static l2o_error error;

static int setup(void **state) {
    (void)state;
    directory_create(&place);
    error_clear(&error);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    directory_remove(&place);
    return 0;
}

static optimizer *make(const char *text) {
    l2o_settings *settings = training_settings(text);
    optimizer *made = NULL;
    if (optimizer_from_spec(settings, "rnnprop", 0, &made, &error) != L2O_OK) fail_msg("%s", error.text);
    settings_free(settings);
    return made;
}

static optimizer *load(const char *path, const char *text) {
    l2o_settings *settings = training_settings(text);
    optimizer *made = NULL;
    if (weights_file_read(path, settings, &made, &error) != L2O_OK) fail_msg("%s", error.text);
    settings_free(settings);
    return made;
}

static void refuse(const char *path, const char *text, const char *part) {
    l2o_settings *settings = training_settings(text);
    optimizer *made = NULL;
    assert_int_equal(weights_file_read(path, settings, &made, &error), L2O_ERROR_INPUT);
    assert_contains(error.text, part);
    assert_contains(error.text, path);
    assert_null(made);
    error_clear(&error);
    settings_free(settings);
}

static void write_weights(const optimizer *from, dtype type, const char *path) {
    if (weights_file_write(from, type, path, &error) != L2O_OK) fail_msg("%s", error.text);
}

static void test_bits_come_back(void **state) {
    (void)state;
    optimizer *made = make("layers=2 hidden=5");
    made->weights[0] = -0.0;
    made->weights[1] = 4.9e-324;
    made->weights[2] = 1.7976931348623157e308;
    const char *path = directory_file(&place, "double.safetensors");
    write_weights(made, DTYPE_FLOAT64, path);
    optimizer *back = load(path, "");
    assert_int_equal(back->weight_total, made->weight_total);
    assert_memory_equal(back->weights, made->weights, (size_t)made->weight_total * sizeof(double));
    assert_string_equal(back->ops->name, "rnnprop");
    optimizer_free(back);

    made->weights[1] = 1e-45;
    made->weights[2] = 3.4028234663852886e38;
    path = directory_file(&place, "single.safetensors");
    write_weights(made, DTYPE_FLOAT32, path);
    back = load(path, "");
    for (int64_t i = 0; i < made->weight_total; i++) {
        double expected = (double)(float)made->weights[i];
        assert_memory_equal(&back->weights[i], &expected, sizeof expected);
    }
    optimizer_free(back);
    optimizer_free(made);
}

static void test_same_bytes_for_the_same_weights(void **state) {
    (void)state;
    optimizer *made = make("hidden=4");
    char first[128];
    strcpy(first, directory_file(&place, "a.safetensors"));
    write_weights(made, DTYPE_FLOAT64, first);
    optimizer *back = load(first, "");
    write_weights(back, DTYPE_FLOAT64, directory_file(&place, "b.safetensors"));
    assert_same_files(first, place.file);
    optimizer_free(back);
    optimizer_free(made);
}

/* A reader that knows nothing but the format's definition: length, JSON, bytes. */
static void test_plain_parse(void **state) {
    (void)state;
    optimizer *made = make("layers=1 hidden=3");
    const char *path = directory_file(&place, "w.safetensors");
    write_weights(made, DTYPE_FLOAT64, path);
    buffer file = {0};
    training_read(path, &file);
    uint64_t length = 0;
    assert_true(file.size > 8);
    for (int i = 7; i >= 0; i--) length = length << 8 | (unsigned char)file.bytes[i];
    assert_true(length < file.size - 8);
    json_t *header = json_loadb(file.bytes + 8, length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(header);
    const json_t *metadata = json_object_get(header, "__metadata__");
    assert_string_equal(json_string_value(json_object_get(metadata, "format")), "l2o-weights");
    assert_string_equal(json_string_value(json_object_get(metadata, "format_version")), "1");
    assert_int_equal(json_object_size(header), 1 + made->weight_count);
    for (int k = 0; k < made->weight_count; k++) {
        const weight_layout *layout = &made->layout[k];
        const json_t *tensor = json_object_get(header, layout->name);
        assert_non_null(tensor);
        assert_string_equal(json_string_value(json_object_get(tensor, "dtype")), "F64");
        const json_t *shape = json_object_get(tensor, "shape"), *ends = json_object_get(tensor, "data_offsets");
        int64_t count = 1;
        for (size_t d = 0; d < json_array_size(shape); d++) count *= json_integer_value(json_array_get(shape, d));
        assert_int_equal(count, layout->rows * layout->columns);
        int64_t begin = json_integer_value(json_array_get(ends, 0)), end = json_integer_value(json_array_get(ends, 1));
        assert_int_equal(end - begin, count * 8);
        assert_true(8 + length + (uint64_t)end <= file.size);
        assert_memory_equal(file.bytes + 8 + length + begin, made->weights + layout->offset, (size_t)count * 8);
    }
    json_decref(header);
    buffer_free(&file);
    optimizer_free(made);
}

static void test_metadata_after_training(void **state) {
    (void)state;
    l2o_context *context = training_context(1);
    l2o_settings *settings =
        training_settings(TRAINING_TINY "problem=lasso estimator=fomaml stages=1 stage-draws=2 seed=17 "
                                        "evaluate-every=0 outer-segment=same");
    l2o_training_report report;
    const char *path = directory_file(&place, "w.safetensors");
    if (l2o_train(context, settings, path, NULL, NULL, &report) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    char *text;
    assert_int_equal(l2o_weights_describe(context, path, &text), L2O_OK);
    json_t *all = json_loads(text, 0, NULL);
    assert_non_null(all);
    assert_string_equal(json_string_value(json_object_get(all, "format")), "l2o-weights");
    assert_string_equal(json_string_value(json_object_get(all, "format_version")), "1");
    assert_string_equal(json_string_value(json_object_get(all, "seed")), "17");
    assert_contains(json_string_value(json_object_get(all, "program")), "l2o ");
    assert_contains(json_string_value(json_object_get(all, "recipe")), "fomaml");
    assert_string_equal(json_string_value(json_object_get(all, "kernel")), l2o_context_kernel(context));
    const json_t *architecture = json_object_get(all, "architecture"), *used = json_object_get(all, "settings");
    assert_string_equal(json_string_value(json_object_get(architecture, "optimizer")), "rnnprop");
    assert_string_equal(json_string_value(json_object_get(architecture, "hidden")), "3");
    assert_string_equal(json_string_value(json_object_get(architecture, "layers")), "1");
    assert_string_equal(json_string_value(json_object_get(architecture, "gradient-scale")), "batch");
    assert_string_equal(json_string_value(json_object_get(used, "outer-segment")), "same");
    assert_string_equal(json_string_value(json_object_get(used, "inner-rate")), "0.001");
    assert_null(json_object_get(used, "resume"));
    assert_null(json_object_get(used, "adaptation-updates")); /* nothing that training did not use */
    const json_t *range = json_object_get(all, "range");
    assert_string_equal(json_string_value(json_object_get(range, "problems")), "lasso");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(range, "dimension"), 0)), 2);
    const json_t *gradient = json_object_get(range, "gradient"), *curvature = json_object_get(range, "curvature");
    for (int i = 0; i < 2; i++) {
        assert_true(json_real_value(json_array_get(gradient, (size_t)i)) > 0);
        assert_true(json_real_value(json_array_get(curvature, (size_t)i)) > 0);
    }
    assert_int_equal(json_integer_value(json_object_get(all, "weights")), 4 * 3 + 1 + 8 * 9 + 4 * 3);
    json_decref(all);
    l2o_string_free(text);
    settings_free(settings);
    l2o_context_free(context);
}

/* Copies a file with one change. */
typedef enum change { CHANGE_DROP, CHANGE_EXTRA, CHANGE_SHAPE, CHANGE_NAN, CHANGE_INFINITE, CHANGE_METADATA } change;

static void alter(const char *from, change kind, const char *key, const char *value, const char *to) {
    safetensors *file = safetensors_read(from, &error), *out = safetensors_create(&error);
    assert_true(file != NULL && out != NULL);
    for (size_t i = 0; i < file->metadata_count; i++)
        assert_int_equal(safetensors_set_metadata(out, file->metadata[i].key, file->metadata[i].value, &error), L2O_OK);
    if (kind == CHANGE_METADATA && value != NULL)
        assert_int_equal(safetensors_set_metadata(out, key, value, &error), L2O_OK);
    for (size_t i = 0; i < file->count; i++) {
        safetensors_tensor *tensor = &file->tensors[i];
        bool meant = key != NULL && strcmp(tensor->name, key) == 0;
        if (meant && kind == CHANGE_DROP) continue;
        int64_t flat[1] = {tensor->count};
        if (meant && (kind == CHANGE_NAN || kind == CHANGE_INFINITE))
            ((double *)tensor->data)[tensor->count - 1] = kind == CHANGE_NAN ? NAN : -INFINITY;
        bool reshaped = meant && kind == CHANGE_SHAPE;
        assert_int_equal(safetensors_add(out, tensor->name, tensor->type, reshaped ? 1 : tensor->rank,
                                         reshaped ? flat : tensor->shape, tensor->data, &error),
                         L2O_OK);
    }
    double one = 1;
    if (kind == CHANGE_EXTRA)
        assert_int_equal(safetensors_add(out, "surplus", ELEMENT_FLOAT64, 1, (int64_t[]){1}, &one, &error), L2O_OK);
    if (safetensors_write(out, to, &error) != L2O_OK) fail_msg("%s", error.text);
    safetensors_free(file);
    safetensors_free(out);
}

/* A file to alter, and the name of what comes of it. */
static void write_good(char good[128], char bad[128]) {
    optimizer *made = make("layers=1 hidden=3");
    strcpy(good, directory_file(&place, "good.safetensors"));
    strcpy(bad, directory_file(&place, "bad.safetensors"));
    write_weights(made, DTYPE_FLOAT64, good);
    optimizer_free(made);
}

static void test_contents(void **state) {
    (void)state;
    char good[128], bad[128];
    write_good(good, bad);

    alter(good, CHANGE_DROP, "linear.b", NULL, bad);
    refuse(bad, "", "holds 5 tensors");
    alter(good, CHANGE_EXTRA, NULL, NULL, bad);
    refuse(bad, "", "holds 7 tensors");
    alter(good, CHANGE_SHAPE, "lstm_1.w_gates", NULL, bad);
    refuse(bad, "", "'lstm_1.w_gates'");
    alter(good, CHANGE_NAN, "linear.w", NULL, bad);
    refuse(bad, "", "'linear.w' holds nan at position 2");
    alter(good, CHANGE_INFINITE, "lstm_1.b_gates", NULL, bad);
    refuse(bad, "", "'lstm_1.b_gates' holds -inf at position 11");

    alter(good, CHANGE_METADATA, "format_version", "2", bad);
    refuse(bad, "", "use a newer l2o");
    alter(good, CHANGE_METADATA, "format_version", "99999999999999999999999", bad);
    refuse(bad, "", "use a newer l2o");
    alter(good, CHANGE_METADATA, "format_version", "one", bad);
    refuse(bad, "", "not a number");
    alter(good, CHANGE_METADATA, "format_version", "0", bad);
    refuse(bad, "", "not a number");
    alter(good, CHANGE_METADATA, "format", "something", bad);
    refuse(bad, "", "not a file of weights");
    alter(good, CHANGE_METADATA, "architecture", "{", bad);
    refuse(bad, "", "not valid JSON");
    alter(good, CHANGE_METADATA, "architecture", "[]", bad);
    refuse(bad, "", "no learned optimizer");
    alter(good, CHANGE_METADATA, "architecture", "{\"optimizer\":\"adam\"}", bad);
    refuse(bad, "", "no learned optimizer");
    alter(good, CHANGE_METADATA, "architecture", "{\"optimizer\":\"rnnprop\",\"hidden\":3}", bad);
    refuse(bad, "", "'hidden' is not a text");
    alter(good, CHANGE_METADATA, "architecture", "{\"optimizer\":\"rnnprop\",\"hidden\":\"-1\"}", bad);
    refuse(bad, "", "between 1 and");
    alter(good, CHANGE_METADATA, "architecture", "{\"optimizer\":\"rnnprop\",\"breadth\":\"1\"}", bad);
    refuse(bad, "", "'breadth'");
    /* The architecture of other weights: two layers. */
    alter(good, CHANGE_METADATA, "architecture",
          "{\"optimizer\":\"rnnprop\",\"hidden\":\"3\",\"layers\":\"2\",\"step-scale\":\"0.01\"}", bad);
    refuse(bad, "", "has 8");
    alter(good, CHANGE_METADATA, "architecture",
          "{\"optimizer\":\"rnnprop\",\"hidden\":\"4\",\"layers\":\"1\",\"step-scale\":\"0.01\"}", bad);
    refuse(bad, "", "the architecture wants 2 x 4");
}

/* Sizes that metadata claim cost nothing before the tensors are seen to be of them. */
static void test_claimed_sizes(void **state) {
    (void)state;
    optimizer *made;
    char good[128], bad[128];
    write_good(good, bad);
#define CLAIM "\"dictionary-rows\":\"1000000000\",\"dictionary-columns\":\"1000000000\""
    /* 2^64 and a little: counted without care they are few. */
    alter(good, CHANGE_METADATA, "architecture", "{\"optimizer\":\"lista-cp\",\"depth\":\"100\"," CLAIM "}", bad);
    refuse(bad, "",
           "the optimizer 'lista-cp' would have more weights than can be counted, with 1000000000 x 1000000000");
    alter(good, CHANGE_METADATA, "architecture", "{\"optimizer\":\"lista-cp\",\"depth\":\"1\"," CLAIM "}", bad);
    refuse(bad, "", "holds 6 tensors, but 'lista-cp' of this architecture has 2");
    l2o_settings *settings = training_settings("dictionary-rows=1 dictionary-columns=1000000000 depth=3 "
                                               "vector-threshold=yes");
    if (optimizer_create_for_file(settings, "glista", bad, &made, &error) != L2O_OK) fail_msg("%s", error.text);
    assert_true(arena_capacity(&made->memory) < 1000000 && made->weights == NULL);
    assert_string_equal(made->file, bad);
    optimizer_free(made);
    settings_free(settings);
#undef CLAIM
}

static void test_settings_that_contradict(void **state) {
    (void)state;
    optimizer *made = make("layers=1 hidden=3 step-scale=0.05");
    char path[128];
    strcpy(path, directory_file(&place, "w.safetensors"));
    write_weights(made, DTYPE_FLOAT64, path);
    optimizer_free(made);
    refuse(path, "hidden=4", "hidden = 3, but test asks for 4");
    refuse(path, "layers=2", "layers = 1");
    refuse(path, "step-scale=0.01", "step-scale = 0.05");
    refuse(path, "gradient-scale=instance", "gradient-scale = batch");
    optimizer *back = load(path, "hidden=3 layers=1 step-scale=5e-2 gradient-scale=batch"); /* they agree */
    optimizer_free(back);
    /* A preset only suggests: the file decides. */
    l2o_settings *settings = training_settings("");
    assert_int_equal(settings_suggest(settings, "hidden", "9", "preset", &error), L2O_OK);
    assert_int_equal(weights_file_read(path, settings, &back, &error), L2O_OK);
    assert_int_equal(back->layout[0].columns, 3);
    optimizer_free(back);
    /* The same through a spec with options, from a folder with a colon in its name. */
    char spec[256], odd[160];
    snprintf(odd, sizeof odd, "%s/a:b.safetensors", place.path);
    assert_int_equal(rename(path, odd), 0);
    snprintf(spec, sizeof spec, "%s:hidden=4", odd);
    back = (optimizer *)&place; /* whatever stands there is not to be freed */
    assert_int_equal(optimizer_from_spec(settings, spec, 0, &back, &error), L2O_ERROR_INPUT);
    assert_contains(error.text, "hidden = 3");
    assert_null(back);
    snprintf(spec, sizeof spec, "%s:hidden=3", odd);
    assert_int_equal(optimizer_from_spec(settings, spec, 0, &back, &error), L2O_OK);
    optimizer_free(back);
    settings_free(settings);
}

/* The forms of RNNprop's step are part of the architecture, with the defaults that follow from them. */
static void test_forms_of_the_step(void **state) {
    (void)state;
    optimizer *made = make("layers=1 hidden=3 update=momentum normalise=spectral");
    char path[128], older[128];
    strcpy(path, directory_file(&place, "w.safetensors"));
    write_weights(made, DTYPE_FLOAT64, path);
    optimizer *back = load(path, "");
    assert_int_equal(back->weight_total, made->weight_total);
    assert_memory_equal(back->weights, made->weights, (size_t)made->weight_total * sizeof(double));
    assert_int_equal(back->state_count, 5);
    json_t *architecture = json_object_get(back->provenance, "architecture");
    assert_string_equal(json_string_value(json_object_get(architecture, "step-scale")), "1");
    assert_string_equal(json_string_value(json_object_get(architecture, "step-range")), "1");
    assert_string_equal(json_string_value(json_object_get(architecture, "damping")), "3");
    assert_true(json_equal(architecture, json_object_get(made->provenance, "architecture")));
    optimizer_free(back);
    optimizer_free(made);
    back = load(path, "step-range=1.0 damping=3 update=momentum");
    optimizer_free(back);
    refuse(path, "update=step", "update = momentum, but test asks for step");
    refuse(path, "normalise=none", "normalise = spectral");
    refuse(path, "step-range=2", "step-range = 1");
    refuse(path, "damping=2", "damping = 3");
    refuse(path, "step-scale=0.01", "step-scale = 1");

    /* Weights of the paper's rule: also from before there were others. */
    made = make("layers=1 hidden=3");
    write_weights(made, DTYPE_FLOAT64, path);
    optimizer_free(made);
    strcpy(older, directory_file(&place, "older.safetensors"));
    alter(path, CHANGE_METADATA, "architecture",
          "{\"optimizer\":\"rnnprop\",\"hidden\":\"3\",\"layers\":\"1\",\"step-scale\":\"0.01\"}", older);
    for (int k = 0; k < 2; k++) {
        const char *file = k == 0 ? path : older;
        back = load(file, "update=step normalise=none");
        assert_int_equal(back->state_count, 4);
        optimizer_free(back);
        refuse(file, "update=momentum", "update");
        refuse(file, "normalise=spectral", "normalise");
    }
    refuse(path, "step-range=1", "step-range = 0");
    refuse(older, "step-range=1", "without the setting step-range, but test asks for 1");
}

static void test_specs(void **state) {
    (void)state;
    l2o_settings *settings = training_settings("seed=3");
    static const struct {
        const char *spec, *part;
    } wrong[] = {{"adam:rate", "is no option"},
                 {"adam:=1", "is no option"},
                 {"adam:rate=x", "a number"},
                 {"adam:hidden=3", "not used by this optimizer"},
                 {"adam:rat=1", "there is no setting 'rat'"},
                 {"nothing", "there is no optimizer 'nothing'"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        optimizer *made = (optimizer *)&place;
        assert_int_equal(optimizer_from_spec(settings, wrong[i].spec, 0, &made, &error), L2O_ERROR_INPUT);
        assert_contains(error.text, wrong[i].part);
        assert_null(made);
    }
    optimizer *a, *b, *c;
    assert_int_equal(optimizer_from_spec(settings, "rnnprop:hidden=4:layers=1", 0, &a, &error), L2O_OK);
    assert_int_equal(optimizer_from_spec(settings, "rnnprop:hidden=4:layers=1", 0, &b, &error), L2O_OK);
    assert_int_equal(optimizer_from_spec(settings, "rnnprop:hidden=4:layers=1", 1, &c, &error), L2O_OK);
    size_t bytes = (size_t)a->weight_total * sizeof(double);
    assert_int_equal(a->layout[0].columns, 4);
    assert_memory_equal(a->weights, b->weights, bytes);
    assert_memory_not_equal(a->weights, c->weights, bytes);
    optimizer_free(a);
    optimizer_free(b);
    optimizer_free(c);
    settings_free(settings);
}

static void test_files_that_are_none(void **state) {
    (void)state;
    optimizer *made;
    char good[128], bad[128];
    write_good(good, bad);
    buffer whole = {0};
    training_read(good, &whole);
    l2o_settings *settings = training_settings("");
    for (size_t size = 0; size < whole.size; size += size < 64 ? 1 : 37) { /* cut short anywhere */
        assert_int_equal(file_write(bad, whole.bytes, size, &error), L2O_OK);
        assert_int_equal(weights_file_read(bad, settings, &made, &error), L2O_ERROR_INPUT);
        assert_contains(error.text, bad);
        error_clear(&error);
    }
    buffer_free(&whole);
    assert_int_equal(file_write(bad, "A,b\n1,2\n", 8, &error), L2O_OK);
    refuse(bad, "", "");
    assert_int_equal(remove(bad), 0);
    assert_int_equal(weights_file_read(bad, settings, &made, &error), L2O_ERROR_IO);
    json_t *json;
    assert_int_equal(weights_file_describe(bad, &json, &error), L2O_ERROR_IO);
    settings_free(settings);
}

static void test_what_is_not_written(void **state) {
    (void)state;
    optimizer *made = make("layers=1 hidden=3");
    const char *path = directory_file(&place, "w.safetensors");
    made->weights[7] = 1e39; /* fits float64 alone */
    assert_int_equal(weights_file_write(made, DTYPE_FLOAT32, path, &error), L2O_ERROR_NUMERIC);
    assert_contains(error.text, "weight 7");
    assert_false(file_exists(path));
    write_weights(made, DTYPE_FLOAT64, path);
    made->weights[7] = NAN;
    assert_int_equal(weights_file_write(made, DTYPE_FLOAT64, path, &error), L2O_ERROR_NUMERIC);
    optimizer *back = load(path, ""); /* the old file stands */
    assert_true(back->weights[7] == 1e39);
    optimizer_free(back);
    optimizer_free(made);
    l2o_settings *settings = training_settings("");
    assert_int_equal(optimizer_from_spec(settings, "adam", 0, &made, &error), L2O_OK);
    assert_int_equal(weights_file_write(made, DTYPE_FLOAT64, path, &error), L2O_ERROR_INPUT);
    assert_contains(error.text, "hand-designed");
    optimizer_free(made);
    settings_free(settings);
    l2o_context *context = training_context(1);
    made = make("layers=1 hidden=3");
    assert_int_equal(l2o_optimizer_save(context, made, "/tmp/weights.txt"), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), ".safetensors");
    optimizer_free(made);
    l2o_context_free(context);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_bits_come_back),
        TEST(test_same_bytes_for_the_same_weights),
        TEST(test_plain_parse),
        TEST(test_metadata_after_training),
        TEST(test_contents),
        TEST(test_claimed_sizes),
        TEST(test_settings_that_contradict),
        TEST(test_forms_of_the_step),
        TEST(test_specs),
        TEST(test_files_that_are_none),
        TEST(test_what_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
