/* A context that joined nobody is rank 0 of 1, and what ranks decide together it decides alone; sums over pieces along
 * the tree; several seeds one after another. What several ranks do is tested by tests/ranks.sh. */
#include "training.h"

#include "base/memory.h"
#include "dist/grid.h"
#include "dist/sums.h"

static void test_alone(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_context *context = training_context(2);
    assert_int_equal(l2o_context_rank(context), 0);
    assert_int_equal(l2o_context_ranks(context), 1);
    assert_true(ranks_leads(context));
    assert_int_equal(l2o_context_agree(context, L2O_OK, ""), L2O_OK);
    assert_int_equal(l2o_context_agree(context, L2O_ERROR_IO, "no such file"), L2O_ERROR_IO);
    assert_string_equal(l2o_context_error(context), "no such file");
    double number = 3;
    assert_int_equal(ranks_broadcast(context, &number, sizeof number, 0, &error), L2O_OK);
    assert_int_equal(ranks_compare(context, 1, &(const char *){"seed"}, &(uint32_t){7}, &error), L2O_OK);
    assert_int_equal(ranks_agree(context, L2O_ERROR_MEMORY, &error), L2O_ERROR_MEMORY);
    l2o_context_free(context);
}

static void test_launchers(void **state) {
    (void)state;
    static const char *const names[] = {"PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"};
    for (int i = 0; i < 3; i++) unsetenv(names[i]);
    assert_int_equal(l2o_launched_ranks(), 1);
    for (int i = 0; i < 3; i++) {
        setenv(names[i], "6", 1);
        assert_int_equal(l2o_launched_ranks(), 6);
        setenv(names[i], "?", 1);
        assert_int_equal(l2o_launched_ranks(), 1);
        unsetenv(names[i]);
    }
}

static double tree_sum(const double *values, int64_t count, int64_t size) {
    if (count == 1) return values[0];
    if (count <= size / 2) return tree_sum(values, count, size / 2);
    return tree_sum(values, size / 2, size / 2) + tree_sum(values + size / 2, count - size / 2, size / 2);
}

static void test_tree(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_context *context = training_context(1);
    for (int64_t pieces = 1; pieces <= 70; pieces++) {
        sums own;
        double values[70];
        assert_int_equal(sums_create(&own, pieces, &error), L2O_OK);
        assert_int_equal(sums_reserve(&own, 2, &error), L2O_OK);
        for (int64_t i = 0; i < pieces; i++) {
            values[i] = 1.0 / (double)(i * i + 3);
            sums_row(&own, i)[0] = values[i];
            sums_row(&own, i)[1] = 1;
            own.costs[i] = (double)(i % 7);
        }
        assert_int_equal(sums_finish(context, 1, (sums *const[]){&own}, INT64_MAX, &error), L2O_OK);
        assert_true(own.total[0] == tree_sum(values, pieces, 128));
        assert_true(own.total[1] == (double)pieces);
        assert_true(own.largest == (double)(pieces < 7 ? pieces - 1 : 6));
        sums_free(&own);
    }
    l2o_context_free(context);
}

typedef struct squares {
    int64_t results[5], stop;
} squares;

static bool square(void *argument, int64_t run) {
    squares *all = argument;
    all->results[run] = run * run;
    return run != all->stop;
}

static void test_grid(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_context *context = training_context(1);
    squares whole = {.stop = -1}, cut = {.stop = 2};
    assert_int_equal(grid_run(context, 5, square, &whole, whole.results, sizeof(int64_t), &error), L2O_OK);
    assert_int_equal(grid_run(context, 5, square, &cut, cut.results, sizeof(int64_t), &error), L2O_OK);
    for (int64_t k = 0; k < 5; k++) {
        assert_int_equal(whole.results[k], k * k);
        assert_int_equal(cut.results[k], k <= 2 ? k * k : 0);
    }
    l2o_context_free(context);
}

#define SHORT TRAINING_TINY "stages=1 stage-draws=2 evaluate-every=0 "

/* Each of several trainings leaves the files of one with its seed, and one that fails does not stop the others. */
static void test_seeds(void **state) {
    (void)state;
    directory place;
    directory_create(&place);
    l2o_context *context = training_context(1);
    char single[160], several[160], made[160], blocked[160];
    snprintf(single, sizeof single, "%s/single.safetensors", place.path);
    snprintf(several, sizeof several, "%s/w{seed}.safetensors", place.path);
    snprintf(made, sizeof made, "%s/w8.safetensors", place.path);
    snprintf(blocked, sizeof blocked, "%s/w7.log.jsonl", place.path);
    l2o_settings *one = training_settings(SHORT "seed=8");
    l2o_training_report report;
    assert_int_equal(l2o_train(context, one, single, NULL, NULL, &report), L2O_OK);

    l2o_error error = {0};
    l2o_settings *all;
    assert_int_equal(catalog_settings(&all, &error), L2O_OK);
    training_set(all, "n=2 batch=4 layers=1 hidden=3 unroll=3 dtype=float64 stages=1 stage-draws=2 evaluate-every=0 "
                      "seeds=6-8");
    int64_t count;
    assert_int_equal(l2o_training_runs(context, all, &count), L2O_OK);
    assert_int_equal(count, 3);
    l2o_training_run runs[3];
    assert_int_equal(symlink("/nowhere/at/all", blocked), 0);
    assert_int_equal(l2o_train_runs(context, all, several, NULL, NULL, runs), L2O_ERROR_IO);
    assert_contains(l2o_context_error(context), "1 of 3 trainings did not come to their end; that of seed 7: ");
    for (int k = 0; k < 3; k++) {
        assert_int_equal(runs[k].seed, 6 + k);
        assert_int_equal(runs[k].status, k == 1 ? L2O_ERROR_IO : L2O_OK);
    }
    assert_same_files(single, made);

    static const char *const bad[] = {"3-", "5-3", "1,,2", "1,2,1", "1-20000", "a", "1 2", "-3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(settings_set(all, "seeds", bad[i], "test", &error), L2O_OK);
        assert_int_equal(l2o_train_runs(context, all, several, NULL, NULL, runs), L2O_ERROR_INPUT);
        assert_contains(l2o_context_error(context), "'seeds' is a list of");
    }
    training_set(all, "seeds=1,2");
    assert_int_equal(l2o_train_runs(context, all, single, NULL, NULL, runs), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "put {seed} into the name");
    training_set(all, "seed=3");
    assert_int_equal(l2o_train_runs(context, all, several, NULL, NULL, runs), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "two ways to say one thing");

    l2o_training_run only; /* without `seeds` there is one, of the setting `seed` */
    assert_int_equal(l2o_train_runs(context, one, several, NULL, NULL, &only), L2O_OK);
    assert_int_equal(only.seed, 8);
    assert_same_files(single, made);
    settings_free(all);
    settings_free(one);
    l2o_context_free(context);
    directory_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone), cmocka_unit_test(test_launchers), cmocka_unit_test(test_tree),
        cmocka_unit_test(test_grid),  cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
