/* The trainer's settings. */
#include "base/settings_list.h"
#include "meta/trainer.h"

const setting trainer_settings[] = {
    {"stages", SETTING_TEXT, "unrolls", "5,10,25,50,75,100", 0, 0, NULL,
     "The curriculum: for each stage, how many unrolls follow one draw of the problems"},
    {"stage-draws", SETTING_TEXT, "draws", "200,100,40,20,14,10", 0, 0, NULL,
     "Draws that each stage has at most; the last number holds for the stages after it"},
    {"updates", SETTING_INTEGER, "updates", "0", 0, 1e12, NULL, "Stop after so many meta-updates in all; 0: no limit"},
    {"early-stop", SETTING_FLAG, "", "yes", 0, 0, NULL,
     "End a stage when evaluation no longer improves, and training when a stage brings nothing"},
    {"evaluate-every", SETTING_INTEGER, "draws", "10", 0, 1e9, NULL,
     "Evaluate after so many draws; 0: never, the last weights are the result"},
    {"evaluation-draws", SETTING_INTEGER, "draws", "4", 1, 10000, NULL,
     "Size of the fixed evaluation set: so many draws for each task"},
    {"min-evaluations", SETTING_INTEGER, "evaluations", "3", 1, 1e6, NULL,
     "Evaluations a stage has at least before it may end"},
    {"outer-rate", SETTING_REAL, "", "0.001", 0, 1e6, NULL, "Adam's rate for the meta-updates"},
    {"outer-schedule", SETTING_CHOICE, "", "constant", 0, 0, "constant|cosine",
     "How that rate goes on: as it is, or down to zero along half a cosine over all updates that the stages hold"},
    {"adam-epsilon", SETTING_REAL, "", "1e-8", 0, 1, NULL, "Adam's epsilon for updates of the weights"},
    {"epsilon-place", SETTING_CHOICE, "", "tensorflow", 0, 0, "tensorflow|pytorch",
     "Where that epsilon stands: beside the uncorrected root (TensorFlow 1, the authors' code) or the corrected one"},
    {"clip", SETTING_REAL, "", "500000", 0, 1e300, NULL,
     "Norm to which each tensor of each task's meta-gradient is clipped; 0: no clipping"},
    {"tasks", SETTING_CHOICE, "", "auto", 0, 0, "auto|components|mixed",
     "Mixtures: one task for each component, or one task with a mixed batch. Auto: components for estimators with an "
     "inner "
     "step"},
    {"recoveries", SETTING_INTEGER, "", "5", 0, 1000, NULL,
     "How often training goes back to the last good weights, at half the rate, when it meets NaN or infinity"},
    {"seeds", SETTING_TEXT, "", NULL, 0, 0, NULL,
     "Instead of seed, to train once for each of several: 1-10 or 1,3,5-8. The output's name holds {seed}"},
    {"resume", SETTING_FLAG, "", "no", 0, 0, NULL, "Go on from the checkpoint beside the weights, if there is one"},
    {"checkpoint-seconds", SETTING_REAL, "s", "10", 0, 1e6, NULL,
     "Least time between checkpoints; 0: after every draw"},
    {0}};

void trainer_forget_settings(json_t *settings) {
    json_object_del(settings, "resume");
    json_object_del(settings, "checkpoint-seconds");
}

l2o_status trainer_options_read(const l2o_settings *settings, trainer_options *options, l2o_error *error) {
    int64_t unrolls[MOST_STAGES], draws[MOST_STAGES];
    int draw_count;
    const list_limits limits = {1, 1e8, MOST_STAGES};
    *options = (trainer_options){
        .updates = settings_integer(settings, "updates"),
        .evaluate_every = settings_integer(settings, "evaluate-every"),
        .rate = settings_real(settings, "outer-rate"),
        .cosine = settings_choice(settings, "outer-schedule") == 1,
        .clip = settings_real(settings, "clip"),
        .recoveries = (int)settings_integer(settings, "recoveries"),
        .checkpoint_seconds = settings_real(settings, "checkpoint-seconds"),
        .seed = (uint64_t)settings_integer(settings, "seed"),
    };
    TRY(settings_integers(settings, "stages", limits, unrolls, &options->stage_count, error));
    TRY(settings_integers(settings, "stage-draws", limits, draws, &draw_count, error));
    if (draw_count > options->stage_count && settings_is_given(settings, "stage-draws"))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: 'stage-draws' lists %d numbers for %d stages; give at most as many",
                         settings_origin(settings, "stage-draws"), draw_count, options->stage_count);
    for (int s = 0; s < options->stage_count; s++) {
        bool last = s + 1 == options->stage_count;
        options->stages[s] = (stage){.unrolls = unrolls[s],
                                     .draws = draws[s < draw_count ? s : draw_count - 1],
                                     /* Weights must carry on to the next stage's length. */
                                     .evaluation_unrolls = unrolls[last ? s : s + 1]};
    }
    for (int s = 0; s < options->stage_count; s++)
        options->expected += options->stages[s].unrolls * options->stages[s].draws;
    if (options->updates > 0 && options->updates < options->expected) options->expected = options->updates;
    if (options->evaluate_every == 0) return L2O_OK;
    options->evaluation_draws = settings_integer(settings, "evaluation-draws");
    options->early_stop = settings_flag(settings, "early-stop");
    options->min_evaluations = options->early_stop ? settings_integer(settings, "min-evaluations") : 0;
    return L2O_OK;
}
