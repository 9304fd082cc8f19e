/* The trainer: the same bits for any number of threads and after any interruption, stages, recovery, refusals. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "io/npy.h"
#include "io/safetensors.h"
#include "l2o/problem.h"
#include "problems/linear_model.h"
#include "problems/problem.h"
#include "training_place.h"

#define TASKS                                                                                                          \
    "problem=lasso A=mix:normal:0.1,normal:1 stages=1,2,3 stage-draws=4,3,2 evaluate-every=1 "                         \
    "evaluation-draws=2 checkpoint-seconds=0 "

static void test_threads(void **state) {
    (void)state;
    static const char *const texts[] = {TRAINING_TINY TASKS "estimator=fomaml n=40 batch=12",
                                        TRAINING_TINY TASKS "estimator=maml n=40 batch=12 dtype=float32",
                                        TRAINING_TINY TASKS "estimator=fomaml n=40 batch=12 update=momentum "
                                                            "normalise=spectral meta-loss=log",
                                        TRAINING_TINY TASKS "estimator=plain inputs=full n=40 batch=12"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        l2o_training_report one, two;
        train(1, texts[i], "one", &one);
        train(2, texts[i], "two", &two);
        assert_same_training("one", "two");
        assert_true(one.finished && one.updates > 0 && one.updates == two.updates && !one.resumed);
        assert_true(one.gradient_evaluations == two.gradient_evaluations);
        assert_string_equal(one.weights_path + strlen(one.weights_path) - 15, "one.safetensors");
    }
    l2o_training_report other;
    train(1, TRAINING_TINY TASKS "estimator=plain inputs=full n=40 batch=12 seed=6", "two", &other);
    char a[160], b[160];
    buffer first = {0}, second = {0};
    training_read(named("one", ".log.jsonl", a), &first);
    training_read(named("two", ".log.jsonl", b), &second);
    assert_true(first.size != second.size || memcmp(first.bytes, second.bytes, first.size) != 0); /* seeds matter */
    buffer_free(&first);
    buffer_free(&second);
}

/* ------------------------------------------------------------------------------------------------- interruption */

typedef struct stopper {
    l2o_context *context;
    int calls, at; /* cancels in the call number `at` */
} stopper;

static void stop_at(void *user, const l2o_training_progress *progress) {
    stopper *self = user;
    assert_true(progress->updates <= progress->expected_updates && progress->stage <= progress->stages);
    if (++self->calls == self->at) l2o_context_cancel(self->context);
}

/* Trains, cancelled in the given call of the progress function; 0: never. Returns the number of calls. */
static int train_until(int at, const char *text, const char *stem, l2o_status expected, l2o_training_report *report) {
    stopper stop = {.context = training_context(1), .at = at};
    l2o_settings *settings = training_settings(text);
    char path[160];
    l2o_status status = l2o_train(stop.context, settings, named(stem, ".safetensors", path), stop_at, &stop, report);
    if (status != expected) fail_msg("status %d: %s", (int)status, l2o_context_error(stop.context));
    if (status == L2O_ERROR_CANCELLED) {
        assert_contains(l2o_context_error(stop.context), "interrupted after");
        assert_contains(l2o_context_error(stop.context), report->checkpoint_path);
        assert_false(report->finished);
    }
    l2o_settings_free(settings);
    l2o_context_free(stop.context);
    return stop.calls;
}

static void test_resume(void **state) {
    (void)state;
    static const char *const texts[] = {
        TRAINING_TINY TASKS "estimator=fomaml", TRAINING_TINY TASKS "estimator=maml early-stop=no",
        TRAINING_TINY "problem=lasso A=mix:normal:0.1,normal:1 stages=1,2,3 stage-draws=4,3,2 "
                      "estimator=plain evaluate-every=0 checkpoint-seconds=1000",
        TRAINING_TINY TASKS "estimator=fomaml outer-schedule=cosine early-stop=no updates=13"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        l2o_training_report whole, part;
        int calls = train_until(0, texts[i], "whole", L2O_OK, &whole);
        assert_true(calls > 8);
        char resumed[1024], path[160];
        snprintf(resumed, sizeof resumed, "%s resume=yes", texts[i]);
        for (int at = 1; at < calls; at++) {
            train_until(at, texts[i], "part", L2O_ERROR_CANCELLED, &part);
            assert_false(part.resumed);
            train_until(0, resumed, "part", L2O_OK, &part);
            assert_true(part.resumed && part.finished && part.updates == whole.updates && part.draws == whole.draws);
            assert_true(part.gradient_evaluations == whole.gradient_evaluations);
            assert_same_training("whole", "part");
            assert_int_equal(unlink(named("part", ".checkpoint", path)), 0);
        }
        /* Interrupted again and again, never far from where it went on. */
        l2o_status status = L2O_ERROR_CANCELLED;
        train_until(3, texts[i], "part", L2O_ERROR_CANCELLED, &part);
        for (int round = 0; status != L2O_OK; round++) {
            assert_true(round < 60);
            stopper stop = {.context = training_context(2), .at = 5};
            l2o_settings *settings = training_settings(resumed);
            status = l2o_train(stop.context, settings, named("part", ".safetensors", path), stop_at, &stop, &part);
            assert_true(status == L2O_OK || status == L2O_ERROR_CANCELLED);
            l2o_settings_free(settings);
            l2o_context_free(stop.context);
        }
        assert_same_training("whole", "part");
        /* Resuming what is finished changes nothing. */
        train_until(0, resumed, "part", L2O_OK, &part);
        assert_true(part.resumed && part.finished);
        assert_same_training("whole", "part");
        assert_int_equal(unlink(named("part", ".checkpoint", path)), 0);
    }
}

/* The weights after `updates` updates of the run described. */
static void weights_after(int updates, const char *text, double *out, int64_t count) {
    char full[512], path[160];
    l2o_training_report report;
    l2o_context *context = training_context(1);
    l2o_optimizer *optimizer = NULL;
    double *weights;
    snprintf(full, sizeof full, "%s updates=%d", text, updates);
    train(1, full, "rate", &report);
    assert_int_equal(report.updates, updates);
    l2o_settings *settings = training_settings("");
    snprintf(full, sizeof full, "optimizer=%s", named("rate", ".safetensors", path));
    training_set(settings, full);
    if (l2o_optimizer_create(context, settings, &optimizer) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    assert_int_equal(l2o_optimizer_weights(optimizer, &weights), count);
    memcpy(out, weights, (size_t)count * sizeof *out);
    l2o_optimizer_free(optimizer);
    l2o_settings_free(settings);
    l2o_context_free(context);
}

/* The k-th of N updates has the rate times (1 + cos(pi k / N)) / 2, N being the stages' updates or fewer on request.
 * While weights are the same so are gradients and Adam's slots, so the next steps' lengths are as the rates. */
static void test_cosine(void **state) {
    (void)state;
    enum { WEIGHTS = 2 * 3 + 3 + 6 * 12 + 12 + 3 + 1 };
#define COSINE TRAINING_TINY "problem=lasso estimator=plain evaluate-every=0 "
    double one[WEIGHTS], constant[WEIGHTS], cosine[WEIGHTS];
    weights_after(1, COSINE "stages=3 stage-draws=2", one, WEIGHTS);
    weights_after(1, COSINE "stages=3 stage-draws=2 outer-schedule=cosine", cosine, WEIGHTS);
    assert_memory_equal(one, cosine, sizeof one); /* full at the beginning */
    weights_after(2, COSINE "stages=3 stage-draws=2", constant, WEIGHTS);
    /* Updates of the stages, and those that are left when fewer are asked for: both make N. */
    static const char *const texts[] = {COSINE "stages=2 stage-draws=1 outer-schedule=cosine",
                                        COSINE "stages=3 stage-draws=2 outer-schedule=cosine"};
    for (int k = 0; k < 2; k++) {
        weights_after(2, texts[k], cosine, WEIGHTS);
        for (int i = 0; i < WEIGHTS; i++) {
            double expected = 0.5 * (constant[i] - one[i]);
            assert_true(fabs(cosine[i] - one[i] - expected) <= 1e-12 * (1 + fabs(one[i])));
            assert_true(constant[i] != one[i]);
        }
    }
}

static void append(const char *path, const char *text) {
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A run that was killed has written lines after its last checkpoint: they are cut. */
static void test_log_is_cut(void **state) {
    (void)state;
    const char *text = TRAINING_TINY TASKS "estimator=fomaml";
    l2o_training_report whole, part;
    train(1, text, "whole", &whole);
    train_until(6, text, "part", L2O_ERROR_CANCELLED, &part);
    append(part.log_path, "{\"event\":\"draw\",\"draw\":99}\n{\"event\":\"dr");
    train(1, TRAINING_TINY TASKS "estimator=fomaml resume=yes", "part", &part);
    assert_same_training("whole", "part");

    train_until(6, text, "part", L2O_ERROR_CANCELLED, &part); /* and one that is too short is refused */
    struct stat information;
    assert_int_equal(stat(part.log_path, &information), 0);
    assert_true(information.st_size > 10);
    assert_int_equal(truncate(part.log_path, information.st_size - 1), 0);
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings(TRAINING_TINY TASKS "estimator=fomaml resume=yes");
    assert_int_equal(l2o_train(context, settings, part.weights_path, NULL, NULL, &part), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "shorter than the checkpoint remembers");
    l2o_settings_free(settings);
    l2o_context_free(context);
}

static void refuse(const char *text, const char *path, l2o_status expected, const char *part) {
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings(text);
    l2o_training_report report;
    l2o_status status = l2o_train(context, settings, path, NULL, NULL, &report);
    if (status != expected) fail_msg("status %d, not %d: %s", (int)status, (int)expected, l2o_context_error(context));
    assert_contains(l2o_context_error(context), part);
    l2o_settings_free(settings);
    l2o_context_free(context);
}

static void test_checkpoint_refuses(void **state) {
    (void)state;
    const char *text = TRAINING_TINY TASKS "estimator=fomaml";
    l2o_training_report report;
    train_until(4, text, "w", L2O_ERROR_CANCELLED, &report);
    char path[160], checkpoint[160];
    named("w", ".safetensors", path);
    named("w", ".checkpoint", checkpoint);
#define RESUMED(more) TRAINING_TINY TASKS "estimator=fomaml resume=yes " more
    refuse(RESUMED("outer-rate=0.01"), path, L2O_ERROR_INPUT, "outer-rate = 0.001, but now it is 0.01");
    refuse(RESUMED("seed=6"), path, L2O_ERROR_INPUT, "seed = 5");
    refuse(RESUMED("hidden=4"), path, L2O_ERROR_INPUT, "hidden = 3");
    refuse(RESUMED("outer-segment=same"), path, L2O_ERROR_INPUT, "outer-segment = (unset)");
    refuse(RESUMED("estimator=maml"), path, L2O_ERROR_INPUT, "estimator = fomaml");
    refuse(RESUMED("early-stop=no"), path, L2O_ERROR_INPUT, "early-stop = yes");
    /* How often checkpoints are written may change; what another call on the same settings used does not matter. */
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings(RESUMED("checkpoint-seconds=1000"));
    settings_integer(settings, "adaptation-updates");
    if (l2o_train(context, settings, path, NULL, NULL, &report) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    l2o_settings_free(settings);
    l2o_context_free(context);

    /* Damaged ones. */
    l2o_error error = {0};
    buffer whole = {0};
    train_until(4, text, "w", L2O_ERROR_CANCELLED, &report);
    training_read(checkpoint, &whole);
    for (size_t size = 0; size < whole.size; size += 1 + whole.size / 9) {
        assert_int_equal(file_write(checkpoint, whole.bytes, size, &error), L2O_OK);
        refuse(RESUMED(""), path, L2O_ERROR_INPUT, "w.checkpoint");
    }
    static const char *const states[] = {"{}",
                                         "{\"stage\":-1",
                                         "{\"stage\":3,\"finished\":0",
                                         "{\"stage\":4,\"finished\":1",
                                         "{\"rate_factor\":\"0x0p+0\"",
                                         "{\"updates\":-4"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        safetensors *file = safetensors_parse(whole.bytes, whole.size, "checkpoint", &error);
        assert_non_null(file);
        json_t *fields = json_loads(safetensors_metadata(file, "state"), 0, NULL);
        char change[128];
        snprintf(change, sizeof change, "%s%s", states[i], i == 0 ? "" : "}");
        json_t *changed = json_loads(change, 0, NULL);
        assert_true(fields != NULL && changed != NULL);
        if (i == 0) json_object_clear(fields);
        json_object_update(fields, changed);
        char *line = json_dumps(fields, JSON_COMPACT);
        assert_int_equal(safetensors_set_metadata(file, "state", line, &error), L2O_OK);
        assert_int_equal(safetensors_write(file, checkpoint, &error), L2O_OK);
        refuse(RESUMED(""), path, L2O_ERROR_INPUT, i == 0 ? "lacks" : "damaged");
        free(line);
        json_decref(fields);
        json_decref(changed);
        safetensors_free(file);
    }
    /* Weights are no checkpoint. */
    buffer_free(&whole);
    training_read(path, &whole);
    assert_int_equal(file_write(checkpoint, whole.bytes, whole.size, &error), L2O_OK);
    refuse(RESUMED(""), path, L2O_ERROR_INPUT, "not a checkpoint");
    buffer_free(&whole);
    /* Without --resume it is not even looked at. */
    train(1, text, "w", &report);
    assert_false(report.resumed);
}

/* ------------------------------------------------------------------------------------------------------- stages */

/* The log as an array of its lines. */
static json_t *read_log(const char *stem) {
    char path[160];
    buffer text = {0};
    training_read(named(stem, ".log.jsonl", path), &text);
    json_t *lines = json_array();
    char *rest;
    for (char *line = strtok_r(text.bytes, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        json_t *entry = json_loads(line, 0, NULL);
        assert_non_null(entry);
        json_array_append_new(lines, entry);
    }
    buffer_free(&text);
    return lines;
}

static const char *text_of(const json_t *entry, const char *key) {
    const char *text = json_string_value(json_object_get(entry, key));
    return text == NULL ? "" : text;
}

static double number_of(const json_t *entry, const char *key) {
    const json_t *value = json_object_get(entry, key);
    return json_is_number(value) ? json_number_value(value) : INFINITY;
}

/* Replays the rule of the curriculum from the validations in the log, and checks each decision against it. */
static void check_rule(const char *stem, int stages, const int64_t *draws, int64_t every, int64_t least,
                       const l2o_training_report *report) {
    json_t *log = read_log(stem);
    int64_t stage = 0, in_stage = 0, evaluations = 0, ended_stages = 0;
    double best = INFINITY;
    bool improved = false, finished = false, begins = false;
    size_t i;
    json_t *entry;
    json_array_foreach(log, i, entry) {
        assert_false(finished);
        assert_int_equal(json_integer_value(json_object_get(entry, "stage")), stage);
        if (strcmp(text_of(entry, "event"), "draw") == 0) {
            assert_false(begins);
            in_stage++;
            bool due = in_stage % every == 0 || in_stage == draws[stage];
            if (due) {
                assert_true(i + 1 < json_array_size(log));
                assert_string_equal(text_of(json_array_get(log, i + 1), "event"), "evaluation");
            }
            continue;
        }
        assert_string_equal(text_of(entry, "event"), "evaluation");
        double validation = number_of(entry, "validation");
        const char *decision = text_of(entry, "decision");
        if (begins) {
            assert_string_equal(decision, "stage begins");
            best = validation;
            begins = false;
            continue;
        }
        evaluations++;
        if (validation < best) {
            assert_string_equal(decision, "kept");
            best = validation;
            improved = true;
        } else if (evaluations < least) {
            assert_string_equal(decision, "not better");
        } else {
            assert_string_equal(decision, improved ? "stage ends" : "training ends");
            finished = !improved;
            ended_stages += improved;
        }
        bool ends = strcmp(decision, "stage ends") == 0 || (!finished && in_stage == draws[stage]);
        if (!ends) continue;
        stage++;
        in_stage = evaluations = 0;
        improved = false;
        begins = stage < stages;
        finished = !begins;
    }
    assert_true(finished);
    assert_int_equal(report->stages_done, stage);
    (void)ended_stages;
    json_decref(log);
}

static void test_rule(void **state) {
    (void)state;
    l2o_training_report report;
    /* Rates from harmless to harmful: stages that improve, stall, and bring nothing. */
    static const char *const rates[] = {"0.0001", "0.003", "0.03", "0.3", "3"};
    int early = 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (int least = 1; least <= 3; least++) {
            char text[512];
            snprintf(text, sizeof text,
                     TRAINING_TINY "problem=lasso estimator=plain stages=1,2,2 stage-draws=9,7,5 evaluate-every=2 "
                                   "evaluation-draws=1 min-evaluations=%d outer-rate=%s",
                     least, rates[i]);
            train(1, text, "w", &report);
            check_rule("w", 3, (int64_t[]){9, 7, 5}, 2, least, &report);
            early += report.draws < 21;
        }
    assert_true(early > 2);
    train(1,
          TRAINING_TINY "problem=lasso estimator=plain stages=1,2 stage-draws=4,3 evaluate-every=2 early-stop=no "
                        "outer-rate=3",
          "w", &report);
    assert_int_equal(report.draws, 7); /* no early stop: every draw */
    assert_int_equal(report.updates, 4 + 6);
    train(1, TRAINING_TINY "problem=lasso estimator=plain stages=2,3 stage-draws=4 evaluate-every=0 updates=11", "w",
          &report);
    assert_int_equal(report.updates, 11);
    assert_int_equal(report.draws, 5);
    assert_true(isnan(report.best_validation));
}

/* The draw after which the log says the best weights stood. */
static int64_t best_draw_of(const char *stem) {
    json_t *log = read_log(stem);
    int64_t best = 0;
    size_t i;
    json_t *entry;
    json_array_foreach(log, i, entry) {
        if (strcmp(text_of(entry, "decision"), "kept") == 0) best = json_integer_value(json_object_get(entry, "draw"));
    }
    json_decref(log);
    return best;
}

static void assert_same_weights(const char *a, const char *b) {
    l2o_error error = {0};
    char path[160];
    safetensors *first = safetensors_read(named(a, ".safetensors", path), &error);
    safetensors *second = safetensors_read(named(b, ".safetensors", path), &error);
    assert_true(first != NULL && second != NULL && first->count == second->count);
    for (size_t k = 0; k < first->count; k++)
        assert_memory_equal(first->tensors[k].data, second->tensors[k].data, first->tensors[k].bytes);
    safetensors_free(first);
    safetensors_free(second);
}

/* The weights that are written are those of the best evaluation, not the last: as if training had ended there. */
static void test_best_weights_are_kept(void **state) {
    (void)state;
    enum { DRAWS = 12 };
    static const char *const rates[] = {"0.01", "0.05", "0.2", "1", "5"}, *const scales[] = {"0.01", "0.5", "3", "20"};
    int before_the_end = 0;
    for (int i = 0; i < 20; i++) {
        char text[512], shorter[640];
        l2o_training_report report;
        snprintf(text, sizeof text, TRAINING_TINY "problem=lasso estimator=plain stages=2 outer-rate=%s step-scale=%s ",
                 rates[i % 5], scales[i / 5]);
        snprintf(shorter, sizeof shorter, "%s stage-draws=%d evaluate-every=1 evaluation-draws=1 early-stop=no", text,
                 DRAWS);
        train(1, shorter, "w", &report);
        int best = (int)best_draw_of("w");
        assert_true(best > 0);
        before_the_end += best < DRAWS;
        snprintf(shorter, sizeof shorter, "%s stage-draws=%d evaluate-every=0", text, best);
        train(1, shorter, "until", &report);
        assert_same_weights("w", "until");
    }
    assert_true(before_the_end > 3);
}

/* ------------------------------------------------------------------------------------- problems of the caller's own */

typedef struct bowl {
    int evaluations, from, until; /* NaN in these evaluations, counted from 1 */
    int stop_at;                  /* returns 7 in this one */
    double centre[8];             /* per instance */
} bowl;

static int bowl_value(void *user, int64_t instance, const double *x, double *f, double *g) {
    bowl *self = user;
    int now = ++self->evaluations;
    if (now == self->stop_at) return 7;
    *f = 1;
    for (int j = 0; j < 2; j++) {
        double d = x[j] - self->centre[instance];
        *f += d * d;
        if (g != NULL) g[j] = 2 * d;
    }
    if (now >= self->from && now < self->until) *f = NAN;
    return 0;
}

static int bowl_sample(void *user, int64_t instance, l2o_random *random) {
    bowl *self = user;
    self->centre[instance] = l2o_random_normal(random);
    return 0;
}

typedef struct listener {
    char messages[4096];
    int events;
} listener;

static void hear(void *user, const char *text) {
    listener *self = user;
    size_t used = strlen(self->messages);
    snprintf(self->messages + used, sizeof self->messages - used, "%s\n", text);
}

static l2o_status train_bowl(bowl *self, const char *text, const char *stem, listener *ear, l2o_training_report *report,
                             char *sentence) {
    l2o_context *context = training_context(1);
    l2o_context_on_message(context, hear, ear);
    l2o_settings *settings = training_settings(text);
    l2o_problem *problem;
    const l2o_problem_callbacks callbacks = {
        .size = sizeof callbacks, .value_gradient = bowl_value, .sample = bowl_sample};
    int from = self->from, until = self->until, stop = self->stop_at;
    self->from = self->until = self->stop_at = 0;
    if (l2o_problem_create_custom(context, &callbacks, self, 4, 2, "float64", &problem) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    self->evaluations = 0;
    self->from = from;
    self->until = until;
    self->stop_at = stop;
    char path[160];
    l2o_status status =
        l2o_train_on(context, settings, &problem, 1, named(stem, ".safetensors", path), NULL, NULL, report);
    if (sentence != NULL) snprintf(sentence, 1024, "%s", l2o_context_error(context));
    l2o_problem_free(problem);
    l2o_settings_free(settings);
    l2o_context_free(context);
    return status;
}

#define BOWL "layers=1 hidden=3 unroll=3 seed=5 estimator=plain stages=2 stage-draws=6 evaluate-every=0 "

static void test_custom_problems(void **state) {
    (void)state;
    bowl self = {0};
    listener ear = {0};
    l2o_training_report report;
    char sentence[1024];
    if (train_bowl(&self, BOWL, "a", &ear, &report, sentence) != L2O_OK) fail_msg("%s", sentence);
    assert_true(report.finished && report.updates == 12 && report.recoveries == 0);
    int evaluations = self.evaluations;
    self = (bowl){0};
    assert_int_equal(train_bowl(&self, BOWL, "b", &ear, &report, NULL), L2O_OK);
    assert_same_training("a", "b");
    assert_string_equal(ear.messages, "");

    /* The callback stops it: a checkpoint of the last whole draw, and a sentence with the callback's reason. */
    self = (bowl){.stop_at = evaluations / 2};
    assert_int_equal(train_bowl(&self, BOWL, "b", &ear, &report, sentence), L2O_ERROR_CANCELLED);
    assert_contains(sentence, "returning 7");
    assert_contains(sentence, "interrupted after");
    self = (bowl){0};
    if (train_bowl(&self, BOWL "resume=yes", "b", &ear, &report, sentence) != L2O_OK) fail_msg("%s", sentence);
    assert_true(report.resumed);
    assert_same_training("a", "b");

    self = (bowl){0};
    assert_int_equal(train_bowl(&self, BOWL "batch=7", "b", &ear, &report, sentence), L2O_ERROR_INPUT);
    assert_contains(sentence, "'batch' (7) is not used by training");
    self = (bowl){0};
    assert_int_equal(train_bowl(&self, BOWL "tasks=mixed", "b", &ear, &report, sentence), L2O_ERROR_INPUT);
    assert_contains(sentence, "'tasks'");
    self = (bowl){0};
    assert_int_equal(train_bowl(&self, BOWL "inputs=full", "b", &ear, &report, sentence), L2O_ERROR_UNSUPPORTED);
    assert_contains(sentence, "Hessian");
}

static void test_recovery(void **state) {
    (void)state;
    bowl self = {0};
    listener ear = {0};
    l2o_training_report report;
    char sentence[1024];
    assert_int_equal(train_bowl(&self, BOWL, "a", &ear, &report, NULL), L2O_OK);
    int evaluations = self.evaluations;
    self = (bowl){.from = evaluations / 2, .until = evaluations / 2 + 3};
    if (train_bowl(&self, BOWL, "w", &ear, &report, sentence) != L2O_OK) fail_msg("%s", sentence);
    assert_int_equal(report.recoveries, 1);
    assert_int_equal(report.draws, 6);
    assert_contains(ear.messages, "going back to the last good weights");
    assert_contains(ear.messages, "is nan after");
    assert_contains(ear.messages, "recovery 1 of 5");
    json_t *log = read_log("w");
    int recoveries = 0;
    size_t i;
    json_t *entry;
    json_array_foreach(log, i, entry) {
        if (strcmp(text_of(entry, "event"), "recovery") != 0) continue;
        recoveries++;
        assert_true(number_of(entry, "rate-factor") == 0.5);
        assert_contains(text_of(entry, "reason"), "nan");
    }
    assert_int_equal(recoveries, 1);
    json_decref(log);

    /* With none allowed, and with NaN for ever. */
    self = (bowl){.from = evaluations / 2, .until = evaluations / 2 + 3};
    assert_int_equal(train_bowl(&self, BOWL "recoveries=0", "n", &ear, &report, sentence), L2O_ERROR_NUMERIC);
    assert_contains(sentence, "try a smaller --outer-rate; the last"); /* there is no inner step */
    char path[160];
    assert_false(file_exists(named("n", ".safetensors", path)));
    self = (bowl){.from = evaluations / 3, .until = 1000000};
    assert_int_equal(train_bowl(&self, BOWL "recoveries=2", "n", &ear, &report, sentence), L2O_ERROR_NUMERIC);
    assert_contains(sentence, "after 2 recoveries");
    assert_int_equal(report.recoveries, 2);
    assert_false(file_exists(named("n", ".safetensors", path)));
    assert_false(report.finished);
}

/* After a recovery the weights are the last that evaluated finite: with one draw evaluated, NaN in the second, and no
 * more, the result is that of the first draw alone. */
static void test_recovery_goes_back(void **state) {
    (void)state;
    bowl self = {0};
    listener ear = {0};
    l2o_training_report report;
    const char *one = "layers=1 hidden=3 unroll=3 seed=5 estimator=plain stages=2 stage-draws=1 evaluate-every=1 "
                      "evaluation-draws=1 early-stop=no";
    assert_int_equal(train_bowl(&self, one, "one", &ear, &report, NULL), L2O_OK);
    int evaluations = self.evaluations;
    self = (bowl){.from = evaluations + 3, .until = evaluations + 4};
    char sentence[1024];
    const char *two = "layers=1 hidden=3 unroll=3 seed=5 estimator=plain stages=2 stage-draws=2 evaluate-every=1 "
                      "evaluation-draws=1 early-stop=no";
    if (train_bowl(&self, two, "two", &ear, &report, sentence) != L2O_OK) fail_msg("%s", sentence);
    assert_int_equal(report.recoveries, 1);
    assert_same_weights("one", "two");
}

/* ------------------------------------------------------------------------------------------------- data from files */

static void write_array(const char *name, int rank, int64_t a, int64_t b, int64_t c, const double *values) {
    l2o_error error = {0};
    array made = {.rank = rank, .shape = {a, b, c}, .count = a * (rank > 1 ? b : 1) * (rank > 2 ? c : 1)};
    made.values = (double *)values;
    if (npy_write(directory_file(&place, name), &made, &error) != L2O_OK) fail_msg("%s", error.text);
}

static void test_data_files(void **state) {
    (void)state;
    enum { INSTANCES = 10, M = 3, COLUMNS = 2 };
    double a[INSTANCES * M * COLUMNS], b[INSTANCES * M];
    for (int i = 0; i < INSTANCES * M * COLUMNS; i++) a[i] = sin(3.0 * i + 1);
    for (int i = 0; i < INSTANCES * M; i++) b[i] = cos(2.0 * i);
    write_array("A.npy", 3, INSTANCES, M, COLUMNS, a);
    write_array("b.npy", 2, INSTANCES, M, 0, b);
    char text[512];
    snprintf(text, sizeof text,
             "layers=1 hidden=3 unroll=3 dtype=float64 seed=5 problem=lasso A=%s/A.npy b=%s/b.npy estimator=maml "
             "stages=2 stage-draws=3 evaluate-every=1 evaluation-draws=2 early-stop=no held-out=0.3",
             place.path, place.path);
    l2o_training_report first, second;
    train(1, text, "one", &first);
    train(2, text, "two", &second);
    assert_same_training("one", "two");
    assert_int_equal(first.updates, 6);
    /* What is held out is never trained on: other numbers there change the validations but not the losses. */
    l2o_error error = {0};
    l2o_settings *settings = training_settings(text);
    problem *problem;
    assert_int_equal(problem_create_for(settings, COMPONENT_ALL, STREAM_TRAINING, &problem, &error), L2O_OK);
    assert_int_equal(problem->batch, 7);
    assert_int_equal(problem_sample(problem, 5, STREAM_VALIDATION, 0, 0, &error), L2O_OK);
    bool held[INSTANCES] = {false};
    int count = 0;
    for (int p = 0; p < 7; p++)
        for (int i = 0; i < INSTANCES; i++)
            if (((const double *)problem->model->b)[p * M] == b[i * M] && !held[i]) {
                held[i] = true;
                count++;
            }
    problem_free(problem);
    settings_free(settings);
    assert_int_equal(count, 3);
    for (int i = 0; i < INSTANCES; i++)
        for (int j = 0; held[i] && j < M; j++) b[i * M + j] += 100;
    write_array("b.npy", 2, INSTANCES, M, 0, b);
    train(1, text, "two", &second);
    json_t *ours = read_log("one"), *theirs = read_log("two");
    assert_int_equal(json_array_size(ours), json_array_size(theirs));
    size_t i;
    json_t *entry;
    json_array_foreach(ours, i, entry) {
        const json_t *other = json_array_get(theirs, i);
        bool draw = strcmp(text_of(entry, "event"), "draw") == 0;
        if (draw) assert_true(json_equal(entry, other));
        if (!draw) assert_true(number_of(other, "validation") > 1000 * number_of(entry, "validation"));
    }
    json_decref(ours);
    json_decref(theirs);
}

/* ------------------------------------------------------------------------------------------------------- refusals */

static void test_refusals(void **state) {
    (void)state;
    char path[160], missing[200];
    named("w", ".safetensors", path);
    const char *text = TRAINING_TINY "problem=lasso estimator=plain stages=1 stage-draws=1 evaluate-every=0";
    refuse(text, "weights.txt", L2O_ERROR_INPUT, "FILE.safetensors");
    refuse(text, "", L2O_ERROR_INPUT, "FILE.safetensors");
    refuse(text, ".safetensors", L2O_ERROR_INPUT, "FILE.safetensors");
    char longest[700];
    memset(longest, 'x', sizeof longest);
    strcpy(longest + sizeof longest - 20, ".safetensors");
    refuse(text, longest, L2O_ERROR_INPUT, "longer than");
    snprintf(missing, sizeof missing, "%s/none/w.safetensors", place.path);
    refuse(text, missing, L2O_ERROR_IO, "none/w.log.jsonl");
    refuse(text, "/proc/w.safetensors", L2O_ERROR_IO, "/proc/w.log.jsonl");
#define WRONG(more, part)                                                                                              \
    refuse(TRAINING_TINY "problem=lasso estimator=plain stages=1 stage-draws=1 evaluate-every=0 " more, path,          \
           L2O_ERROR_INPUT, part)
    WRONG("inner-rate=0.1", "'inner-rate' (0.1) is not used by training");
    WRONG("evaluation-draws=2", "'evaluation-draws' (2) is not used");
    WRONG("adaptation-updates=2", "'adaptation-updates' (2) is not used");
    WRONG("stages=1,,2", "stages");
    WRONG("stages=0", "whole numbers from 1");
    WRONG("stages=1,x", "whole numbers from 1");
    WRONG("stages=1,", "whole numbers from 1");
    WRONG("stages=1000000000000", "whole numbers from 1");
    WRONG("stage-draws=1,2", "2 numbers for 1 stages");
    WRONG("optimizer=adam", "hand-designed");
    WRONG("optimizer=rnnprop:hiden=4", "did you mean 'hidden'");
    WRONG("problem=lazzo", "lazzo");
    WRONG("A=mix:normal:1,normal:2 b=mix:normal:1,normal:2,normal:3 tasks=components", "mix");
    assert_int_equal(directory_count(&place, "safetensors"), 0);
    /* Stages that would overflow a sum are still only a long training. */
    l2o_training_report report;
    train(1,
          TRAINING_TINY "problem=lasso estimator=plain stages=100000000,100000000 stage-draws=100000000 "
                        "evaluate-every=0 updates=1 optimizer=rnnprop:hidden=2",
          "w", &report);
    assert_int_equal(report.updates, 1);
}

/* From a file of weights training goes on; its architecture holds. */
static void test_from_weights(void **state) {
    (void)state;
    l2o_training_report report;
    train(1, TRAINING_TINY "problem=lasso estimator=plain stages=1 stage-draws=2 evaluate-every=0", "a", &report);
    char text[512], path[160];
    named("a", ".safetensors", path);
    snprintf(text, sizeof text,
             "n=2 batch=4 unroll=3 dtype=float64 problem=lasso estimator=plain stages=1 stage-draws=1 evaluate-every=0 "
             "outer-rate=0 optimizer=%s",
             path);
    train(1, text, "b", &report);
    assert_same_weights("a", "b"); /* the rate is 0 */
}

/* A full disk, played by a limit on the size of files, in a process of its own. */
static void full_disk(rlim_t bytes, const char *path) {
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {bytes, bytes};
    l2o_context *context = NULL;
    l2o_training_report report;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || l2o_context_create(1, "auto", &context) != L2O_OK) _exit(2);
    l2o_settings *settings = training_settings(TRAINING_TINY TASKS "estimator=fomaml early-stop=no");
    l2o_status status = l2o_train(context, settings, path, NULL, NULL, &report);
    bool said = status == L2O_OK || strlen(l2o_context_error(context)) > 10;
    l2o_settings_free(settings);
    l2o_context_free(context);
    _exit(!said ? 3 : status == L2O_OK ? 0 : status == L2O_ERROR_IO ? 1 : 4);
}

static void test_full_disk(void **state) {
    (void)state;
    l2o_training_report report;
    train(1, TRAINING_TINY TASKS "estimator=fomaml early-stop=no", "whole", &report);
    char path[160], whole[160];
    named("w", ".safetensors", path);
    int failures = 0, successes = 0;
    for (rlim_t bytes = 0; successes == 0; bytes = bytes == 0 ? 200 : bytes * 3 / 2) {
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) full_disk(bytes, path);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) > 1) fail_msg("with %lld bytes: exit code %d", (long long)bytes, WEXITSTATUS(status));
        failures += WEXITSTATUS(status) == 1;
        successes += WEXITSTATUS(status) == 0;
        assert_int_equal(directory_count(&place, "partial"), 0); /* no half-written file */
        if (file_exists(path)) assert_same_files(path, named("whole", ".safetensors", whole));
    }
    assert_true(failures > 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_threads),
        TEST(test_resume),
        TEST(test_cosine),
        TEST(test_log_is_cut),
        TEST(test_checkpoint_refuses),
        TEST(test_rule),
        TEST(test_best_weights_are_kept),
        TEST(test_custom_problems),
        TEST(test_recovery),
        TEST(test_recovery_goes_back),
        TEST(test_data_files),
        TEST(test_refusals),
        TEST(test_from_weights),
        TEST(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
