/* What trainings and cells share: seeds, folders, progress. */
#define _XOPEN_SOURCE 700 /* mkdir */
#include "experiment/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "meta/trainer.h"

/* The folder and those above it. */
static l2o_status make_folder(const char *path, l2o_error *error) {
    char *copy = memory_string(path, error);
    if (copy == NULL) return error->status;
    l2o_status status = L2O_OK;
    for (char *at = copy + 1; status == L2O_OK; at++) {
        char end = *at;
        if (end != '/' && end != '\0') continue;
        *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            status = error_set(error, L2O_ERROR_IO, "%s: the folder cannot be made: %s", copy, strerror(errno));
        *at = end;
        if (end == '\0') break;
    }
    memory_free(copy);
    return status;
}

static l2o_status make_folders(const session *session, l2o_error *error) {
    static const char *const parts[] = {"weights", "cells"};
    TRY(make_folder(session->folder, error));
    for (int i = 0; i < 2; i++) {
        buffer path = {0};
        l2o_status status = buffer_print(&path, error, "%s/%s", session->cache, parts[i]);
        if (status == L2O_OK) status = make_folder(buffer_text(&path), error);
        buffer_free(&path);
        TRY(status);
    }
    return L2O_OK;
}

static l2o_status read_seeds(session *session, l2o_error *error) {
    l2o_settings *base;
    TRY(experiment_base_settings(session->experiment, session->given, &base, error));
    bool listed = settings_is_set(base, "seeds");
    session->seed_count = 1;
    l2o_status status = listed ? trainer_seeds(base, NULL, &session->seed_count, error) : L2O_OK;
    if (status == L2O_OK) {
        session->seeds = memory_allocate((size_t)session->seed_count, sizeof *session->seeds, error);
        status = session->seeds == NULL ? error->status : L2O_OK;
    }
    if (status == L2O_OK && listed)
        status = trainer_seeds(base, session->seeds, &session->seed_count, error);
    else if (status == L2O_OK)
        session->seeds[0] = 1;
    settings_free(base);
    if (session->given != NULL && session->experiment->weights_count > 0) settings_mark_used(session->given, "seeds");
    return status;
}

l2o_status session_begin(session *session, l2o_error *error) {
    session->lock = job_lock_create(error);
    if (session->lock == NULL) return error->status;
    TRY(read_seeds(session, error));
    return make_folders(session, error);
}

void session_end(session *session) {
    for (int64_t i = 0; i < session->training_count; i++) {
        memory_free(session->trainings[i].path);
        memory_free(session->trainings[i].target);
    }
    for (int64_t i = 0; i < session->cell_count; i++) cell_free(&session->cells[i]);
    memory_free(session->trainings);
    memory_free(session->cells);
    memory_free(session->places);
    memory_free(session->seeds);
    job_lock_free(session->lock);
}

void session_progress(session *session, const char *phase, int64_t more, const char *event) {
    job_lock_take(session->lock);
    session->done += more;
    l2o_experiment_progress now = {phase, session->done, session->total, event};
    if (session->function != NULL) session->function(session->user, &now);
    job_lock_release(session->lock);
}
