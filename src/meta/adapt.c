/* Adaptation from outside: its settings, its public calls, and the note that it leaves with the weights. The updates
 * are in adapt_run.c. */
#include "meta/adapt.h"

#include <stdio.h>

#include "base/settings_list.h"
#include "meta/search.h"
#include "optimizers/weights_file.h"
#include "problems/user_data.h"
#include "run/range.h"

static const double LARGEST_RATE = 1e6;

const setting adapt_settings[] = {
    {"adaptation-updates", SETTING_INTEGER, "updates", "5", 0, 1e6, NULL,
     "Updates of the weights when adapting; each is one unroll on the adaptation problems, or as many as a search "
     "takes"},
    {"adaptation-rate", SETTING_REAL, "", "0.001", 0, LARGEST_RATE, NULL, "Rate of the updates when adapting"},
    {"adaptation-rates", SETTING_TEXT, "", NULL, 0, 0, NULL,
     "Instead of adaptation-rate several, separated by commas or slashes: each is tried from the same weights on the "
     "same problems, and the one that is best on held-out problems is taken"},
    {"adaptation-optimizer", SETTING_CHOICE, "", "adam", 0, 0, "adam|sgd|sgd-normalised|search",
     "What moves the weights when adapting: Adam with fresh slots (as the authors' code), the gradient step that "
     "MAML's inner step is, or a step as long as the rate along the gradient; search, for at most 64 weights, tries "
     "them one by one"},
    {"adaptation-search", SETTING_INTEGER, "candidates", "2", 0, 1000, NULL,
     "How many values an update tries of each weight that no gradient tells of (hyperlista's c3), or with "
     "adaptation-optimizer = search of each weight: w e^s and w e^-s, s = ln 2 at first, and halved where neither is "
     "better on the problems adapted to; an even number, 0: none"},
    {"adaptation-scatter", SETTING_INTEGER, "candidates", "0", 0, 1e6, NULL,
     "With adaptation-optimizer = search, candidates tried before the first update that differ in all weights, by "
     "factors from 1/16 to 16: where the weights begin far from good ones"},
    {"adaptation-restart", SETTING_INTEGER, "updates", NULL, 0, 1e6, NULL,
     "Start again from where the first update began after so many updates; 0: never. Default: 0; for unrolled "
     "optimizers, as soon as unrolls have used up the layers. Where weights are searched for, every update does"},
    {"adaptation-warmup", SETTING_INTEGER, "steps", "0", 0, 1e7, NULL,
     "Steps under the weights from before, from x0 to where the first update begins: to adapt to what comes late"},
    {"evaluation-steps", SETTING_INTEGER, "steps", "1000", 1, 1e7, NULL,
     "Steps over which held-out adaptation problems are measured; unless given, for unrolled optimizers as many as "
     "they have layers"},
    {"held-out-draws", SETTING_INTEGER, "draws", "1", 1, 10000, NULL,
     "Batches of held-out adaptation problems over which that measure is averaged"},
    {"keep", SETTING_CHOICE, "", "always", 0, 0, "always|best",
     "After adapting: always the adapted weights (as the paper), or whichever were best on held-out problems"},
    {"keep-by", SETTING_CHOICE, "", "minimum", 0, 0, "minimum|last|mean",
     "What weights and rates are chosen by: ln of the held-out batch's mean objective, its least value over the steps "
     "(the paper's measure), its last or its mean"},
    {0}};

/* By what these weights were trained, of which adapting them is the continuation; NULL where nothing tells. */
static const meta_loss *trained_by(const optimizer *optimizer) {
    const json_t *settings = json_object_get(optimizer->provenance, "settings");
    const char *name = json_string_value(json_object_get(settings, "meta-loss"));
    return name == NULL ? NULL : meta_loss_named(name);
}

/* After the layers of an unrolled optimizer come steps that are not learned. What users leave open ends with the
 * layers: else a change of weights would be judged by what follows them. */
static void follow_layers(const l2o_settings *settings, const optimizer *optimizer, adapt_options *options) {
    int64_t layers = optimizer->learned_steps;
    if (layers == 0) return;
    if (!settings_is_set(settings, "evaluation-steps")) options->evaluation_steps = layers;
    if (!settings_is_set(settings, "unroll") && layers > options->warmup)
        options->estimator.unroll = layers - options->warmup;
    if (settings_is_set(settings, "meta-loss")) return;
    const meta_loss *trained = trained_by(optimizer);
    options->estimator.loss = trained != NULL ? trained : meta_loss_named("last");
}

/* Every update of a search is judged by the same unroll: the first one. */
static l2o_status read_search(const l2o_settings *settings, const optimizer *optimizer, adapt_options *options,
                              l2o_error *error) {
    bool all = options->method == ADAPT_SEARCH;
    if (!all && search_weights_without_gradient(optimizer) == 0) return L2O_OK;
    options->candidates = settings_integer(settings, "adaptation-search");
    if (all) options->scatter = settings_integer(settings, "adaptation-scatter");
    if (options->candidates % 2 != 0 || (all && options->candidates == 0))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: adaptation-search is %lld, but values are tried in pairs, above and below; give an even "
                         "number%s",
                         settings_origin(settings, "adaptation-search"), (long long)options->candidates,
                         all ? " from 2" : "");
    if (options->candidates > 0 && settings_is_given(settings, "adaptation-restart") && options->restart != 1)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: adaptation-restart is %lld, but weights of '%s' are searched for, and a search begins "
                         "every update where the first began; remove it%s",
                         settings_origin(settings, "adaptation-restart"), (long long)options->restart,
                         optimizer->ops->name, all ? "" : ", or set adaptation-search = 0");
    return L2O_OK;
}

/* An unrolled optimizer has that many unrolls to learn from, then it is out of layers. What a preset suggests for
 * optimizers without end is cut down to it. */
static l2o_status end_with_layers(const l2o_settings *settings, const optimizer *optimizer, adapt_options *options,
                                  l2o_error *error) {
    int64_t left = optimizer->learned_steps - options->warmup, unroll = options->estimator.unroll;
    if (optimizer->learned_steps == 0) return L2O_OK;
    if (left <= 0)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: after adaptation-warmup = %lld steps no layer of '%s' is left to adapt, for it has %lld; "
                         "make it less",
                         settings_origin(settings, "adaptation-warmup"), (long long)options->warmup,
                         optimizer->ops->name, (long long)optimizer->learned_steps);
    int64_t most = (left + unroll - 1) / unroll;
    if (options->restart > 0 && options->restart <= most) return L2O_OK;
    if (settings_is_given(settings, "adaptation-restart") && options->updates > most)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: adaptation-restart is %lld, but %lld unroll%s of %lld steps use%s up the layers of '%s', "
                         "and updates after that would learn from none; give 1 to %lld, or leave it out",
                         settings_origin(settings, "adaptation-restart"), (long long)options->restart, (long long)most,
                         most == 1 ? "" : "s", (long long)unroll, most == 1 ? "s" : "", optimizer->ops->name,
                         (long long)most);
    options->restart = most;
    return L2O_OK;
}

l2o_status adapt_options_read(const l2o_settings *settings, const optimizer *optimizer, adapt_options *options,
                              l2o_error *error) {
    *options = (adapt_options){
        .seed = (uint64_t)settings_integer(settings, "seed"),
        .method = (adapt_method)settings_choice(settings, "adaptation-optimizer"),
        .updates = settings_integer(settings, "adaptation-updates"),
        .warmup = settings_integer(settings, "adaptation-warmup"),
        .evaluation_steps = settings_integer(settings, "evaluation-steps"),
        .held_out_draws = (int)settings_integer(settings, "held-out-draws"),
        .keep_best = settings_choice(settings, "keep") == 1,
    };
    estimator_options_plain(settings, &options->estimator);
    follow_layers(settings, optimizer, options);
    if (settings_is_set(settings, "adaptation-restart"))
        options->restart = settings_integer(settings, "adaptation-restart");
    if (options->method == ADAPT_ADAM) {
        options->epsilon = settings_real(settings, "adam-epsilon");
        options->tensorflow = settings_choice(settings, "epsilon-place") == 0;
        options->relative = settings_flag(settings, "relative-rate");
    }
    TRY(read_search(settings, optimizer, options, error));
    TRY(end_with_layers(settings, optimizer, options, error));
    options->rate_count = 1;
    if (options->method == ADAPT_SEARCH)
        options->rates[0] = 0;
    else if (settings_is_set(settings, "adaptation-rates"))
        TRY(settings_reals(settings, "adaptation-rates", (list_limits){0, LARGEST_RATE, L2O_MOST_RATES}, options->rates,
                           &options->rate_count, error));
    else
        options->rates[0] = settings_real(settings, "adaptation-rate");
    if (options->keep_best || options->rate_count > 1)
        options->keep_by = (adapt_measure)settings_choice(settings, "keep-by");
    return L2O_OK;
}

static void warn_of_overlap(l2o_context *context, const problem *problem) {
    if (problem->source == NULL || problem->source->instances == 0 || problem->source->held_out > 0) return;
    context_message(context,
                    "warning: nothing is held out of %lld instance%s%s, so before and after are measured on what the "
                    "weights adapt to",
                    (long long)problem->source->instances, problem->source->instances == 1 ? "" : "s",
                    problem->source->instances == 1 ? "" : " (held-out is 0)");
}

/* The file of adapted weights says so, beside the recipe that it started from; and, where it is known, for what range
 * of problems they are now. */
static l2o_status note_adaptation(const l2o_settings *settings, const adapt_options *options, optimizer *optimizer,
                                  const range *range, const l2o_adaptation_report *report, l2o_error *error) {
    json_t *used = optimizer_settings_json(optimizer, settings, error);
    if (used == NULL) return error->status;
    if (optimizer->learned_steps > 0) { /* as they were, where nobody gave them */
        char steps[2][24];
        snprintf(steps[0], sizeof steps[0], "%lld", (long long)options->estimator.unroll);
        snprintf(steps[1], sizeof steps[1], "%lld", (long long)options->evaluation_steps);
        json_object_set_new(used, "unroll", json_string(steps[0]));
        json_object_set_new(used, "evaluation-steps", json_string(steps[1]));
        json_object_set_new(used, "meta-loss", json_string(options->estimator.loss->name));
    }
    json_t *note = json_pack("{s:I, s:I, s:f, s:o}", "updates", (json_int_t)report->updates, "kept",
                             (json_int_t)report->kept_update, "rate", report->rate, "settings", used);
    if (report->candidates > 0) json_object_set_new(note, "candidates", json_integer((json_int_t)report->candidates));
    if (range != NULL && json_object_set_new(note, "range", range_json(range)) != 0) {
        json_decref(note);
        note = NULL;
    }
    return optimizer_note(optimizer, "adaptation", note, error);
}

static l2o_status adapt_on(l2o_context *context, const l2o_settings *settings, problem *problem, optimizer *optimizer,
                           const range *range, l2o_adaptation_report *report, l2o_error *error) {
    adapt_options options;
    TRY(adapt_options_read(settings, optimizer, &options, error));
    TRY(settings_check_used(settings, "adaptation", error));
    warn_of_overlap(context, problem);
    TRY(adapt_run(context, settings, problem, optimizer, 0, true, report, error));
    return note_adaptation(settings, &options, optimizer, range, report, error);
}

/* The range is not looked at: the evaluations of a caller's own problem are to be those of adaptation alone. */
l2o_status l2o_adapt_on(l2o_context *context, const l2o_settings *settings, l2o_problem *problem,
                        l2o_optimizer *optimizer, l2o_adaptation_report *report) {
    error_clear(&context->error);
    return adapt_on(context, settings, problem, optimizer, NULL, report, &context->error);
}

l2o_status l2o_adapt(l2o_context *context, const l2o_settings *settings, l2o_optimizer *optimizer,
                     l2o_adaptation_report *report) {
    l2o_error *error = &context->error;
    error_clear(error);
    problem *problem;
    range range;
    TRY(problem_create_for(settings, COMPONENT_ALL, STREAM_ADAPTATION, &problem, error));
    uint64_t seed = (uint64_t)settings_integer(settings, "seed");
    l2o_status status = problem_sample(problem, seed, STREAM_ADAPTATION, 0, 0, error);
    if (status == L2O_OK) status = range_of(context, problem, &range, error);
    if (status == L2O_OK) status = adapt_on(context, settings, problem, optimizer, &range, report, error);
    problem_free(problem);
    return status;
}
