/* Two threads of a program, each with a context of its own: they share nothing, wait for nothing, and get the same
 * numbers as if each ran alone. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <l2o/l2o.h>

enum { BATCH = 8, VARIABLES = 6 };

typedef struct job {
    const char *optimizer;
    double x[BATCH * VARIABLES];
    char error[256]; /* "" when all went well */
} job;

/* Context, settings, problem, optimizer and solution are all made, used and released by one thread. */
static l2o_status solve(job *job, l2o_context *context) {
    l2o_settings *settings = NULL;
    l2o_problem *problem = NULL;
    l2o_optimizer *optimizer = NULL;
    l2o_solution *solution = NULL;
    static const char *const values[][2] = {{"problem", "lasso"}, {"n", "6"}, {"batch", "8"}, {"steps", "2000"}};
    l2o_status status = l2o_settings_create(context, &settings);
    for (int i = 0; i < 4 && status == L2O_OK; i++)
        status = l2o_settings_set(context, settings, values[i][0], values[i][1]);
    if (status == L2O_OK) status = l2o_settings_set(context, settings, "optimizer", job->optimizer);
    if (status == L2O_OK) status = l2o_problem_create(context, settings, &problem);
    if (status == L2O_OK) status = l2o_optimizer_create(context, settings, &optimizer);
    if (status == L2O_OK) status = l2o_solve(context, problem, optimizer, settings, &solution);
    if (status == L2O_OK) memcpy(job->x, l2o_solution_x(solution), sizeof job->x);
    l2o_solution_free(solution);
    l2o_optimizer_free(optimizer);
    l2o_problem_free(problem);
    l2o_settings_free(settings);
    return status;
}

static void *run(void *argument) {
    job *own = argument;
    l2o_context *context;
    l2o_status status = l2o_context_create(1, "auto", &context);
    if (status == L2O_OK) status = solve(own, context);
    if (status != L2O_OK)
        snprintf(own->error, sizeof own->error, "%.255s", context == NULL ? "no memory" : l2o_context_error(context));
    l2o_context_free(context);
    return NULL;
}

int main(void) {
    job together[2] = {{.optimizer = "fista"}, {.optimizer = "adam:rate=0.01"}};
    job alone[2] = {{.optimizer = "fista"}, {.optimizer = "adam:rate=0.01"}};
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&thread[i], NULL, run, &together[i]) != 0) return 1;
    for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < 2; i++) run(&alone[i]);
    for (int i = 0; i < 2; i++) {
        if (together[i].error[0] != '\0') {
            fprintf(stderr, "two_threads: %s\n", together[i].error);
            return 1;
        }
        if (memcmp(together[i].x, alone[i].x, sizeof alone[i].x) != 0) {
            fprintf(stderr, "two_threads: %s gave other numbers beside another thread\n", together[i].optimizer);
            return 1;
        }
        printf("%-15s x of the first instance begins with %.6f %.6f %.6f, alone or beside another thread\n",
               together[i].optimizer, together[i].x[0], together[i].x[1], together[i].x[2]);
    }
    return 0;
}
