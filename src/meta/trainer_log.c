/* The trainer's log: one JSON object a line. The checkpoint remembers how long the log was; lines written after it are
 * cut when a run resumes, so that the log of a run that was killed is the log of one that was not. It therefore holds
 * no times. The picture of a training is made from the log. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "io/json.h"
#include "meta/trainer.h"

static l2o_status log_failure(const trainer *trainer, const char *what, l2o_error *error) {
    return error_set(error, L2O_ERROR_IO, "%s: the log cannot be %s: %s", trainer->log_path, what, strerror(errno));
}

l2o_status trainer_log_open(trainer *trainer, bool resumed, l2o_error *error) {
    if (!ranks_leads(trainer->context)) return L2O_OK;
    FILE *log = fopen(trainer->log_path, resumed ? "r+" : "w");
    if (log == NULL) return log_failure(trainer, "opened", error);
    trainer->log = log;
    if (!resumed) return L2O_OK;
    if (fseek(log, 0, SEEK_END) != 0) return log_failure(trainer, "read", error);
    if (ftell(log) < trainer->state.log_bytes)
        return error_set(
            error, L2O_ERROR_INPUT,
            "%s: shorter than the checkpoint remembers (%ld bytes of %lld); remove the checkpoint and train "
            "anew",
            trainer->log_path, ftell(log), (long long)trainer->state.log_bytes);
    if (ftruncate(fileno(log), (off_t)trainer->state.log_bytes) != 0 ||
        fseek(log, (long)trainer->state.log_bytes, SEEK_SET) != 0)
        return log_failure(trainer, "cut back to the checkpoint", error);
    return L2O_OK;
}

void trainer_log_close(trainer *trainer) {
    if (trainer->log != NULL) (void)fclose(trainer->log);
    trainer->log = NULL;
}

l2o_status trainer_log_flush(trainer *trainer, l2o_error *error) {
    return trainer->log == NULL || fflush(trainer->log) == 0 ? L2O_OK : log_failure(trainer, "written", error);
}

/* JSON has no infinity: a number that is not finite is written as null. */
static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static void write_line(trainer *trainer, json_t *line) {
    l2o_error *error = &trainer->unwritten;
    int layer = trainer_stage(trainer)->layer;
    if (line != NULL && layer > 0 && json_object_set_new(line, "layer", json_integer(layer)) != 0) {
        json_decref(line);
        line = NULL;
    }
    char *text = line == NULL ? NULL : json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(line);
    if (error->status == L2O_OK && text == NULL)
        error_set(error, L2O_ERROR_MEMORY, "out of memory while the log was written");
    if (error->status == L2O_OK && trainer->log != NULL) {
        int written = fprintf(trainer->log, "%s\n", text);
        if (written < 0)
            log_failure(trainer, "written", error);
        else
            trainer->state.log_bytes += written;
    }
    free(text);
}

void trainer_log_draw(trainer *trainer, double loss, double last) {
    const trainer_state *state = &trainer->state;
    write_line(trainer, json_pack("{s:s, s:I, s:i, s:I, s:o, s:o}", "event", "draw", "draw", (json_int_t)state->draws,
                                  "stage", state->stage, "updates", (json_int_t)state->updates, "loss", number(loss),
                                  "last", number(last)));
}

void trainer_log_evaluation(trainer *trainer, double validation, const char *decision) {
    const trainer_state *state = &trainer->state;
    write_line(trainer,
               json_pack("{s:s, s:I, s:i, s:I, s:o, s:o, s:s}", "event", "evaluation", "draw", (json_int_t)state->draws,
                         "stage", state->stage, "updates", (json_int_t)state->updates, "validation", number(validation),
                         "best", number(state->best), "decision", decision));
}

void trainer_log_recovery(trainer *trainer, const char *reason) {
    const trainer_state *state = &trainer->state;
    write_line(trainer,
               json_pack("{s:s, s:I, s:i, s:I, s:o, s:s}", "event", "recovery", "draw", (json_int_t)state->draws,
                         "stage", state->stage, "updates", (json_int_t)state->updates, "rate-factor",
                         number(state->rate_factor), "reason", reason));
}
