/* The kinds of tasks that the setting `training-tasks` lists: "density=0.05 | density=0.1, snr=30" are two, each a list
 * of problem settings that hold in place of those of the training. M-L2O (Yang et al., ICLR 2023) trains on tasks that
 * differ in the distribution of A, which are components of a mixture; where A is shared by all instances, as for
 * unrolled optimizers, tasks differ in their density, noise or dictionary, and those are what this is for.
 *
 * Between two commas a text without '=' belongs to the value before it, so that A=mix:normal:1,normal:2 needs no
 * quotes. */
#ifndef L2O_META_TRAINING_TASKS_H
#define L2O_META_TRAINING_TASKS_H

#include "base/arena.h"
#include "base/settings.h"

typedef struct task_setting {
    const char *name, *value;
} task_setting;

typedef struct training_task {
    const char *origin; /* for sentences: training-tasks, 'density=0.05' */
    task_setting *settings;
    int count;
} training_task;

typedef struct training_tasks {
    arena memory;
    training_task *task;
    int count;
} training_tasks;

/* At most `most` tasks, each with at least one setting and none twice. Release with training_tasks_free(), also after a
 * failure. */
l2o_status training_tasks_parse(const char *text, const char *origin, int most, training_tasks *out, l2o_error *error);
void training_tasks_free(training_tasks *tasks);

/* A copy of `settings` with the task's own. L2O_ERROR_INPUT for names that are no setting of the task's problem. */
l2o_status training_task_settings(const training_task *task, const l2o_settings *settings, l2o_settings **out,
                                  l2o_error *error);
/* Once the task's problem was made from that copy: L2O_ERROR_INPUT for one of the task's settings that it did not use.
 */
l2o_status training_task_check_used(const training_task *task, const l2o_settings *copy, l2o_error *error);

#endif
