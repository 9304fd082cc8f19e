/* The tasks of a training: problems of the caller's, or those that settings describe. One problem with a mixed batch,
 * or one for each component of a mixture (`tasks`); all that for each kind that `training-tasks` lists. Whatever they
 * are, the meta-gradient is the mean over tasks and evaluations cover all.
 *
 * Weights are one set for all tasks. What an optimizer holds of a dictionary is of two kinds: fresh weights are made of
 * the dictionary in the training's own settings, whatever tasks put in its place, and learned from there; what is not
 * learned (A itself, the analytic weight, coherences) is taken anew from each task's problem. */
#include "meta/trainer.h"
#include "problems/linear_model.h"

static l2o_status add_task(trainer *trainer, problem *problem, l2o_error *error) {
    TRY(meta_task_create(trainer->context, problem, trainer->optimizer, &trainer->estimator,
                         &trainer->tasks[trainer->task_count], error));
    trainer->task_count++;
    return L2O_OK;
}

static l2o_status too_many(l2o_error *error, int count) {
    return error_set(
        error, L2O_ERROR_INPUT,
        "training takes 1 to %d tasks, not %d; give as many, or draw kinds as a mixture and set tasks = mixed",
        (int)MOST_TASKS, count);
}

static int64_t rows_of(const problem *problem) { return problem->model == NULL ? 0 : problem->model->m; }

/* Weights, carries and the type of the result are one for all tasks. */
static l2o_status check_shape(const trainer *trainer, const problem *problem, l2o_error *error) {
    const l2o_problem *first = trainer->task_count == 0 ? problem : trainer->tasks[0].problem;
    if (first->batch == problem->batch && first->dimension == problem->dimension && first->type == problem->type &&
        rows_of(first) == rows_of(problem))
        return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "this task has batch = %lld, n = %lld, m = %lld and %s, but the first has batch = %lld, n = %lld, "
                     "m = %lld and %s; set batch, n, m and dtype for all tasks alike, outside training-tasks",
                     (long long)problem->batch, (long long)problem->dimension, (long long)rows_of(problem),
                     problem->type == DTYPE_FLOAT32 ? "float32" : "float64", (long long)first->batch,
                     (long long)first->dimension, (long long)rows_of(first),
                     first->type == DTYPE_FLOAT32 ? "float32" : "float64");
}

/* The tasks of one kind of problems. */
static l2o_status add_kind(trainer *trainer, const l2o_settings *settings, l2o_error *error) {
    int components = 1, choice = settings_choice(settings, "tasks");
    TRY(problem_components(settings, &components, error));
    bool apart = components > 1 && (choice == 1 || (choice == 0 && trainer->estimator.kind->adapts));
    if (!apart) components = 1;
    if (trainer->task_count + components > MOST_TASKS) return too_many(error, trainer->task_count + components);
    for (int c = 0; c < components; c++) {
        problem *problem;
        TRY(problem_create_for(settings, apart ? c : COMPONENT_ALL, STREAM_TRAINING, &problem, error));
        trainer->owned[trainer->task_count] = problem;
        TRY(check_shape(trainer, problem, error));
        TRY(add_task(trainer, problem, error));
    }
    return L2O_OK;
}

static l2o_status add_listed(trainer *trainer, const training_task *kind, l2o_error *error) {
    l2o_settings *settings;
    TRY(training_task_settings(kind, trainer->settings, &settings, error));
    l2o_status status = add_kind(trainer, settings, error);
    if (status != L2O_OK && status != L2O_ERROR_MEMORY) {
        l2o_error cause = *error;
        error_set(error, status, "%s: %s", kind->origin, cause.text);
    }
    settings_share_use(settings, trainer->settings);
    if (status == L2O_OK) status = training_task_check_used(kind, settings, error);
    settings_free(settings);
    return status;
}

static l2o_status add_own(trainer *trainer, l2o_error *error) {
    const l2o_settings *settings = trainer->settings;
    if (!settings_is_set(settings, "training-tasks")) return add_kind(trainer, settings, error);
    TRY(training_tasks_parse(settings_text(settings, "training-tasks"), "training-tasks", MOST_TASKS, &trainer->kinds,
                             error));
    for (int k = 0; k < trainer->kinds.count; k++) TRY(add_listed(trainer, &trainer->kinds.task[k], error));
    return L2O_OK;
}

l2o_status trainer_make_tasks(trainer *trainer, l2o_problem *const *given, int count, l2o_error *error) {
    if (given != NULL && (count < 1 || count > MOST_TASKS)) return too_many(error, count);
    for (int k = 0; k < count && given != NULL; k++) TRY(add_task(trainer, given[k], error));
    if (given == NULL) TRY(add_own(trainer, error));
    meta_tasks_share(trainer->task_count, trainer->tasks);
    return L2O_OK;
}
