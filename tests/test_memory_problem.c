/* Every allocation in the life of a problem fails once: created, drawn, evaluated, freed. */
#include "fault.h"
#include "problem_fixture.h"
#include "problems/linear_model.h"

static l2o_status live(void *context, l2o_error *error) {
    fixture *self = context;
    problem *problem;
    TRY(problem_create(self->settings, COMPONENT_ALL, &problem, error));
    l2o_status status = problem_sample(problem, 1, STREAM_TEST, 0, 0, error);
    arena scratch = {0};
    evaluation evaluation = {.scratch = &scratch, .error = error};
    if (status == L2O_OK) status = kernels_select("portable", problem->type, &evaluation.kernels, error);
    const int64_t index[] = {0, 1};
    const instances rows = {2, index};
    double out[20], f[2];
    const problem_ops *ops = problem->ops;
    if (status == L2O_OK) status = ops->value_gradient(problem, rows, problem->x0, f, out, &evaluation);
    if (status == L2O_OK && problem_has(problem, STRUCTURE_LIPSCHITZ))
        status = problem_prepare(problem, STRUCTURE_LIPSCHITZ, &evaluation);
    if (status == L2O_OK && problem_has(problem, STRUCTURE_DICTIONARY) && problem->model->shared &&
        problem->model->sparse == NULL)
        status = problem_prepare(problem, STRUCTURE_DICTIONARY, &evaluation);
    if (status == L2O_OK && problem_has(problem, STRUCTURE_DUALITY_GAP))
        status = ops->duality_gap(problem, rows, problem->x0, f, &evaluation);
    arena_free(&scratch);
    problem_free(problem);
    return status;
}

static void test_families(void **state) {
    (void)state;
    for (int i = 0; problem_at(i) != NULL; i++) {
        char text[64];
        fixture self;
        snprintf(text, sizeof text, "problem=%s batch=2", problem_at(i)->name);
        fixture_settings(&self, text);
        assert_true(fault_each(live, &self) >= 3);
        fixture_free(&self);
    }
}

static void test_shared_matrix(void **state) {
    (void)state;
    const char *cases[] = {"problem=lasso batch=2 shared-A=yes b=truth", "problem=recovery batch=2 shared-A=yes rank=3",
                           "problem=recovery batch=2 condition=9"};
    for (int k = 0; k < 3; k++) {
        fixture self;
        fixture_settings(&self, cases[k]);
        assert_true(fault_each(live, &self) >= 3);
        fixture_free(&self);
    }
}

static void test_user_data(void **state) {
    (void)state;
    char folder[] = "/tmp/l2o-memory-XXXXXX", a[64], b[64], text[256];
    assert_non_null(mkdtemp(folder));
    snprintf(a, sizeof a, "%s/A.mtx", folder);
    snprintf(b, sizeof b, "%s/b.csv", folder);
    FILE *file = fopen(a, "w");
    assert_non_null(file);
    fputs("%%MatrixMarket matrix coordinate real general\n3 2 2\n1 1 2.5\n3 2 -1\n", file);
    fclose(file);
    file = fopen(b, "w");
    assert_non_null(file);
    fputs("1,2,3\n4,5,6\n", file);
    fclose(file);
    fixture self;
    snprintf(text, sizeof text, "problem=lasso A=%s b=%s", a, b);
    fixture_settings(&self, text);
    assert_true(fault_each(live, &self) >= 10);
    fixture_free(&self);
    remove(a);
    remove(b);
    remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_shared_matrix),
        cmocka_unit_test(test_user_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
