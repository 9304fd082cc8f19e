/* Finds the files among values of settings. Names of weights are looked up, and options after them left out, as where
 * the weights are read. */
#include "meta/named_files.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/data_file.h"
#include "meta/estimator.h"
#include "meta/training_tasks.h"
#include "optimizers/weights_file.h"

static l2o_status find_weights(const char *spec, bool *is_file, uint32_t *checksum, l2o_error *error) {
    char *name;
    TRY(optimizer_spec_name(spec, &name, error));
    *is_file = weights_file_recognised(name);
    l2o_status status = *is_file ? weights_file_checksum(name, checksum, error) : L2O_OK;
    memory_free(name);
    return status;
}

/* The file that a setting other than a list names. */
static l2o_status find(const char *name, const char *value, bool *is_file, uint32_t *checksum, l2o_error *error) {
    static const char *const data[] = {"A", "b", "lambda", "truth", "x0"};
    *is_file = false;
    if (strcmp(name, "optimizer") == 0) return find_weights(value, is_file, checksum, error);
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) *is_file |= strcmp(name, data[i]) == 0;
    *is_file = *is_file && data_file_recognised(value);
    return *is_file ? data_file_checksum(value, checksum, error) : L2O_OK;
}

static l2o_status visit_task(const training_task *task, int number, named_file_found *found, void *user,
                             l2o_error *error) {
    for (int i = 0; i < task->count; i++) {
        uint32_t checksum;
        bool is_file;
        char what[48];
        TRY(find(task->settings[i].name, task->settings[i].value, &is_file, &checksum, error));
        snprintf(what, sizeof what, "%.20s of task %d", task->settings[i].name, number);
        if (is_file) TRY(found(user, what, checksum, error));
    }
    return L2O_OK;
}

static l2o_status visit_tasks(const char *value, named_file_found *found, void *user, l2o_error *error) {
    training_tasks tasks;
    l2o_status status = training_tasks_parse(value, "training-tasks", MOST_TASKS, &tasks, error);
    for (int k = 0; k < tasks.count && status == L2O_OK; k++)
        status = visit_task(&tasks.task[k], k + 1, found, user, error);
    training_tasks_free(&tasks);
    return status;
}

l2o_status named_files_visit(const char *name, const char *value, named_file_found *found, void *user,
                             l2o_error *error) {
    uint32_t checksum;
    bool is_file;
    if (value == NULL) return L2O_OK;
    if (strcmp(name, "training-tasks") == 0) return visit_tasks(value, found, user, error);
    TRY(find(name, value, &is_file, &checksum, error));
    return is_file ? found(user, name, checksum, error) : L2O_OK;
}
