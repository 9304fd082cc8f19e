/* Training layer by layer: which tensors move in which stage and how far, the same bits with and without features kept,
 * for any number of threads and after any interruption, stages that end by patience, refusals. */
#include <math.h>

#include "io/safetensors.h"
#include "meta/estimator.h"
#include "meta/features.h"
#include "training_place.h"

#include "layered_optimizer.h"

#define LAYERED                                                                                                        \
    "optimizer=layered problem=lasso n=2 batch=6 A=normal:1 dtype=float64 seed=5 layer-wise=yes unroll=3 "             \
    "meta-loss=last "                                                                                                  \
    "estimator=plain inputs=full "

/* The settings stand in the file, so where these differ only the tensors and the log can be the same. */
static void assert_same_weights(const char *a, const char *b) {
    l2o_error error = {0};
    char path[160], other[160];
    safetensors *first = safetensors_read(named(a, ".safetensors", path), &error);
    safetensors *second = safetensors_read(named(b, ".safetensors", path), &error);
    assert_true(first != NULL && second != NULL && first->count == second->count);
    for (size_t k = 0; k < first->count; k++)
        assert_memory_equal(first->tensors[k].data, second->tensors[k].data, first->tensors[k].bytes);
    safetensors_free(first);
    safetensors_free(second);
    assert_same_files(named(a, ".log.jsonl", path), named(b, ".log.jsonl", other));
}

static void refuse(const char *text, const char *part) {
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings(text);
    l2o_training_report report;
    char path[160];
    assert_int_equal(l2o_train(context, settings, named("no", ".safetensors", path), NULL, NULL, &report),
                     L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), part);
    l2o_settings_free(settings);
    l2o_context_free(context);
}

/* -------------------------------------------------------------------------------------------------- what moves when */

enum { NUMBERS = 2 + 3 * LAYERED_STEPS };

/* All weights in the order of the layout, after so many updates. */
static void weights_after(int updates, const char *text, double out[NUMBERS]) {
    static const char *const names[LAYERED_TENSORS] = {"shared", "free",  "gain1",  "shift1", "gain2",
                                                       "shift2", "gain3", "shift3", "gain4",  "shift4"};
    char full[1024], path[160];
    l2o_error error = {0};
    l2o_training_report report;
    snprintf(full, sizeof full, "%s updates=%d", text, updates);
    train(1, full, "w", &report);
    assert_int_equal(report.updates, updates);
    safetensors *file = safetensors_read(named("w", ".safetensors", path), &error);
    assert_non_null(file);
    for (int k = 0; k < LAYERED_TENSORS; k++) {
        const safetensors_tensor *tensor = safetensors_find(file, names[k]);
        assert_non_null(tensor);
        safetensors_values(tensor, out);
        out += tensor->count;
    }
    safetensors_free(file);
}

/* The step that a number's tensor begins to serve in. */
static int step_of(int number) {
    return number == LAYERED_SHARED ? 1 : number == LAYERED_FREE ? 0 : (number - 2) / 3 + 1;
}

/* With one draw a stage the slots are fresh in every update, so Adam's steps are as long as the rate where there is a
 * gradient, and numbers that do not move keep their bits. */
static void test_what_moves(void **state) {
    (void)state;
    enum { LAYERS = 3, STAGES = 3, UPDATES = LAYERS * STAGES };
    static const double rates[STAGES] = {1, 0.2, 0.02};
    static const char *const texts[] = {
        LAYERED "stage-draws=1 evaluate-every=0 outer-rate=0.001 adam-epsilon=1e-30 ",
        LAYERED "stage-draws=1 evaluate-every=0 outer-rate=0.001 adam-epsilon=1e-30 layer-decay=0.5 ",
        LAYERED "stage-draws=1 evaluate-every=0 outer-rate=0.001 adam-epsilon=1e-30 layer-decay-of=gradient "};
    static const double decays[] = {0.3, 0.5, 1}; /* Adam all but undoes a factor of the gradient */
    for (int form = 0; form < 3; form++) {
        double last[NUMBERS], now[NUMBERS];
        weights_after(1, texts[form], last);
        for (int u = 2; u <= UPDATES; u++) {
            int layer = (u - 1) / STAGES + 1, part = (u - 1) % STAGES;
            weights_after(u, texts[form], now);
            for (int i = 0; i < NUMBERS; i++) {
                int step = step_of(i);
                bool moves = part == 0 ? step == layer : step <= layer;
                if (i == LAYERED_FREE && layer == 1) moves = false; /* there is no velocity yet, so no gradient */
                if (!moves) {
                    assert_true(now[i] == last[i]);
                    continue;
                }
                double expected = 0.001 * rates[part] * (step == 0 ? 1 : pow(decays[form], layer - step));
                if (fabs(fabs(now[i] - last[i]) - expected) > 1e-9)
                    fail_msg("form %d, update %d: number %d moves by %g, not %g", form, u, i, now[i] - last[i],
                             expected);
            }
            memcpy(last, now, sizeof last);
        }
    }
}

/* After the last layer a stage of all steps, whose rate no distance lowers; and the cosine is each stage's own: with
 * three draws a stage the rate's factors are 1, 3/4 and 1/4 of those without it, and at a rate that hardly moves the
 * weights gradients are the same. */
static void test_finish(void **state) {
    (void)state;
    enum { LAYERS = 3, FINISH = 3 };
    static const double factors[FINISH] = {1, 0.75, 0.25}, rate = 1e-6;
    static const char *const texts[] = {
        LAYERED "stage-draws=1 stage-rates=1 finish-draws=3 evaluate-every=0 outer-rate=1e-6 adam-epsilon=1e-30 "
                "outer-schedule=constant",
        LAYERED "stage-draws=1 stage-rates=1 finish-draws=3 evaluate-every=0 outer-rate=1e-6 adam-epsilon=1e-30 "
                "outer-schedule=cosine"};
    double last[2][NUMBERS], now[2][NUMBERS];
    for (int form = 0; form < 2; form++) weights_after(LAYERS, texts[form], last[form]);
    for (int u = 0; u < FINISH; u++) {
        double most = 0;
        for (int form = 0; form < 2; form++) weights_after(LAYERS + u + 1, texts[form], now[form]);
        for (int i = 0; i < NUMBERS; i++) {
            double constant = now[0][i] - last[0][i], cosine = now[1][i] - last[1][i];
            if (step_of(i) > LAYERS)
                assert_true(constant == 0 && cosine == 0);
            else if (u == 0)
                assert_true(fabs(fabs(cosine) - rate) < 1e-6 * rate);
            if (fabs(cosine - factors[u] * constant) > 1e-4 * rate)
                fail_msg("update %d: number %d moves by %g, not by %g of %g", u, i, cosine, factors[u], constant);
            most = fmax(most, fabs(constant));
        }
        assert_true(most > 0.5 * rate && most < 2 * rate);
        memcpy(last, now, sizeof last);
    }
}

/* Rates in units of each tensor's root mean square, but never of less than 0.001. */
static void test_relative_rate(void **state) {
    (void)state;
    const char *text = LAYERED "stage-draws=1 evaluate-every=0 outer-rate=0.01 adam-epsilon=1e-30 relative-rate=yes";
    double last[NUMBERS], now[NUMBERS];
    weights_after(2, text, last);
    weights_after(3, text, now); /* the third stage of the first layer, whose rate is multiplied by 0.02 */
    double gain = fabs(last[2]), shift = sqrt((last[3] * last[3] + last[4] * last[4]) / 2);
    assert_true(fabs(fabs(now[2] - last[2]) - 0.0002 * fmax(gain, 1e-3)) < 1e-12);
    for (int i = 3; i <= 4; i++) assert_true(fabs(fabs(now[i] - last[i]) - 0.0002 * fmax(shift, 1e-3)) < 1e-12);
}

/* A layer may begin as the one before, trained: from there Adam's first step is as long as the rate. */
static void test_start_of_a_layer(void **state) {
    (void)state;
    enum { STAGES = 3 };
    const char *text =
        LAYERED "stage-draws=1 evaluate-every=0 outer-rate=0.001 adam-epsilon=1e-30 layer-start=previous";
    for (int layer = 2; layer <= 3; layer++) {
        double last[NUMBERS], now[NUMBERS];
        weights_after((layer - 1) * STAGES, text, last);
        weights_after((layer - 1) * STAGES + 1, text, now);
        for (int i = 2; i < NUMBERS; i++) {
            if (step_of(i) != layer)
                assert_true(now[i] == last[i]);
            else
                assert_true(fabs(fabs(now[i] - last[i - 3]) - 0.001) < 1e-9);
        }
    }
}

/* Weights from a file begin as they are, though a preset would have it otherwise. */
static void test_layers_from_a_file(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_training_report report;
    char path[160], other[160], text[1024];
    train(1, LAYERED "stage-draws=1 evaluate-every=0", "w", &report);
    snprintf(text, sizeof text, LAYERED "stage-draws=1 evaluate-every=0 outer-rate=0 optimizer=%s",
             named("w", ".safetensors", path));
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings(text);
    assert_int_equal(settings_suggest(settings, "layer-start", "previous", "default", &error), L2O_OK);
    if (l2o_train(context, settings, named("again", ".safetensors", other), NULL, NULL, &report) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    assert_int_equal(report.updates, 9);
    safetensors *first = safetensors_read(path, &error), *second = safetensors_read(other, &error);
    assert_true(first != NULL && second != NULL && first->count == LAYERED_TENSORS);
    for (size_t k = 0; k < first->count; k++)
        assert_memory_equal(first->tensors[k].data, second->tensors[k].data, first->tensors[k].bytes);
    safetensors_free(first);
    safetensors_free(second);
    l2o_settings_free(settings);
    l2o_context_free(context);
    strcat(text, " layer-start=initial");
    train(1, text, "again", &report);
    strcat(text, " layer-start=previous");
    refuse(text, "layer-start = previous would write over the layers that");
}

/* FISTA alone follows the layers, so by default the outer gradient is taken on them. */
static void test_outer_segment(void **state) {
    (void)state;
#define DEEP                                                                                                           \
    "problem=recovery n=4 m=3 shared-A=yes batch=6 unroll=3 stages=1 stage-draws=2 evaluate-every=0 inner-rate=1e-3 "  \
    "meta-loss=last optimizer=alista:depth=3 "
    static const char *const estimators[] = {"fomaml", "maml"};
    l2o_training_report report;
    for (int k = 0; k < 2; k++) {
        char text[1024], path[160];
        double sums[2] = {0};
        for (int moves = 0; moves < 2; moves++) {
            l2o_error error = {0};
            snprintf(text, sizeof text, DEEP "estimator=%s outer-rate=%s", estimators[k], moves ? "0.1" : "0");
            train(1, text, "w", &report);
            safetensors *file = safetensors_read(named("w", ".safetensors", path), &error);
            assert_non_null(file);
            for (size_t i = 0; i < file->count; i++) {
                double number;
                assert_int_equal(file->tensors[i].count, 1);
                safetensors_values(&file->tensors[i], &number);
                sums[moves] += (double)(i + 1) * number;
            }
            safetensors_free(file);
        }
        assert_true(fabs(sums[1] - sums[0]) > 1e-3);
        snprintf(text, sizeof text, DEEP "estimator=%s outer-segment=next", estimators[k]);
        refuse(text, "outer segment that begins after step 3 would teach nothing; use outer-segment = same");
    }
    train(1, DEEP "unroll=2 outer-segment=next", "w", &report); /* on the third layer */
}

/* A factor of the gradient does act where epsilon is not small beside it. */
static void test_factor_of_gradient(void **state) {
    (void)state;
#define LARGE LAYERED "stage-draws=1 evaluate-every=0 outer-rate=0.001 adam-epsilon=1 "
    double before[NUMBERS], rate[NUMBERS], gradient[NUMBERS];
    weights_after(4, LARGE, before);
    weights_after(5, LARGE, rate);
    weights_after(5, LARGE "layer-decay-of=gradient", gradient);
    /* The same numbers up to the first update of layer 2 that moves both layers: a step is rate g / epsilon. */
    for (int i = 0; i < NUMBERS; i++) {
        if (step_of(i) != 1) continue;
        double one = rate[i] - before[i], other = gradient[i] - before[i];
        assert_true(fabs(one) > 0 && fabs(one - other) < 0.1 * fabs(one));
    }
}

/* Where tensors of the last step alone move, an unroll of that step, begun where the others lead, has the gradient of
 * the whole unroll; and what does not move gets none. */
static void test_last_step_alone(void **state) {
    (void)state;
    static const char *const forms[] = {"estimator=plain meta-loss=last", "estimator=plain meta-loss=sum",
                                        "estimator=fomaml outer-segment=same inner-rate=0.1",
                                        "estimator=maml inner-steps=2 inner-rate=0.1 meta-loss=log"};
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        char text[1024];
        snprintf(text, sizeof text, LAYERED "%s", forms[form]);
        l2o_error error = {0};
        l2o_context *context = training_context(1);
        l2o_settings *settings = training_settings(text);
        optimizer *optimizer;
        problem *problem;
        estimator_options options;
        meta_task task;
        double whole[NUMBERS];
        bool active[LAYERED_TENSORS];
        assert_int_equal(optimizer_from_spec(settings, "layered", 0, &optimizer, &error), L2O_OK);
        assert_int_equal(problem_create_for(settings, COMPONENT_ALL, STREAM_TRAINING, &problem, &error), L2O_OK);
        assert_int_equal(problem_sample(problem, 1, STREAM_TRAINING, 0, 0, &error), L2O_OK);
        estimator_options_read(settings, optimizer, &options);
        for (int k = 0; k < LAYERED_TENSORS; k++) active[k] = optimizer->layout[k].step == 3;
        options.active = active;
        assert_int_equal(meta_task_create(context, problem, optimizer, &options, &task, &error), L2O_OK);
        carry_reset(&task.now, problem);
        assert_int_equal(options.kind->gradients(1, &task, &options, optimizer->weights, &error), L2O_OK);
        memcpy(whole, task.gradient, sizeof whole);
        options.unroll = 1;
        meta_task_shape(&task, &options, 3);
        carry_reset(&task.now, problem);
        segment frozen = {.weights = optimizer->weights, .steps = 2, .from = &task.now, .to = &task.now};
        assert_int_equal(segment_run(&task.runner, &frozen, &error), L2O_OK);
        assert_int_equal(options.kind->gradients(1, &task, &options, optimizer->weights, &error), L2O_OK);
        for (int i = 0; i < NUMBERS; i++) {
            assert_true((whole[i] != 0) == (step_of(i) == 3));
            assert_true(fabs(task.gradient[i] - whole[i]) <= 1e-12 * fabs(whole[i]));
        }
        meta_task_free(&task);
        problem_free(problem);
        optimizer_free(optimizer);
        l2o_settings_free(settings);
        l2o_context_free(context);
    }
}

/* ------------------------------------------------------------------------------------------------------------- bits */

#define SHORT "evaluate-every=2 evaluation-draws=1 patience=1 min-evaluations=1 stage-draws=4,3 checkpoint-seconds=0 "

static const char *const trainings[] = {
    LAYERED SHORT,
    LAYERED SHORT "training-draws=4 batch=100",
    LAYERED SHORT "training-draws=3 A=mix:normal:0.5,normal:1 estimator=fomaml stage-result=last",
    LAYERED SHORT
    "A=mix:normal:0.5,normal:1 estimator=maml inner-steps=2 meta-loss=sum batch=100 layer-decay-of=gradient",
    LAYERED SHORT "dtype=float32 estimator=maml stage-rates=1/0.1 training-draws=2 inputs=detached",
    LAYERED SHORT "finish-draws=5 layer-start=previous relative-rate=yes outer-schedule=cosine",
};
enum { TRAININGS = sizeof trainings / sizeof *trainings };
static const int stages_of[TRAININGS] = {9, 9, 9, 9, 6, 10};

static void test_threads(void **state) {
    (void)state;
    for (int i = 0; i < TRAININGS; i++) {
        l2o_training_report one, two;
        train(1, trainings[i], "one", &one);
        train(2, trainings[i], "two", &two);
        assert_same_training("one", "two");
        assert_true(one.finished && one.stages_done == stages_of[i] && one.updates > one.stages_done);
        assert_true(one.updates == two.updates && one.gradient_evaluations == two.gradient_evaluations);
    }
}

typedef struct stopper {
    l2o_context *context;
    int calls, at; /* cancels in the call number `at` */
    int layers, stages;
} stopper;

static void stop_at(void *user, const l2o_training_progress *progress) {
    stopper *self = user;
    assert_true(progress->layers == 3 && progress->layer >= 1 && progress->layer <= 3);
    if (progress->event != NULL && strstr(progress->event, "begins") != NULL) {
        char expected[64];
        snprintf(expected, sizeof expected, "layer %d of 3, stage ", progress->layer);
        if (progress->stage == stages_of[TRAININGS - 1] - 1) strcpy(expected, "all 3 layers");
        assert_true(strncmp(progress->event, expected, strlen(expected)) == 0);
        self->stages++;
    }
    if (++self->calls == self->at) l2o_context_cancel(self->context);
}

static int train_until(int at, int threads, const char *text, const char *stem, l2o_status expected,
                       l2o_training_report *report) {
    stopper stop = {.context = training_context(threads), .at = at};
    l2o_settings *settings = training_settings(text);
    char path[160];
    l2o_status status = l2o_train(stop.context, settings, named(stem, ".safetensors", path), stop_at, &stop, report);
    if (status != expected) fail_msg("status %d: %s", (int)status, l2o_context_error(stop.context));
    if (at == 0 && !report->resumed) assert_int_equal(stop.stages, report->stages_done);
    l2o_settings_free(settings);
    l2o_context_free(stop.context);
    return stop.calls;
}

static void test_resume(void **state) {
    (void)state;
    for (int i = 0; i < TRAININGS; i++) {
        l2o_training_report whole, part;
        int calls = train_until(0, 1, trainings[i], "whole", L2O_OK, &whole);
        char resumed[1024], path[160];
        snprintf(resumed, sizeof resumed, "%s resume=yes", trainings[i]);
        for (int at = 1; at < calls; at += i == 0 ? 1 : i == TRAININGS - 1 ? 3 : 6) {
            train_until(at, at % 5 == 0 ? 2 : 1, trainings[i], "part", L2O_ERROR_CANCELLED, &part);
            train_until(0, 1, resumed, "part", L2O_OK, &part);
            assert_true(part.resumed && part.finished && part.updates == whole.updates && part.draws == whole.draws);
            assert_true(part.gradient_evaluations == whole.gradient_evaluations);
            assert_true(part.best_validation == whole.best_validation);
            assert_same_training("whole", "part");
            assert_int_equal(unlink(named("part", ".checkpoint", path)), 0);
        }
    }
}

/* A fixed set as long as training is fresh draws by another name, of which nothing is taken twice: so what is taken
 * from the features gives the bits of what is run. Where it goes round, taking is compared with an interruption before
 * every draw, after which nothing is left to take. */
static void test_features(void **state) {
    (void)state;
    l2o_training_report report;
    train(1, LAYERED SHORT "training-draws=1000", "kept", &report);
    train(1, LAYERED SHORT, "fresh", &report);
    assert_same_weights("kept", "fresh");
    const char *text = LAYERED "evaluate-every=2 evaluation-draws=1 stage-draws=4,3 checkpoint-seconds=0 "
                               "training-draws=2 stage-rates=1,0.1 early-stop=no";
    char resumed[1024];
    snprintf(resumed, sizeof resumed, "%s resume=yes", text);
    train(1, text, "kept", &report);
    train_until(1, 1, text, "run", L2O_ERROR_CANCELLED, &report);
    for (int round = 0; !report.finished; round++) {
        assert_true(round < 100);
        stopper stop = {.context = training_context(1), .at = 2};
        l2o_settings *settings = training_settings(resumed);
        char path[160];
        l2o_status status =
            l2o_train(stop.context, settings, named("run", ".safetensors", path), stop_at, &stop, &report);
        assert_true(status == L2O_OK || status == L2O_ERROR_CANCELLED);
        l2o_settings_free(settings);
        l2o_context_free(stop.context);
    }
    assert_same_training("kept", "run");
}

static void test_features_alone(void **state) {
    (void)state;
    l2o_error error = {0};
    features none, some;
    assert_int_equal(features_create(0, 2, 100, &none, &error), L2O_OK);
    assert_int_equal(none.draws, 0);
    assert_false(features_take(&none, 0, 0, NULL));
    features_clear(&none);
    features_free(&none);
    assert_int_equal(features_create(1000000000, 1, (size_t)1 << 28, &some, &error), L2O_OK);
    assert_int_equal(some.draws, 3); /* no more than there is room for */
    assert_false(features_take(&some, 2, 0, NULL));
    assert_false(features_take(&some, 700, 0, NULL));
    features_free(&some);
}

/* ----------------------------------------------------------------------------------------------------------- stages */

static void log_lines(const char *stem, json_t **out) {
    char path[160];
    buffer text = {0};
    training_read(named(stem, ".log.jsonl", path), &text);
    *out = json_array();
    char *rest;
    for (char *line = strtok_r(text.bytes, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        json_array_append_new(*out, json_loads(line, 0, NULL));
    buffer_free(&text);
}

/* Every stage begins with an evaluation that counts as its best, ends after `patience` evaluations without a better one
 * or with its last draw, and the next begins, whatever it brought. */
static void check_stages(const char *stem, int stages, int patience, const int64_t *draws, const char *better) {
    json_t *log, *entry;
    log_lines(stem, &log);
    int stage = -1, stalled = 0, ended = 0;
    int64_t in_stage = 0;
    double best = INFINITY;
    size_t i;
    json_array_foreach(log, i, entry) {
        assert_int_equal(json_integer_value(json_object_get(entry, "layer")),
                         json_integer_value(json_object_get(entry, "stage")) / 3 + 1);
        if (strcmp(json_string_value(json_object_get(entry, "event")), "draw") == 0) {
            in_stage++;
            continue;
        }
        const char *decision = json_string_value(json_object_get(entry, "decision"));
        const json_t *number = json_object_get(entry, "validation");
        double validation = json_is_number(number) ? json_number_value(number) : INFINITY;
        if (strcmp(decision, "stage begins") == 0) {
            assert_true(stage < 0 || stalled == patience || in_stage == draws[stage % 3]);
            ended += stage >= 0 && stalled == patience && in_stage < draws[stage % 3];
            stage++;
            stalled = 0;
            in_stage = 0;
            best = validation;
            continue;
        }
        assert_int_equal(json_integer_value(json_object_get(entry, "stage")), stage);
        stalled = validation < best ? 0 : stalled + 1;
        if (validation < best) best = validation;
        assert_string_equal(decision, stalled == 0 ? better : stalled < patience ? "not better" : "stage ends");
    }
    assert_int_equal(stage, stages - 1);
    assert_true(ended > 0);
    json_decref(log);
}

static void test_patience(void **state) {
    (void)state;
    l2o_training_report report;
    static const char *const rates[] = {"0.003", "0.3", "3"};
    for (int k = 0; k < 3; k++)
        for (int last = 0; last < 2; last++) {
            char text[1024];
            snprintf(text, sizeof text,
                     LAYERED "evaluate-every=1 evaluation-draws=1 patience=2 min-evaluations=1 stage-draws=12,9,7 "
                             "outer-rate=%s stage-result=%s",
                     rates[k], last ? "last" : "best");
            train(1, text, "w", &report);
            assert_int_equal(report.stages_done, 9);
            check_stages("w", 9, 2, (int64_t[]){12, 9, 7}, last ? "better" : "kept");
        }
}

/* With the best weights handed on, no stage ends worse than it began: validation at its own length never grows. */
static void test_best_is_handed_on(void **state) {
    (void)state;
    l2o_training_report report;
    train(1, LAYERED "evaluate-every=1 evaluation-draws=2 stage-draws=5 outer-rate=0.5 unroll=2", "w", &report);
    json_t *log, *entry;
    log_lines("w", &log);
    size_t i;
    double begun[6] = {0}, best = INFINITY;
    json_array_foreach(log, i, entry) {
        if (strcmp(json_string_value(json_object_get(entry, "event")), "evaluation") != 0) continue;
        int stage = (int)json_integer_value(json_object_get(entry, "stage"));
        double validation = json_number_value(json_object_get(entry, "validation"));
        if (strcmp(json_string_value(json_object_get(entry, "decision")), "stage begins") == 0) {
            begun[stage] = validation;
            if (stage % 3 > 0) assert_true(validation == best); /* the weights, and so the number, of the best */
            best = validation;
        }
        if (validation < best) best = validation;
    }
    assert_true(report.best_validation == best && best <= begun[5]);
    json_decref(log);
}

/* NaN sends training back within the layer: the others keep their bits. */
static void test_recovery(void **state) {
    (void)state;
    l2o_training_report report;
    train(1, LAYERED "evaluate-every=1 evaluation-draws=1 stage-draws=6 outer-rate=1e6 recoveries=1000 dtype=float32",
          "w", &report);
    assert_true(report.finished && report.recoveries > 0);
}

/* One rate for all: every layer trains with those before it, also where no weights belong to steps. */
static void test_growing_unroll(void **state) {
    (void)state;
    l2o_training_report report;
    train(1,
          TRAINING_TINY "problem=lasso estimator=fomaml layer-wise=yes stage-rates=1 stage-draws=2 evaluate-every=1 "
                        "evaluation-draws=1",
          "w", &report);
    assert_int_equal(report.stages_done, 3);
    assert_int_equal(report.updates, 6);
}

static void test_refusals(void **state) {
    (void)state;
    refuse(LAYERED "unroll=5", "begin to serve in step 5");
    refuse(LAYERED "unroll=65", "up to 64 steps");
    refuse(LAYERED "stages=1,2", "stages");
    refuse(LAYERED "stage-rates=1,fast", "stage-rates");
    refuse(LAYERED "stage-rates=1,1,1,1,1,1,1,1,1", "stage-rates");
    refuse(LAYERED "stage-draws=1,2,3,4", "for 3 stages");
    refuse(LAYERED "estimator=fomaml outer-segment=next", "outer-segment = same");
    refuse(TRAINING_TINY "problem=lasso estimator=plain layer-wise=yes", "begin to serve in step 1");
    refuse("optimizer=lista:depth=3 problem=recovery n=4 m=3 shared-A=yes estimator=plain unroll=2 stages=3",
           "of 3 unrolls of 2 steps the later ones would teach nothing");
    refuse(TRAINING_TINY "problem=lasso estimator=plain layer-decay=0.5", "layer-decay");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finish, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relative_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_of_a_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_layers_from_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outer_segment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_factor_of_gradient, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_step_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(test_features, setup, teardown),
        cmocka_unit_test(test_features_alone),
        cmocka_unit_test_setup_teardown(test_patience, setup, teardown),
        cmocka_unit_test_setup_teardown(test_best_is_handed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recovery, setup, teardown),
        cmocka_unit_test_setup_teardown(test_growing_unroll, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
