/* Fuzzes the list of tasks of meta-training, and the settings that each of them stands for. */
#include <string.h>

#include "experiment/catalog.h"
#include "fuzz.h"
#include "meta/training_tasks.h"

enum { MOST = 8 };

static void check(const training_tasks *tasks) {
    fuzz_require(tasks->count >= 1 && tasks->count <= MOST);
    for (int k = 0; k < tasks->count; k++) {
        const training_task *task = &tasks->task[k];
        fuzz_require(task->count >= 1);
        for (int i = 0; i < task->count; i++)
            for (int j = 0; j < i; j++) fuzz_require(strcmp(task->settings[i].name, task->settings[j].name) != 0);
        l2o_error error = {0};
        l2o_settings *settings, *own;
        fuzz_require(catalog_settings(&settings, &error) == L2O_OK);
        l2o_status status = training_task_settings(task, settings, &own, &error);
        fuzz_check_status(status, &error);
        if (status == L2O_OK) settings_free(own);
        settings_free(settings);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    training_tasks tasks;
    char *text = malloc(size + 1);
    fuzz_require(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    l2o_status status = training_tasks_parse(text, "fuzz", MOST, &tasks, &error);
    fuzz_check_status(status, &error);
    if (status == L2O_OK) check(&tasks);
    training_tasks_free(&tasks);
    free(text);
    return 0;
}
