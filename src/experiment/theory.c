/* Measures in turn: weights to start from, problems, meta-gradients, constants, gains, Eq. 8. */
#include "experiment/theory.h"

#include "experiment/theory_tables.h"

const setting theory_settings[] = {
    {"theory-test-A", SETTING_TEXT, "", "normal:100", 0, 0, NULL,
     "Theory: distribution of the test problems' A; that of training is A"},
    {"theory-adapt-A", SETTING_TEXT, "",
     "uniform:0:1; normal:1; normal:10; normal:25; normal:50; normal:100; normal:200; normal:400", 0, 0, NULL,
     "Theory: candidates for adaptation, distributions of A with semicolons between them"},
    {"theory-runs", SETTING_INTEGER, "draws", "4", 2, 30, NULL,
     "Theory: draws of all problems over which means and intervals are taken"},
    {"theory-points", SETTING_INTEGER, "points", "8", 1, 1000, NULL,
     "Theory: gradients are compared at so many x0 and as many iterates"},
    {"theory-loss", SETTING_CHOICE, "", "last", 0, 0, "last|sum",
     "Theory: what g_T is where distances of meta-gradients are measured; elsewhere it is meta-loss"},
    {"theory-ml2o", SETTING_TEXT, "", NULL, 0, 0, NULL,
     "Theory: files of M-L2O's weights, one for each seed, with commas between them; unset: trained here with the "
     "estimator of the settings"},
    {"theory-tl", SETTING_TEXT, "", NULL, 0, 0, NULL,
     "Theory: files of the transfer baseline's weights, likewise; unset: trained here without an inner step"},
    {"theory-seeds", SETTING_INTEGER, "seeds", "2", 1, 30, NULL,
     "Theory: meta-training seeds, from seed on, of weights that are trained here"},
    {"theory-updates", SETTING_INTEGER, "updates", "600", 0, 1e7, NULL,
     "Theory: meta-updates of weights that are trained here"},
    {"theory-unrolls", SETTING_INTEGER, "unrolls", "10", 1, 100000, NULL,
     "Theory: unrolls that follow one draw in trainings here"},
    {"theory-long-updates", SETTING_INTEGER, "updates", "500", 0, 1e7, NULL,
     "Theory: further meta-updates of the weights that stand for optima in Eq. 8"},
    {"theory-most-updates", SETTING_INTEGER, "updates", "50", 0, 1e6, NULL,
     "Theory: how far the curve over adaptation updates goes"},
    {0}};

/* One run: what it is given, and what it has found. */
typedef struct theory {
    l2o_context *context;
    const l2o_settings *settings;
    uint64_t seed;
    arena memory;
    theory_results *out;
} theory;

static l2o_status find_starts(theory *own, l2o_error *error) {
    for (int which = 0; which < THEORY_STARTS; which++)
        TRY(theory_start_create(own->context, own->settings, which, &own->out->starts[which], error));
    return L2O_OK;
}

static l2o_status measure_problems(theory *own, l2o_error *error) {
    theory_results *out = own->out;
    const theory_start *start = &out->starts[THEORY_ML2O];
    return theory_optimizee_run(own->context, &out->tasks, start->optimizer, theory_start_weights(start, 0), out->steps,
                                (int)settings_integer(own->settings, "theory-points"), out->runs, own->seed,
                                &own->memory, &out->optimizee, error);
}

static l2o_status measure_gradients(theory *own, l2o_error *error) {
    theory_results *out = own->out;
    const theory_start *start = &out->starts[THEORY_ML2O];
    return theory_sweep_run(own->context, &out->tasks, start->optimizer, theory_start_weights(start, 0),
                            meta_loss_at(out->last ? 1 : 0), out->steps, out->runs, own->seed, &own->memory,
                            &out->sweep, error);
}

static l2o_status measure_constants(theory *own, l2o_error *error) {
    theory_results *out = own->out;
    const theory_start *start = &out->starts[THEORY_ML2O];
    TRY(theory_tasks_sample(&out->tasks, own->seed, 0, error));
    for (int task = 0; task < out->tasks.count; task++)
        TRY(theory_bound_of(own->context, &out->tasks.task[task], own->seed, 0, start->optimizer,
                            theory_start_weights(start, 0), out->steps, &out->bounds[task], error));
    return L2O_OK;
}

static l2o_status measure_gains(theory *own, int which, l2o_error *error) {
    theory_results *out = own->out;
    return theory_gain_run(own->context, own->settings, &out->tasks, &out->starts[which], out->runs, own->seed,
                           &own->memory, &out->gains[which], error);
}

static l2o_status measure_ml2o_gains(theory *own, l2o_error *error) { return measure_gains(own, THEORY_ML2O, error); }
static l2o_status measure_tl_gains(theory *own, l2o_error *error) { return measure_gains(own, THEORY_TL, error); }

static l2o_status measure_terms(theory *own, l2o_error *error) {
    theory_results *out = own->out;
    return theory_decomposition_run(own->context, own->settings, &out->tasks, &out->starts[THEORY_ML2O], out->runs,
                                    own->seed, &own->memory, &out->decomposition, error);
}

l2o_status theory_run(l2o_context *context, const l2o_settings *settings, theory_progress *progress, void *user,
                      json_t *tables, json_t *figures, json_t *claims, json_t *notes, l2o_error *error) {
    static l2o_status (*const parts[])(theory *, l2o_error *) = {
        find_starts,        measure_problems, measure_gradients, measure_constants,
        measure_ml2o_gains, measure_tl_gains, measure_terms};
    enum { PARTS = sizeof parts / sizeof *parts };
    theory own = {.context = context, .settings = settings, .seed = (uint64_t)settings_integer(settings, "seed")};
    theory_json json = {.tables = tables, .figures = figures, .claims = claims, .notes = notes};
    theory_results *out = own.out = arena_allocate(&own.memory, sizeof *out, error);
    if (out == NULL) return error->status;
    *out = (theory_results){.runs = (int)settings_integer(settings, "theory-runs"),
                            .steps = settings_integer(settings, "unroll"),
                            .inputs = settings_choice(settings, "inputs") == 0 ? THEORY_DETACHED : THEORY_FULL,
                            .last = settings_choice(settings, "theory-loss") == 0};
    l2o_status status = theory_tasks_create(settings, &out->tasks, error);
    for (int i = 0; i < PARTS && status == L2O_OK; i++) {
        if (progress != NULL) progress(user, i, PARTS);
        status = parts[i](&own, error);
    }
    if (status == L2O_OK) {
        theory_tables(out, &json);
        status = theory_json_status(&json, error);
    }
    for (int which = 0; which < THEORY_STARTS; which++) theory_start_free(&out->starts[which]);
    theory_tasks_free(&out->tasks, settings);
    arena_free(&own.memory);
    return status;
}
