/* A user's own instances: every shape that is taken, every mismatch that is refused, and the split in two parts. */
#include <math.h>
#include <unistd.h>

#include "problem_fixture.h"
#include "problems/linear_model.h"
#include "problems/user_data.h"

static char folder[] = "/tmp/l2o-user-data-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static const char *const names[] = {"A.npy", "b.npy", "lambda.npy", "x0.npy", "truth.npy",
                                    "A.csv", "b.csv", "A.svm",      "A.mtx"};

static int remove_folder(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void write_file(const char *name, const void *bytes, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *name, const char *text) { write_file(name, text, strlen(text)); }

/* An .npy file of the shape given as NumPy writes it, "(3, 4)", whose entry i is first + i. */
static void write_npy(const char *name, const char *shape, int count, double first) {
    char bytes[128 + 8 * 4096];
    memcpy(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    memset(bytes + 10, ' ', 118);
    int length = snprintf(bytes + 10, 118, "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }", shape);
    bytes[10 + length] = ' ';
    bytes[127] = '\n';
    assert_true(count <= 4096);
    for (int i = 0; i < count; i++) {
        double value = first + i;
        memcpy(bytes + 128 + 8 * i, &value, 8);
    }
    write_file(name, bytes, 128 + 8 * (size_t)count);
}

/* Settings in which every "@" stands for the folder. */
static const char *expand(const char *text) {
    static char expanded[1024];
    size_t used = 0;
    for (; *text != '\0'; text++)
        if (*text == '@')
            used += (size_t)snprintf(expanded + used, sizeof expanded - used, "%s/", folder);
        else
            expanded[used++] = *text;
    expanded[used] = '\0';
    return expanded;
}

static void create(fixture *self, const char *settings) { fixture_create(self, expand(settings)); }

static void assert_refused(const char *settings, const char *sentence) {
    fixture self;
    if (fixture_try(&self, expand(settings), COMPONENT_ALL) == L2O_OK) fail_msg("'%s' was taken", settings);
    assert_null(self.problem);
    char wanted[1024];
    snprintf(wanted, sizeof wanted, "%s", expand(sentence));
    if (strstr(self.error.text, wanted) == NULL) fail_msg("'%s' does not say '%s'", self.error.text, wanted);
    fixture_free(&self);
}

static double a_at(const fixture *self, int64_t i) {
    return problem_load(self->problem->type, self->problem->model->a, i);
}
static double b_at(const fixture *self, int64_t i) {
    return problem_load(self->problem->type, self->problem->model->b, i);
}

/* What is dense in memory may be sparse in its file, and labels serve as b. */
static void test_sparse_vectors(void **state) {
    (void)state;
    write_npy("A.npy", "(3, 2)", 6, 1);
    write_text("b.mtx", "%%MatrixMarket matrix coordinate real general\n2 3 2\n1 2 5\n2 3 -1\n");
    write_text("x0.mtx", "%%MatrixMarket matrix coordinate real general\n1 2 1\n1 2 4\n");
    write_text("b.svm", "7 1:1\n8 1:1\n9 1:1\n");
    fixture self;
    create(&self, "A=@A.npy b=@b.mtx x0=@x0.mtx");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_int_equal(self.problem->batch, 2);
    const double b[] = {0, 5, 0, 0, 0, -1};
    for (int i = 0; i < 6; i++) assert_true(b_at(&self, i) == b[i]);
    assert_true(problem_load(self.problem->type, self.problem->x0, 3) == 4);
    fixture_free(&self);
    create(&self, "A=@A.npy b=@b.svm");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    for (int i = 0; i < 3; i++) assert_true(b_at(&self, i) == 7 + i);
    fixture_free(&self);
}

static void test_one_matrix_one_instance(void **state) {
    (void)state;
    write_npy("A.npy", "(3, 2)", 6, 1); /* [1 2; 3 4; 5 6] */
    write_text("b.csv", "1\n1\n1\n");
    fixture self;
    create(&self, "problem=lasso A=@A.npy b=@b.csv lambda=0.5 x0=fixed:1 dtype=float64");
    assert_int_equal(self.problem->batch, 1);
    assert_int_equal(self.problem->dimension, 2);
    assert_int_equal(self.problem->model->m, 3);
    assert_true(self.problem->model->shared);
    fixture_sample(&self, 1, STREAM_TEST, 0);
    double f, g[2];
    const double x[] = {1, -1};
    fixture_value_gradient(&self, x, &f, g);
    assert_true(f == 7 && g[0] == -17.5 && g[1] == -24.5);
    /* With one instance nothing can be held out: every stream sees it. */
    fixture_sample(&self, 1, STREAM_HELD_OUT, 4);
    fixture_value_gradient(&self, x, &f, g);
    assert_true(f == 7);
    assert_int_equal(settings_check_used(self.settings, "solve", &self.error), L2O_OK);
    fixture_free(&self);
}

static void test_layouts_of_b(void **state) {
    (void)state;
    write_npy("A.npy", "(3, 2)", 6, 1);
    write_npy("b.npy", "(4, 3)", 12, 0); /* rows */
    fixture self;
    create(&self, "A=@A.npy b=@b.npy");
    assert_int_equal(self.problem->batch, 4);
    fixture_sample(&self, 1, STREAM_TEST, 0);
    for (int i = 0; i < 12; i++) assert_true(b_at(&self, i) == i);
    fixture_free(&self);
    write_npy("b.npy", "(3, 4)", 12, 0); /* columns */
    create(&self, "A=@A.npy b=@b.npy dtype=float64");
    assert_int_equal(self.problem->batch, 4);
    fixture_sample(&self, 1, STREAM_TEST, 0);
    for (int p = 0; p < 4; p++)
        for (int i = 0; i < 3; i++) assert_true(b_at(&self, 3 * p + i) == 4 * i + p);
    fixture_free(&self);
    write_npy("b.npy", "(3, 3)", 9, 0); /* either */
    assert_refused("A=@A.npy b=@b.npy", "b: @b.npy [3, 3] is square, so with A: @A.npy [3, 2]");
    for (int layout = 0; layout < 2; layout++) {
        create(&self, layout == 0 ? "A=@A.npy b=@b.npy b-layout=rows" : "A=@A.npy b=@b.npy b-layout=columns");
        fixture_sample(&self, 1, STREAM_TEST, 0);
        assert_true(b_at(&self, 1) == (layout == 0 ? 1 : 3));
        fixture_free(&self);
    }
    write_npy("b.npy", "(3,)", 3, 5);
    create(&self, "A=@A.npy b=@b.npy");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_int_equal(self.problem->batch, 1);
    assert_true(b_at(&self, 2) == 7);
    fixture_free(&self);
}

static void test_a_matrix_each(void **state) {
    (void)state;
    write_npy("A.npy", "(4, 3, 2)", 24, 0);
    write_npy("b.npy", "(4, 3)", 12, 0);
    write_npy("lambda.npy", "(4,)", 4, 1);
    write_npy("x0.npy", "(4, 2)", 8, 0);
    fixture self;
    create(&self, "A=@A.npy b=@b.npy lambda=@lambda.npy x0=@x0.npy");
    assert_int_equal(self.problem->batch, 4);
    assert_false(self.problem->model->shared);
    fixture_sample(&self, 1, STREAM_TEST, 0);
    for (int i = 0; i < 24; i++) assert_true(a_at(&self, i) == i);
    for (int i = 0; i < 4; i++) assert_true(self.problem->lambda[i] == i + 1);
    for (int i = 0; i < 8; i++) assert_true(problem_load(DTYPE_FLOAT32, self.problem->x0, i) == i);
    /* A, b, lambda and x0 of an instance stay together in draws. */
    fixture_sample(&self, 1, STREAM_TRAINING, 3);
    for (int p = 0; p < 4; p++) {
        int64_t chosen = self.problem->source->chosen[p];
        assert_true(a_at(&self, 6 * p) == 6 * (double)chosen && b_at(&self, 3 * p) == 3 * (double)chosen);
        assert_true(self.problem->lambda[p] == (double)chosen + 1);
        assert_true(problem_load(DTYPE_FLOAT32, self.problem->x0, 2 * p) == 2 * (double)chosen);
    }
    fixture_free(&self);
    write_npy("b.npy", "(4, 3, 1)", 12, 0); /* column vectors */
    write_npy("lambda.npy", "(1,)", 1, 3);
    write_npy("x0.npy", "(2,)", 2, 8);
    create(&self, "A=@A.npy b=@b.npy lambda=@lambda.npy x0=@x0.npy");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_true(b_at(&self, 11) == 11 && self.problem->lambda[3] == 3);
    assert_true(problem_load(DTYPE_FLOAT32, self.problem->x0, 7) == 9);
    fixture_free(&self);
    /* b drawn for given matrices; without an end of instances where the matrix is one for all. */
    create(&self, "A=@A.npy b=uniform:2:3 batch=3");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_int_equal(self.problem->batch, 3);
    assert_in_range((int)(100 * b_at(&self, 0)), 200, 300);
    fixture_free(&self);
    write_npy("A.npy", "(3, 2)", 6, 1);
    create(&self, "A=@A.npy b=truth batch=300");
    assert_int_equal(self.problem->batch, 300);
    fixture_sample(&self, 1, STREAM_TEST, 0);
    fixture_free(&self);
}

static void test_sparse_and_labels(void **state) {
    (void)state;
    write_text("A.svm", "1 1:2 3:1\n-1 2:1\n1\n-1 3:4\n");
    fixture self;
    create(&self, "problem=logistic A=@A.svm lambda-relative=0.5 dtype=float64");
    const linear_model *model = self.problem->model;
    assert_non_null(model->sparse);
    assert_null(model->a);
    assert_int_equal(model->m, 4);
    assert_int_equal(model->n, 3);
    assert_int_equal(self.problem->batch, 1);
    fixture_sample(&self, 1, STREAM_TEST, 0);
    const double labels[] = {1, -1, 1, -1};
    assert_memory_equal(model->b, labels, sizeof labels);
    /* lambda_max = ||A'b||_inf / (2 m) = max(2, 1, |1 - 4|) / 8 */
    assert_near(self.problem->lambda[0], 0.5 * 3 / 8, 1e-15, "lambda");
    double f, g[3];
    const double x[] = {0, 0, 0};
    fixture_value_gradient(&self, x, &f, g);
    assert_near(f, log(2), 1e-15, "value at 0");
    assert_near(g[2], 3.0 / 8, 1e-15, "gradient at 0");
    fixture_free(&self);

    write_text("A.svm", "1 1:2 3:1\n0 2:1\n");
    create(&self, "problem=logistic A=@A.svm dtype=float64");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_true(b_at(&self, 0) == 1 && b_at(&self, 1) == -1);
    fixture_free(&self);
    create(&self, "problem=lasso A=@A.svm dtype=float64"); /* targets are taken as they are */
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_true(b_at(&self, 0) == 1 && b_at(&self, 1) == 0);
    fixture_free(&self);
    write_text("A.svm", "1 1:2 3:1\n2 2:1\n");
    assert_refused("problem=logistic A=@A.svm", "@A.svm: label 1 of instance 0 is 2; labels are -1 and 1");
    write_text("A.svm", "1 1:2 3:1\n0 2:1\n-1 1:1\n");
    assert_refused("problem=logistic A=@A.svm", "the labels are a mixture of -1, 0 and 1");

    write_text("A.mtx", "%%MatrixMarket matrix coordinate real general\n3 2 2\n1 1 2.5\n3 2 -1\n");
    write_text("b.csv", "1,2,3\n4,5,6\n");
    create(&self, "problem=lasso A=@A.mtx b=@b.csv dtype=float64");
    assert_int_equal(self.problem->batch, 2);
    assert_non_null(self.problem->model->sparse);
    fixture_sample(&self, 1, STREAM_TEST, 0);
    const double two[] = {1, 1, 0, 0};
    double value[2];
    fixture_value_gradient(&self, two, value, NULL);
    assert_near(value[0], 0.5 * (1.5 * 1.5 + 4 + 16) + 0.01, 1e-15, "sparse value");
    assert_near(value[1], 0.5 * (16 + 25 + 36), 1e-15, "sparse value");
    assert_int_equal(problem_prepare(self.problem, STRUCTURE_LIPSCHITZ, &self.evaluation), L2O_OK);
    assert_near(self.problem->lipschitz[1], 6.25, 1e-9, "Lipschitz constant");
    fixture_free(&self);
}

static void test_mismatches(void **state) {
    (void)state;
    write_npy("A.npy", "(3, 2)", 6, 1);
    write_npy("b.npy", "(4, 5)", 20, 1);
    assert_refused("A=@A.npy b=@b.npy", "b: @b.npy [4, 5] does not fit A: @A.npy [3, 2]");
    assert_refused("A=@A.npy b=@b.npy b-layout=rows", "which needs rows of length m = 3");
    write_npy("b.npy", "(4,)", 4, 1);
    assert_refused("A=@A.npy b=@b.npy", "b: @b.npy [4] does not fit A: @A.npy [3, 2]");
    assert_refused("A=@A.npy", "but b is not given");
    assert_refused("b=@b.npy", "but A is 'normal:1', which is none");
    assert_refused("A=@A.npy b=uniform:0:1 n=3", "n is 3 (test), but A: @A.npy [3, 2] has n = 2");
    assert_refused("A=@A.npy b=uniform:0:1 m=2", "m is 2 (test)");
    assert_refused("A=@missing.npy b=@b.npy", "missing.npy");
    assert_refused("A=@A.dat", "A.dat");
    write_npy("b.npy", "(3,)", 3, 1);
    write_npy("lambda.npy", "(2,)", 2, 1);
    assert_refused("A=@A.npy b=@b.npy lambda=@lambda.npy", "lambda: @lambda.npy [2] must hold one number");
    write_npy("lambda.npy", "(1,)", 1, -1);
    assert_refused("A=@A.npy b=@b.npy lambda=@lambda.npy", "number 0 is -1");
    write_npy("lambda.npy", "(1,)", 1, 1);
    assert_refused("A=@A.npy b=@b.npy lambda=@lambda.npy lambda-relative=1", "both given");
    write_npy("x0.npy", "(3,)", 3, 1);
    assert_refused("A=@A.npy b=@b.npy x0=@x0.npy", "x0: @x0.npy [3] does not fit A: @A.npy [3, 2]");
    assert_refused("problem=rosenbrock x0=@x0.npy", "x0: @x0.npy [3] does not fit the problem");
    write_npy("A.npy", "(6,)", 6, 1);
    assert_refused("A=@A.npy b=@b.npy", "A: @A.npy [6] must be [m, n]");
    write_npy("A.npy", "(2, 3, 2)", 12, 1);
    write_npy("b.npy", "(3, 3)", 9, 1);
    assert_refused("A=@A.npy b=@b.npy", "b: @b.npy [3, 3] does not fit A: @A.npy [2, 3, 2]");
    write_npy("A.npy", "(0, 2)", 0, 1);
    assert_refused("A=@A.npy b=@b.npy", "A: @A.npy [0, 2] has no entries");
    write_text("A.csv", "1,2\nnan,3\n");
    write_npy("b.npy", "(2,)", 2, 1);
    assert_refused("A=@A.csv b=@b.npy", "[1, 0]");
    assert_refused("problem=logistic A=normal:1 b=uniform:0:1", "cannot be the labels");
    write_npy("A.npy", "(2, 2)", 4, 1);
    fixture self; /* quadratics have no lambda: one that is given is reported as unused */
    create(&self, "problem=quadratic A=@A.npy b=@b.npy lambda=@lambda.npy");
    assert_int_equal(settings_check_used(self.settings, "solve", &self.error), L2O_ERROR_INPUT);
    fixture_free(&self);
}

/* The x* that b was measured from: it is chosen with its b, and recovery is the distance to it. */
static void test_truth(void **state) {
    (void)state;
    write_npy("A.npy", "(3, 2)", 6, 1);
    write_npy("b.npy", "(9, 3)", 27, 0);
    write_npy("truth.npy", "(9, 2)", 18, 100);
    fixture self;
    create(&self, "problem=recovery A=@A.npy b=@b.npy truth=@truth.npy batch=3");
    for (uint32_t draw = 0; draw < 3; draw++) {
        fixture_sample(&self, 1, STREAM_TRAINING, draw);
        const float *b = self.problem->model->b, *truth = self.problem->truth;
        for (int p = 0; p < 3; p++) {
            assert_true(truth[2 * p] == 100 + 2 * b[3 * p] / 3);
            assert_true(truth[2 * p + 1] == truth[2 * p] + 1);
        }
        float f[3], g[6];
        fixture_value_gradient(&self, self.problem->x0, f, g);
        for (int p = 0; p < 3; p++)
            assert_near((double)f[p], 0.5 * (double)(truth[2 * p] * truth[2 * p] + truth[2 * p + 1] * truth[2 * p + 1]),
                        1e-6, "distance");
        for (int i = 0; i < 6; i++) assert_true(g[i] == -truth[i]);
    }
    fixture_free(&self);
    create(&self, "problem=lasso A=@A.npy b=@b.npy truth=@truth.npy"); /* known, but no part of the objective */
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_true(((float *)self.problem->truth)[17] == 117);
    fixture_free(&self);
    create(&self, "problem=recovery A=@A.npy batch=4"); /* b is drawn */
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_non_null(self.problem->truth);
    fixture_free(&self);
    write_npy("b.npy", "(3,)", 3, 0);
    write_npy("truth.npy", "(2,)", 2, 7);
    create(&self, "problem=recovery A=@A.npy b=@b.npy truth=@truth.npy");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_true(((float *)self.problem->truth)[1] == 8);
    fixture_free(&self);

    assert_refused("problem=recovery A=@A.npy b=@b.npy", "the distance to the true x*, which nothing tells");
    assert_refused("problem=recovery A=@A.npy truth=@truth.npy", "but there is none for b");
    assert_refused("problem=recovery truth=@truth.npy", "but there is none for b");
    assert_refused("problem=recovery A=@A.npy b=@b.npy truth=normal:1", "truth: 'normal:1' is no data file");
    write_npy("truth.npy", "(3,)", 3, 7);
    assert_refused("problem=recovery A=@A.npy b=@b.npy truth=@truth.npy",
                   "truth: @truth.npy [3] does not fit A: @A.npy [3, 2] and its 1 instances: it must be [instances, n] "
                   "= [1, 2]");
}

static void test_x0_of_other_families(void **state) {
    (void)state;
    write_npy("x0.npy", "(5, 2)", 10, 0);
    fixture self;
    create(&self, "problem=rosenbrock x0=@x0.npy batch=5");
    fixture_sample(&self, 1, STREAM_TRAINING, 0);
    for (int i = 0; i < 10; i++) assert_true(problem_load(DTYPE_FLOAT32, self.problem->x0, i) == i);
    fixture_free(&self);
}

enum { INSTANCES = 53 };

static void write_many(void) {
    write_npy("A.npy", "(2, 2)", 4, 1);
    char shape[32];
    snprintf(shape, sizeof shape, "(%d, 2)", INSTANCES);
    write_npy("b.npy", shape, 2 * INSTANCES, 0);
}

/* Marks the instances of a sampled batch, by b. */
static void mark(const fixture *self, int seen[INSTANCES]) {
    for (int64_t p = 0; p < self->problem->batch; p++) {
        double first = b_at(self, 2 * p);
        assert_true(b_at(self, 2 * p + 1) == first + 1);
        seen[(int)(first / 2)]++;
    }
}

static void test_parts_never_meet(void **state) {
    (void)state;
    write_many();
    const random_stream kept_streams[] = {STREAM_TRAINING, STREAM_ADAPTATION, STREAM_TUNING};
    const random_stream held_streams[] = {STREAM_VALIDATION, STREAM_HELD_OUT};
    fixture self;
    create(&self, "A=@A.npy b=@b.npy batch=8");
    assert_int_equal(self.problem->source->held_out, 11);
    int kept[INSTANCES] = {0}, held[INSTANCES] = {0};
    for (uint32_t draw = 0; draw < 60; draw++) {
        for (int s = 0; s < 3; s++) {
            int batch[INSTANCES] = {0};
            fixture_sample(&self, 5 + (uint64_t)s, kept_streams[s], draw);
            mark(&self, batch);
            for (int i = 0; i < INSTANCES; i++) {
                assert_in_range(batch[i], 0, 1); /* without replacement */
                kept[i] += batch[i];
            }
        }
        for (int s = 0; s < 2; s++) {
            fixture_sample(&self, 5 + (uint64_t)s, held_streams[s], draw);
            mark(&self, held);
        }
    }
    int kept_count = 0, held_count = 0;
    for (int i = 0; i < INSTANCES; i++) {
        assert_true(kept[i] == 0 || held[i] == 0);
        kept_count += kept[i] > 0;
        held_count += held[i] > 0;
    }
    assert_int_equal(held_count, 11);
    assert_int_equal(kept_count, INSTANCES - 11);
    /* The test stream pages through all in order. */
    for (uint32_t draw = 0; draw < 7; draw++) {
        fixture_sample(&self, 5, STREAM_TEST, draw);
        for (int64_t p = 0; p < 8; p++) assert_true(b_at(&self, 2 * p) == 2 * (double)((draw * 8 + p) % INSTANCES));
    }
    /* The same draw is the same batch, whatever was drawn between. */
    int again[INSTANCES] = {0}, first[INSTANCES] = {0};
    fixture_sample(&self, 5, STREAM_TRAINING, 3);
    mark(&self, first);
    fixture_sample(&self, 6, STREAM_TRAINING, 3);
    fixture_sample(&self, 5, STREAM_TRAINING, 3);
    mark(&self, again);
    assert_memory_equal(first, again, sizeof first);
    fixture_free(&self);
}

static void test_batch_follows_the_part(void **state) {
    (void)state;
    write_many();
    const struct {
        random_stream purpose;
        const char *settings;
        int64_t batch;
    } cases[] = {
        {STREAM_TEST, "A=@A.npy b=@b.npy", INSTANCES},
        {STREAM_TRAINING, "A=@A.npy b=@b.npy", INSTANCES - 11},
        {STREAM_HELD_OUT, "A=@A.npy b=@b.npy", 11},
        {STREAM_VALIDATION, "A=@A.npy b=@b.npy batch=4", 4},
        {STREAM_TRAINING, "A=@A.npy b=@b.npy batch=50 held-out=0.5", 26},
        {STREAM_TRAINING, "A=@A.npy b=@b.npy held-out=0", INSTANCES},
        {STREAM_HELD_OUT, "A=@A.npy b=@b.npy held-out=0", INSTANCES},
        {STREAM_HELD_OUT, "A=@A.npy b=@b.npy held-out=0.001", 1},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        fixture self;
        fixture_settings(&self, expand(cases[k].settings));
        if (problem_create_for(self.settings, COMPONENT_ALL, cases[k].purpose, &self.problem, &self.error) != L2O_OK)
            fail_msg("%s", self.error.text);
        assert_int_equal(self.problem->batch, cases[k].batch);
        fixture_ready(&self);
        int seen[INSTANCES] = {0};
        fixture_sample(&self, 1, cases[k].purpose, 0);
        mark(&self, seen);
        for (int i = 0; i < INSTANCES; i++) assert_in_range(seen[i], 0, 1);
        fixture_free(&self);
    }
    fixture self; /* a batch made for all instances, filled from the held-out part: in turn */
    create(&self, "A=@A.npy b=@b.npy");
    int seen[INSTANCES] = {0};
    fixture_sample(&self, 1, STREAM_HELD_OUT, 0);
    mark(&self, seen);
    int count = 0;
    for (int i = 0; i < INSTANCES; i++)
        if (seen[i] > 0) {
            assert_in_range(seen[i], 4, 5);
            count++;
        }
    assert_int_equal(count, 11);
    fixture_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_matrix_one_instance), cmocka_unit_test(test_layouts_of_b),
        cmocka_unit_test(test_a_matrix_each),           cmocka_unit_test(test_sparse_and_labels),
        cmocka_unit_test(test_sparse_vectors),          cmocka_unit_test(test_mismatches),
        cmocka_unit_test(test_x0_of_other_families),    cmocka_unit_test(test_parts_never_meet),
        cmocka_unit_test(test_batch_follows_the_part),  cmocka_unit_test(test_truth),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
