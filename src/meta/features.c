/* Copies of carries by draw and task, within a bound of memory. */
#include "meta/features.h"

#include <string.h>

#include "base/memory.h"

static const size_t MOST_BYTES = (size_t)1 << 30;

l2o_status features_create(int64_t draws, int tasks, size_t bytes, features *features, l2o_error *error) {
    int64_t affordable = (int64_t)(MOST_BYTES / (bytes + (size_t)tasks * sizeof(carry)));
    *features = (struct features){.draws = draws < affordable ? draws : affordable, .tasks = tasks};
    size_t count = (size_t)features->draws * (size_t)tasks;
    features->kept = memory_allocate(count, sizeof *features->kept, error);
    features->present = memory_allocate(count, sizeof *features->present, error);
    if (features->kept != NULL && features->present != NULL) return L2O_OK;
    memory_free(features->kept);
    memory_free(features->present);
    *features = (struct features){0};
    return error->status;
}

void features_free(features *features) {
    for (int64_t i = 0; i < features->draws * features->tasks; i++) carry_free(&features->kept[i]);
    memory_free(features->kept);
    memory_free(features->present);
    *features = (struct features){0};
}

void features_clear(features *features) {
    if (features->draws > 0)
        memset(features->present, 0, (size_t)(features->draws * features->tasks) * sizeof *features->present);
}

bool features_take(const features *features, int64_t draw, int task, carry *to) {
    int64_t place = draw * features->tasks + task;
    if (draw >= features->draws || !features->present[place]) return false;
    carry_copy(&features->kept[place], to);
    return true;
}

l2o_status features_keep(features *features, int64_t draw, int task, const carry *from, const problem *problem,
                         const optimizer *optimizer, l2o_error *error) {
    int64_t place = draw * features->tasks + task;
    if (draw >= features->draws) return L2O_OK;
    carry *kept = &features->kept[place];
    if (kept->x == NULL) TRY(carry_create(problem, optimizer, kept, error));
    carry_copy(from, kept);
    features->present[place] = true;
    return L2O_OK;
}
