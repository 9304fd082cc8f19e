/* Your own A and b: 1/2 ||A x - b||^2 + lambda ||x||_1 solved with FISTA and with coordinate descent, each with a
 * proven bound of how far it is from the optimum.
 *
 * Data come as files: .npy, .npz, .csv, .mtx or libsvm. Here they are two arrays, written as CSV first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <l2o/l2o.h>

enum { ROWS = 6, COLUMNS = 4, INSTANCES = 2 };

static const double A[ROWS][COLUMNS] = {{1.0, 0.2, -0.3, 0.5}, {0.4, -1.1, 0.7, 0.0}, {-0.2, 0.3, 0.9, -0.6},
                                        {0.8, 0.1, 0.0, 1.2},  {0.0, -0.5, 0.4, 0.3}, {0.6, 0.9, -0.8, -0.1}};
/* One problem a column: the same A, two right-hand sides. */
static const double B[ROWS][INSTANCES] = {{1.1, 0.0}, {0.3, -1.0}, {-0.3, 0.4}, {0.9, 0.1}, {0.0, -0.5}, {0.5, 1.0}};

static void require(l2o_context *context, l2o_status status) {
    if (status == L2O_OK) return;
    fprintf(stderr, "solve_lasso: %s\n", context == NULL ? "out of memory" : l2o_context_error(context));
    exit(1);
}

static void write_csv(const char *path, int rows, int columns, const double *values) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    for (int i = 0; i < rows * columns; i++) fprintf(file, "%.17g%c", values[i], (i + 1) % columns == 0 ? '\n' : ',');
    fclose(file);
}

/* Solves with the optimizer of that name, prints each instance's result, and returns the largest gap. */
static double solve(l2o_context *context, const l2o_settings *settings, const char *name) {
    l2o_settings *own;
    l2o_problem *problem;
    l2o_optimizer *optimizer;
    l2o_solution *solution;
    require(context, l2o_problem_create(context, settings, &problem));
    require(context, l2o_settings_create(context, &own));
    require(context, l2o_settings_set(context, own, "optimizer", name));
    require(context, l2o_settings_set(context, own, "steps", "20000"));
    require(context, l2o_settings_set(context, own, "gap", "1e-9"));
    require(context, l2o_optimizer_create(context, own, &optimizer));
    require(context, l2o_solve(context, problem, optimizer, own, &solution));
    double largest = 0;
    const double *x = l2o_solution_x(solution);
    for (int64_t p = 0; p < l2o_solution_batch(solution); p++) {
        const l2o_solve_record *record = l2o_solution_record(solution, p);
        printf("%-6s instance %lld: %s after %lld steps, f = %.10f, at most %.1e above the optimum\n", name,
               (long long)p, l2o_solve_status_text(record->status), (long long)record->steps, record->value,
               record->gap);
        printf("%-6s x =", "");
        for (int64_t j = 0; j < l2o_solution_dimension(solution); j++)
            printf(" %9.6f", x[p * l2o_solution_dimension(solution) + j]);
        printf("\n");
        largest = fmax(largest, record->gap);
    }
    l2o_solution_free(solution);
    l2o_optimizer_free(optimizer);
    l2o_settings_free(own);
    l2o_problem_free(problem);
    return largest;
}

int main(void) {
    l2o_context *context;
    l2o_settings *settings;
    l2o_status status = l2o_context_create(1, "auto", &context); /* the sentence of a failure is on it, too */
    require(context, status);
    require(context, l2o_settings_create(context, &settings));
    write_csv("solve_lasso_A.csv", ROWS, COLUMNS, &A[0][0]);
    write_csv("solve_lasso_b.csv", ROWS, INSTANCES, &B[0][0]);
    static const char *const values[][2] = {{"problem", "lasso"},
                                            {"A", "solve_lasso_A.csv"},
                                            {"b", "solve_lasso_b.csv"},
                                            {"lambda", "0.1"},
                                            {"dtype", "float64"}};
    for (int i = 0; i < 5; i++) require(context, l2o_settings_set(context, settings, values[i][0], values[i][1]));

    double largest = solve(context, settings, "fista");
    largest = fmax(largest, solve(context, settings, "cd"));

    remove("solve_lasso_A.csv");
    remove("solve_lasso_b.csv");
    l2o_settings_free(settings);
    l2o_context_free(context);
    return largest < 1e-8 ? 0 : 1;
}
