/* The tasks of the theory: training, test, a twin of each from independent draws, and the candidates for adaptation.
 * They share x0, draw by draw, so that what differs is the problem. */
#ifndef L2O_EXPERIMENT_THEORY_TASK_H
#define L2O_EXPERIMENT_THEORY_TASK_H

#include "problems/problem.h"

/* Expectations of a least squares problem with independent entries: E A'A = diagonal I + common 11', E A'b =
 * correlation 1. */
typedef struct theory_moments {
    bool known; /* false: data from files, b = truth, unit columns, or one A for all */
    double diagonal, common, correlation;
} theory_moments;

typedef struct theory_task {
    char label[96];
    l2o_settings *settings; /* the experiment's, with this task's A */
    problem *problem;
    random_stream stream;
    theory_moments moments;
} theory_task;

enum { THEORY_TRAINING, THEORY_TEST, THEORY_TRAINING_TWIN, THEORY_TEST_TWIN, THEORY_CANDIDATES, THEORY_TASKS = 24 };

typedef struct theory_tasks {
    int count; /* the candidates are tasks[THEORY_CANDIDATES .. count - 1] */
    theory_task task[THEORY_TASKS];
} theory_tasks;

/* The same problem with another distribution of A; `a` NULL: as in `settings`. */
l2o_status theory_task_create(const l2o_settings *settings, const char *label, const char *a, random_stream stream,
                              theory_task *task, l2o_error *error);
void theory_task_free(theory_task *task);

/* All tasks, with test and candidates from the settings theory-test-A and theory-adapt-A. On failure nothing is left to
 * be freed. */
l2o_status theory_tasks_create(const l2o_settings *settings, theory_tasks *tasks, l2o_error *error);
void theory_tasks_free(theory_tasks *tasks, const l2o_settings *settings);
/* Draws all tasks; x0 is the test problem's everywhere. */
l2o_status theory_tasks_sample(theory_tasks *tasks, uint64_t seed, uint32_t draw, l2o_error *error);

/* Root of the mean squared entry of A, over the batch as drawn: the sigma of a normal distribution. */
double theory_task_entry(const theory_task *task);

#endif
