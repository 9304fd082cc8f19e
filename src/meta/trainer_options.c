/* The trainer's settings, and the stages that are made of them: a curriculum, or training layer by layer. */
#include "base/settings_list.h"
#include "meta/trainer.h"

enum { MOST_LISTED = 64, LAYER_PATIENCE = 5 };

const setting trainer_settings[] = {
    {"layer-wise", SETTING_FLAG, "", "no", 0, 0, NULL,
     "Instead of stages, for optimizers with weights of their own for each step: train the first step, then the first "
     "two, and so on up to unroll, each in as many stages as there are stage-rates, with one unroll a draw"},
    {"stage-rates", SETTING_TEXT, "", "1,0.2,0.02", 0, 0, NULL,
     "With layer-wise, what outer-rate is multiplied by in the stages of each layer. Where there are several, the "
     "first trains the weights of the last step alone"},
    {"layer-decay", SETTING_REAL, "", "0.3", 0, 1, NULL,
     "With layer-wise, weights that first serve j steps before the last have their rate multiplied by the j-th power "
     "of this"},
    {"layer-decay-of", SETTING_CHOICE, "", "rate", 0, 0, "rate|gradient",
     "What that factor is of: the rate, or the gradient, as in the reference code, which Adam all but undoes"},
    {"layer-start", SETTING_CHOICE, "", "initial", 0, 0, "initial|previous",
     "With layer-wise, where the weights of a layer begin: as the optimizer makes them (the reference), or as those of "
     "the layer before, trained already, where it has such. Weights from a file begin as they are"},
    {"finish-draws", SETTING_INTEGER, "draws", "0", 0, 1e8, NULL,
     "With layer-wise, after the last layer: so many draws in one more stage that trains the weights of all steps "
     "alike, at outer-rate and without layer-decay"},
    {"stages", SETTING_TEXT, "unrolls", "5,10,25,50,75,100", 0, 0, NULL,
     "The curriculum: for each stage, how many unrolls follow one draw of the problems"},
    {"stage-draws", SETTING_TEXT, "draws", "200,100,40,20,14,10", 0, 0, NULL,
     "Draws that each stage has at most; the last number holds for the stages after it. With layer-wise: the stages of "
     "each layer"},
    {"training-draws", SETTING_INTEGER, "draws", "0", 0, 1e9, NULL,
     "Train on a fixed set of so many draws, over and over; 0: fresh problems for every draw"},
    {"updates", SETTING_INTEGER, "updates", "0", 0, 1e12, NULL, "Stop after so many meta-updates in all; 0: no limit"},
    {"early-stop", SETTING_FLAG, "", "yes", 0, 0, NULL,
     "End a stage when evaluation no longer improves, and, but for layer-wise, training when a stage brings nothing"},
    {"patience", SETTING_INTEGER, "evaluations", NULL, 1, 1e6, NULL,
     "Evaluations in a row that do not improve and so end a stage. Default: 5 with layer-wise, else 1"},
    {"stage-result", SETTING_CHOICE, "", "best", 0, 0, "best|last",
     "Which weights a stage hands on, and training to its result: the best that were evaluated, or the last (the "
     "reference code of layer-wise training)"},
    {"evaluate-every", SETTING_INTEGER, "draws", "10", 0, 1e9, NULL,
     "Evaluate after so many draws; 0: never, the last weights are the result"},
    {"evaluation-draws", SETTING_INTEGER, "draws", "4", 1, 10000, NULL,
     "Size of the fixed evaluation set: so many draws for each task"},
    {"min-evaluations", SETTING_INTEGER, "evaluations", "3", 1, 1e6, NULL,
     "Evaluations a stage has at least before it may end"},
    {"outer-rate", SETTING_REAL, "", "0.001", 0, 1e6, NULL, "Adam's rate for the meta-updates"},
    {"outer-schedule", SETTING_CHOICE, "", "constant", 0, 0, "constant|cosine",
     "How that rate goes on: as it is, or down to zero along half a cosine over all updates that the stages hold; with "
     "layer-wise, over the draws of each stage"},
    {"relative-rate", SETTING_FLAG, "", "no", 0, 0, NULL,
     "Multiplies Adam's rate for each weight tensor, in training and in adaptation, by the root mean square of its "
     "entries, or by 0.001 where that is larger, as Adafactor does: one rate for tensors of any scale"},
    {"adam-epsilon", SETTING_REAL, "", "1e-8", 0, 1, NULL, "Adam's epsilon for updates of the weights"},
    {"epsilon-place", SETTING_CHOICE, "", "tensorflow", 0, 0, "tensorflow|pytorch",
     "Where that epsilon stands: beside the uncorrected root (TensorFlow 1, the authors' code) or the corrected one"},
    {"clip", SETTING_REAL, "", "500000", 0, 1e300, NULL,
     "Norm to which each tensor of each task's meta-gradient is clipped; 0: no clipping"},
    {"tasks", SETTING_CHOICE, "", "auto", 0, 0, "auto|components|mixed",
     "Mixtures: one task for each component, or one task with a mixed batch. Auto: components for estimators with an "
     "inner step"},
    {"training-tasks", SETTING_TEXT, "", NULL, 0, 0, NULL,
     "Kinds of tasks to train on, separated by |, each a list of problem settings that hold instead of those given, as "
     "in density=0.05|density=0.1,snr=30; all of one shape. Each has a batch of its own; gradients are averaged over "
     "all, inner steps are each one's own"},
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

/* The numbers of `stage-draws`, at most one for each of `stages`. */
static l2o_status read_draws(const l2o_settings *settings, int stages, int64_t draws[MOST_LISTED], l2o_error *error) {
    int count;
    TRY(settings_integers(settings, "stage-draws", (list_limits){1, 1e8, MOST_LISTED}, draws, &count, error));
    if (count > stages && settings_is_given(settings, "stage-draws"))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: 'stage-draws' lists %d numbers for %d stages; give at most as many",
                         settings_origin(settings, "stage-draws"), count, stages);
    for (int s = count; s < stages; s++) draws[s] = draws[count - 1];
    return L2O_OK;
}

static l2o_status read_curriculum(const l2o_settings *settings, trainer_options *options, l2o_error *error) {
    int64_t unrolls[MOST_LISTED], draws[MOST_LISTED], steps = settings_integer(settings, "unroll");
    int count;
    TRY(settings_integers(settings, "stages", (list_limits){1, 1e8, MOST_LISTED}, unrolls, &count, error));
    TRY(read_draws(settings, count, draws, error));
    options->stage_count = count;
    for (int s = 0; s < count; s++)
        options->stages[s] = (stage){.unrolls = unrolls[s],
                                     .draws = draws[s],
                                     .steps = steps,
                                     /* Weights must carry on to the next stage's length. */
                                     .evaluation_steps = steps * unrolls[s + 1 == count ? s : s + 1],
                                     .rate = 1};
    return L2O_OK;
}

static l2o_status read_layers(const l2o_settings *settings, trainer_options *options, l2o_error *error) {
    double rates[MOST_LAYER_STAGES];
    int64_t draws[MOST_LISTED], layers = settings_integer(settings, "unroll");
    int parts;
    if (layers > MOST_LAYERS)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: layer-wise training goes up to %d steps, not unroll = %lld; make unroll smaller",
                         settings_origin(settings, "layer-wise"), (int)MOST_LAYERS, (long long)layers);
    TRY(settings_reals(settings, "stage-rates", (list_limits){0, 1e6, MOST_LAYER_STAGES}, rates, &parts, error));
    TRY(read_draws(settings, parts, draws, error));
    options->layers = (int)layers;
    options->parts = parts;
    options->layer_decay = settings_real(settings, "layer-decay");
    options->decays_gradient = settings_choice(settings, "layer-decay-of") == 1;
    for (int layer = 1; layer <= options->layers; layer++)
        for (int p = 0; p < parts; p++)
            options->stages[options->stage_count++] = (stage){.unrolls = 1,
                                                              .draws = draws[p],
                                                              .steps = layer,
                                                              .evaluation_steps = layer,
                                                              .rate = rates[p],
                                                              .layer = layer,
                                                              .part = p + 1,
                                                              .alone = p == 0 && parts > 1};
    int64_t finish = settings_integer(settings, "finish-draws");
    if (finish > 0)
        options->stages[options->stage_count++] = (stage){.unrolls = 1,
                                                          .draws = finish,
                                                          .steps = layers,
                                                          .evaluation_steps = layers,
                                                          .rate = 1,
                                                          .layer = (int)layers,
                                                          .part = 1,
                                                          .whole = true};
    return L2O_OK;
}

l2o_status trainer_options_read(const l2o_settings *settings, trainer_options *options, l2o_error *error) {
    *options = (trainer_options){
        .updates = settings_integer(settings, "updates"),
        .evaluate_every = settings_integer(settings, "evaluate-every"),
        .rate = settings_real(settings, "outer-rate"),
        .cosine = settings_choice(settings, "outer-schedule") == 1,
        .relative = settings_flag(settings, "relative-rate"),
        .clip = settings_real(settings, "clip"),
        .recoveries = (int)settings_integer(settings, "recoveries"),
        .checkpoint_seconds = settings_real(settings, "checkpoint-seconds"),
        .seed = (uint64_t)settings_integer(settings, "seed"),
        .training_draws = settings_integer(settings, "training-draws"),
        .patience = 1,
    };
    bool layer_wise = settings_flag(settings, "layer-wise");
    TRY(layer_wise ? read_layers(settings, options, error) : read_curriculum(settings, options, error));
    for (int s = 0; s < options->stage_count; s++)
        options->expected += options->stages[s].unrolls * options->stages[s].draws;
    if (options->updates > 0 && options->updates < options->expected) options->expected = options->updates;
    if (options->evaluate_every == 0) return L2O_OK;
    options->evaluation_draws = settings_integer(settings, "evaluation-draws");
    options->early_stop = settings_flag(settings, "early-stop");
    options->result_last = settings_choice(settings, "stage-result") == 1;
    if (!options->early_stop) return L2O_OK;
    options->min_evaluations = settings_integer(settings, "min-evaluations");
    if (layer_wise) options->patience = LAYER_PATIENCE;
    if (settings_is_set(settings, "patience")) options->patience = settings_integer(settings, "patience");
    return L2O_OK;
}
