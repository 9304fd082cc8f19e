/* Reads the list of tasks and puts their settings in place. */
#include "meta/training_tasks.h"

#include <string.h>

#include "base/buffer.h"
#include "problems/problem.h"

static const char BLANKS[] = " \t\n";

/* ------------------------------------------------------------------------------------------------------- parsing */

/* Cuts blanks off both ends of [from, end), in place. */
static char *trim(char *from, char *end) {
    while (from < end && strchr(BLANKS, *from) != NULL) from++;
    while (end > from && strchr(BLANKS, end[-1]) != NULL) end--;
    *end = '\0';
    return from;
}

/* The comma that ends the setting at `at`, which is one that another NAME= follows; or the end of the text. */
static char *setting_end(char *at) {
    for (at += strcspn(at, ","); *at != '\0'; at += 1 + strcspn(at + 1, ","))
        if (strcspn(at + 1, "=") < strcspn(at + 1, ",")) break;
    return at;
}

static l2o_status add_setting(training_task *task, char *piece, l2o_error *error) {
    char *equals = strchr(piece, '=');
    if (equals == NULL || equals == piece)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: '%.60s' is not SETTING=VALUE; tasks are separated by |, the settings of one by commas, "
                         "as in density=0.05|density=0.1,snr=30",
                         task->origin, piece);
    const char *name = trim(piece, equals);
    for (int k = 0; k < task->count; k++)
        if (strcmp(task->settings[k].name, name) == 0)
            return error_set(error, L2O_ERROR_INPUT, "%s: '%.60s' stands twice in one task; keep one of them",
                             task->origin, name);
    task->settings[task->count++] = (task_setting){name, trim(equals + 1, equals + 1 + strlen(equals + 1))};
    return L2O_OK;
}

static l2o_status name_task(training_tasks *tasks, training_task *task, const char *text, const char *origin,
                            l2o_error *error) {
    buffer name = {0};
    char *copy = NULL;
    l2o_status status = buffer_print(&name, error, "%s, '%.80s%s'", origin, text, strlen(text) > 80 ? "..." : "");
    if (status == L2O_OK) copy = arena_allocate(&tasks->memory, name.size + 1, error);
    if (copy != NULL) memcpy(copy, buffer_text(&name), name.size + 1);
    buffer_free(&name);
    task->origin = copy;
    return copy == NULL ? error->status : L2O_OK;
}

/* `text` is trimmed, and is cut into pieces. */
static l2o_status parse_task(training_tasks *tasks, char *text, const char *origin, l2o_error *error) {
    training_task *task = &tasks->task[tasks->count++];
    size_t most = 1;
    for (const char *at = text; *at != '\0'; at++) most += *at == ',';
    *task = (training_task){.settings = arena_allocate(&tasks->memory, most * sizeof *task->settings, error)};
    if (task->settings == NULL) return error->status;
    TRY(name_task(tasks, task, text, origin, error));
    for (bool more = true; more;) {
        char *end = setting_end(text);
        more = *end != '\0';
        TRY(add_setting(task, trim(text, end), error));
        text = end + 1;
    }
    return L2O_OK;
}

l2o_status training_tasks_parse(const char *text, const char *origin, int most, training_tasks *out, l2o_error *error) {
    *out = (training_tasks){0};
    int count = 1;
    for (const char *at = text; *at != '\0' && count <= most; at++) count += *at == '|';
    if (count > most) return error_set(error, L2O_ERROR_INPUT, "%s: more than %d tasks; list fewer", origin, most);
    char *copy = arena_allocate(&out->memory, strlen(text) + 1, error);
    out->task = arena_allocate(&out->memory, (size_t)count * sizeof *out->task, error);
    if (copy == NULL || out->task == NULL) return error->status;
    memcpy(copy, text, strlen(text) + 1);
    for (int k = 0; k < count; k++) {
        char *end = copy + strcspn(copy, "|");
        TRY(parse_task(out, trim(copy, end), origin, error));
        copy = end + 1;
    }
    return L2O_OK;
}

void training_tasks_free(training_tasks *tasks) {
    arena_free(&tasks->memory);
    *tasks = (training_tasks){0};
}

/* ------------------------------------------------------------------------------------------------- in their place */

static bool stands_in(const setting *table, const char *name) {
    for (const setting *s = table; s != NULL && s->name != NULL; s++)
        if (strcmp(s->name, name) == 0) return true;
    return false;
}

static l2o_status check_names(const training_task *task, const l2o_settings *settings, l2o_error *error) {
    const char *family = settings_peek(settings, "problem");
    const problem_ops *ops = problem_find(family);
    for (int k = 0; k < task->count; k++) {
        const char *name = task->settings[k].name;
        if (stands_in(problem_common_settings, name) || ops == NULL || stands_in(ops->settings, name)) continue;
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: '%s' is no setting of the problem %s, and tasks differ in their problems alone; set it "
                         "outside training-tasks",
                         task->origin, name, family);
    }
    return L2O_OK;
}

static l2o_status put(const training_task *task, l2o_settings *settings, l2o_error *error) {
    for (int k = 0; k < task->count; k++)
        TRY(settings_set(settings, task->settings[k].name, task->settings[k].value, task->origin, error));
    return check_names(task, settings, error);
}

l2o_status training_task_settings(const training_task *task, const l2o_settings *settings, l2o_settings **out,
                                  l2o_error *error) {
    TRY(settings_copy(settings, out, error));
    l2o_status status = put(task, *out, error);
    if (status == L2O_OK) return L2O_OK;
    settings_free(*out);
    *out = NULL;
    return status;
}

typedef struct others {
    const training_task *task;
    const l2o_settings *settings;
} others;

static void mark_others(void *context, const char *name, const char *value, const char *origin, bool given) {
    const others *self = context;
    (void)value, (void)origin, (void)given;
    for (int k = 0; k < self->task->count; k++)
        if (strcmp(self->task->settings[k].name, name) == 0) return;
    settings_mark_used(self->settings, name);
}

l2o_status training_task_check_used(const training_task *task, const l2o_settings *copy, l2o_error *error) {
    others others = {task, copy};
    settings_visit_set(copy, mark_others, &others);
    return settings_check_used(copy, "the problem of this task", error);
}
