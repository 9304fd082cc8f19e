/* Tasks from settings, and the closed-form expectations of their data. */
#include "experiment/theory_task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "problems/distribution.h"
#include "problems/linear_model.h"

static void entry_moments(const distribution_component *component, double *mean, double *variance) {
    double first = component->first, second = component->second;
    *mean = first;
    *variance = 0;
    if (component->kind == DISTRIBUTION_NORMAL) *variance = second * second;
    if (component->kind != DISTRIBUTION_UNIFORM) return;
    *mean = (first + second) / 2;
    *variance = (second - first) * (second - first) / 12;
}

/* Of one instance: rows of A are independent, entries too, so E A'A = m (variance I + mean^2 11'). Then the mean over
 * the batch, whose instances may belong to different components of a mixture. */
static theory_moments moments_of(const problem *problem, const l2o_settings *settings) {
    const linear_model *model = problem->model;
    theory_moments moments = {0};
    distribution a, b;
    l2o_error ignored = {0};
    if (problem->source != NULL || model->shared || settings_flag(settings, "unit-columns") ||
        settings_is_set(settings, "condition") || settings_is_set(settings, "rank"))
        return moments;
    if (distribution_parse(settings_text(settings, "A"), "A", &a, &ignored) != L2O_OK) return moments;
    if (distribution_parse(settings_text(settings, "b"), "b", &b, &ignored) != L2O_OK) return moments;
    for (int64_t p = 0; p < problem->batch; p++) {
        double mean, variance, target, unused, share = (double)model->m / (double)problem->batch;
        entry_moments(&a.component[distribution_component_of(&a, p, problem->batch)], &mean, &variance);
        entry_moments(&b.component[distribution_component_of(&b, p, problem->batch)], &target, &unused);
        moments.diagonal += share * variance;
        moments.common += share * mean * mean;
        moments.correlation += share * mean * target;
    }
    moments.known = true;
    return moments;
}

static l2o_status make_problem(theory_task *task, const char *a, l2o_error *error) {
    if (a != NULL) TRY(settings_set(task->settings, "A", a, task->label, error));
    TRY(problem_create_for(task->settings, COMPONENT_ALL, task->stream, &task->problem, error));
    if (!problem_has(task->problem, STRUCTURE_LEAST_SQUARES) || task->problem->ops->supervised)
        return error_set(error, L2O_ERROR_UNSUPPORTED,
                         "the theory's distances need a least squares problem (quadratic, lasso, l2reg), whose Hessian "
                         "is A'A; '%s' is none",
                         task->problem->ops->name);
    if (task->problem->source != NULL && a != NULL)
        return error_set(error, L2O_ERROR_INPUT,
                         "the theory compares distributions of A, but the data are files; leave A, b and x0 to be "
                         "drawn");
    task->moments = moments_of(task->problem, task->settings);
    return L2O_OK;
}

l2o_status theory_task_create(const l2o_settings *settings, const char *label, const char *a, random_stream stream,
                              theory_task *task, l2o_error *error) {
    *task = (theory_task){.stream = stream};
    snprintf(task->label, sizeof task->label, "%s", label);
    TRY(settings_copy(settings, &task->settings, error));
    l2o_status status = make_problem(task, a, error);
    if (status != L2O_OK) theory_task_free(task);
    return status;
}

void theory_task_free(theory_task *task) {
    problem_free(task->problem);
    settings_free(task->settings);
    *task = (theory_task){0};
}

/* The list of candidates, separated by semicolons, since mixtures have commas. */
static l2o_status add_candidates(const l2o_settings *settings, theory_tasks *tasks, l2o_error *error) {
    const char *at = settings_text(settings, "theory-adapt-A");
    for (bool more = true; more;) {
        size_t skipped = strspn(at, " "), length = strcspn(at + skipped, ";");
        const char *from = at + skipped;
        more = from[length] == ';';
        at = from + length + 1;
        while (length > 0 && from[length - 1] == ' ') length--;
        char text[96];
        if (length == 0 || length >= sizeof text)
            return error_set(error, L2O_ERROR_INPUT,
                             "theory-adapt-A: '%s' is no list of distributions with semicolons between them, such as "
                             "normal:10;normal:100",
                             settings_text(settings, "theory-adapt-A"));
        if (tasks->count == THEORY_TASKS)
            return error_set(error, L2O_ERROR_INPUT, "theory-adapt-A: more than %d distributions",
                             THEORY_TASKS - THEORY_CANDIDATES);
        memcpy(text, from, length);
        text[length] = '\0';
        TRY(theory_task_create(settings, text, text, STREAM_ADAPTATION, &tasks->task[tasks->count], error));
        tasks->count++;
    }
    return L2O_OK;
}

static l2o_status create_all(const l2o_settings *settings, theory_tasks *tasks, l2o_error *error) {
    const char *test = settings_text(settings, "theory-test-A");
    const struct {
        const char *label, *a;
        random_stream stream;
    } fixed[THEORY_CANDIDATES] = {
        [THEORY_TRAINING] = {"training", NULL, STREAM_TRAINING},
        [THEORY_TEST] = {"test", test, STREAM_TEST},
        [THEORY_TRAINING_TWIN] = {"training again", NULL, STREAM_VALIDATION},
        [THEORY_TEST_TWIN] = {"test again", test, STREAM_HELD_OUT},
    };
    for (; tasks->count < THEORY_CANDIDATES; tasks->count++) {
        int k = tasks->count;
        TRY(theory_task_create(settings, fixed[k].label, fixed[k].a, fixed[k].stream, &tasks->task[k], error));
    }
    return add_candidates(settings, tasks, error);
}

l2o_status theory_tasks_create(const l2o_settings *settings, theory_tasks *tasks, l2o_error *error) {
    *tasks = (theory_tasks){0};
    l2o_status status = create_all(settings, tasks, error);
    if (status != L2O_OK) theory_tasks_free(tasks, settings);
    return status;
}

void theory_tasks_free(theory_tasks *tasks, const l2o_settings *settings) {
    for (int k = 0; k < tasks->count; k++) {
        settings_share_use(tasks->task[k].settings, settings);
        theory_task_free(&tasks->task[k]);
    }
    tasks->count = 0;
}

l2o_status theory_tasks_sample(theory_tasks *tasks, uint64_t seed, uint32_t draw, l2o_error *error) {
    const problem *test = tasks->task[THEORY_TEST].problem;
    for (int k = 0; k < tasks->count; k++)
        TRY(problem_sample(tasks->task[k].problem, seed, tasks->task[k].stream, draw, 0, error));
    size_t bytes = (size_t)(test->batch * test->dimension) * dtype_size(test->type);
    for (int k = 0; k < tasks->count; k++)
        if (k != THEORY_TEST) memcpy(tasks->task[k].problem->x0, test->x0, bytes);
    return L2O_OK;
}

double theory_task_entry(const theory_task *task) {
    const linear_model *model = task->problem->model;
    int64_t count = (model->shared ? 1 : model->batch) * model->m * model->n;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double entry = problem_load(model->type, model->a, i);
        sum += entry * entry;
    }
    return sqrt(sum / (double)count);
}
