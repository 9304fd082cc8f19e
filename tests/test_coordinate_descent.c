/* Coordinate descent: gaps on the ill-conditioned Gaussian instances, brute force on tiny ones, odd shapes, sparse. */
#include "problem_fixture.h"

#include <math.h>

#include "optimizers/classical/coordinate_descent.h"
#include "optimizers/optimizer.h"
#include "problems/linear_model.h"

static double half_squares(const fixture *self, int64_t p) {
    const linear_model *model = self->problem->model;
    double sum = 0;
    for (int64_t i = 0; i < model->m; i++) {
        double b = problem_load(model->type, model->b, p * model->m + i);
        sum += 0.5 * b * b;
    }
    return sum;
}

/* Solves instance p from x0 and returns the gap over 1/2 ||b||^2. */
static double solve(fixture *self, int64_t p, double *x, double *value) {
    double gap;
    for (int64_t j = 0; j < self->problem->dimension; j++)
        x[j] = problem_load(self->problem->type, self->problem->x0, p * self->problem->dimension + j);
    if (coordinate_descent_optimum(self->problem, p, 1e-9, x, value, &gap, &self->evaluation) != L2O_OK)
        fail_msg("%s", self->error.text);
    return gap / half_squares(self, p);
}

static void test_gaussian_gaps(void **state) {
    (void)state;
    static const int deviations[] = {10, 25, 50, 100, 200};
    const char *wanted = getenv("L2O_TEST_DRAWS"); /* 10 for the whole set of 6,400 */
    uint32_t draws = wanted != NULL ? (uint32_t)atoi(wanted) : 2;
    for (int k = 0; k < 5; k++) {
        for (int type = 0; type < 2; type++) {
            char text[128];
            snprintf(text, sizeof text, "problem=lasso n=10 lambda=0.005 A=normal:%d dtype=%s", deviations[k],
                     type == 0 ? "float32" : "float64");
            fixture self;
            fixture_create(&self, text);
            double logs = 0;
            for (uint32_t draw = 0; draw < draws; draw++) {
                fixture_sample(&self, 1, STREAM_TEST, draw);
                double sum = 0;
                for (int64_t p = 0; p < self.problem->batch; p++) {
                    double x[10], value, gap = solve(&self, p, x, &value);
                    if (!(gap <= 1e-9))
                        fail_msg("sigma %d draw %u instance %d: gap %g", deviations[k], draw, (int)p, gap);
                    sum += value / (double)self.problem->batch;
                }
                logs += log(sum) / draws;
            }
            if (draws == 10) print_message("sigma %d: mean ln f* %.2f\n", deviations[k], logs);
            fixture_free(&self);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
