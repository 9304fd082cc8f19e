/* Pieces of work over threads: each is run once, the lowest failure wins, and pieces may run pieces. */
#include "dist/context.h"
#include "run_problem.h"

enum { OUTER = 5, INNER = 7, NUMBERS = 1000 };

typedef struct work {
    l2o_context *context;
    bool concurrent;
    double sums[OUTER][INNER];
    int64_t failing; /* inner piece that fails; -1: none */
} work;

typedef struct part {
    work *work;
    int64_t outer;
    const double *kept; /* [NUMBERS] in the outer piece's arena */
} part;

static l2o_status inner(void *argument, int64_t piece, worker *worker) {
    const part *part = argument;
    double *scratch = arena_allocate(&worker->arena, NUMBERS * sizeof *scratch, &worker->error);
    if (scratch == NULL) return worker->error.status;
    for (int i = 0; i < NUMBERS; i++) scratch[i] = part->kept[i] * (double)piece;
    double sum = 0;
    for (int i = 0; i < NUMBERS; i++) sum += scratch[i];
    part->work->sums[part->outer][piece] = sum;
    if (piece == part->work->failing)
        return error_set(&worker->error, L2O_ERROR_INPUT, "piece %lld of %lld", (long long)piece,
                         (long long)part->outer);
    return L2O_OK;
}

static l2o_status outer(void *argument, int64_t piece, worker *worker) {
    work *work = argument;
    double *kept = arena_allocate(&worker->arena, NUMBERS * sizeof *kept, &worker->error);
    if (kept == NULL) return worker->error.status;
    for (int i = 0; i < NUMBERS; i++) kept[i] = (double)(piece + 1);
    part part = {work, piece, kept};
    l2o_status status = pieces_run(work->context, INNER, true, inner, &part, &worker->error);
    for (int i = 0; i < NUMBERS; i++) assert_true(kept[i] == (double)(piece + 1));
    return status;
}

/* One piece outside or several, over threads or not: those inside see what the outer one keeps, and write what they
 * write. */
static void test_nesting(void **state) {
    (void)state;
    for (int threads = 1; threads <= 4; threads++)
        for (int count = 1; count <= OUTER; count += OUTER - 1)
            for (int concurrent = 0; concurrent < 2; concurrent++) {
                work work = {.context = test_context(threads), .failing = -1};
                l2o_error error = {0};
                for (int again = 0; again < 3; again++) {
                    memset(work.sums, 0, sizeof work.sums);
                    assert_int_equal(pieces_run(work.context, count, concurrent != 0, outer, &work, &error), L2O_OK);
                    for (int i = 0; i < OUTER; i++)
                        for (int j = 0; j < INNER; j++)
                            assert_true(work.sums[i][j] == (i < count ? (double)(NUMBERS * (i + 1) * j) : 0));
                }
                for (int w = 0; w < work.context->threads; w++)
                    assert_true(arena_position(&work.context->workers[w].arena).block == NULL);
                l2o_context_free(work.context);
            }
}

static void test_failures(void **state) {
    (void)state;
    for (int threads = 1; threads <= 4; threads++)
        for (int count = 1; count <= OUTER; count += OUTER - 1) {
            work work = {.context = test_context(threads), .failing = 3};
            l2o_error error = {0};
            assert_int_equal(pieces_run(work.context, count, true, outer, &work, &error), L2O_ERROR_INPUT);
            assert_string_equal(error.text, "piece 3 of 0");
            work.failing = -1;
            assert_int_equal(pieces_run(work.context, count, true, outer, &work, &error), L2O_OK);
            l2o_context_cancel(work.context);
            assert_int_equal(pieces_run(work.context, count, true, outer, &work, &error), L2O_ERROR_CANCELLED);
            l2o_context_free(work.context);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nesting), cmocka_unit_test(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
