/* What a stage means for tasks and weights. In the stages of a curriculum all weights move at one rate. Layer by layer
 * (Chen et al., NeurIPS 2018; Liu et al., ICLR 2019) the unroll ends with the layer's step t: a tensor that first
 * serves in step s moves when s <= t, at the stage's rate times decay^(t - s); in the stage that is the layer's
 * `alone`, only when s = t; tensors that belong to no step (s = 0) move in the other stages, undecayed. Nothing else is
 * touched, neither weights nor slots. In the stage that is `whole`, after the last layer, all that served move at one
 * rate. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "meta/trainer.h"

const stage *trainer_stage(const trainer *trainer) { return &trainer->options.stages[trainer->state.stage]; }

const char *trainer_stage_name(const trainer *trainer, char name[64]) {
    const stage *stage = trainer_stage(trainer);
    if (stage->whole)
        snprintf(name, 64, "all %d layers", stage->layer);
    else if (stage->layer > 0)
        snprintf(name, 64, "layer %d of %d, stage %d of %d", stage->layer, trainer->options.layers, stage->part,
                 trainer->options.parts);
    else
        snprintf(name, 64, "stage %d of %d", trainer->state.stage + 1, trainer->options.stage_count);
    return name;
}

static bool moves(const stage *stage, int64_t step) {
    if (stage->layer == 0) return true;
    return stage->alone ? step == stage->layer : step <= stage->layer;
}

/* One part for each run of neighbours that move alike; where rates follow the weights, for each tensor. */
static void add_part(trainer *trainer, const weight_layout *layout, double rate, double factor) {
    int64_t count = layout->rows * layout->columns;
    adam_part *last = trainer->part_count > 0 ? &trainer->parts[trainer->part_count - 1] : NULL;
    if (!trainer->options.relative && last != NULL && last->first + last->count == layout->offset &&
        last->rate == rate && last->factor == factor)
        last->count += count;
    else
        trainer->parts[trainer->part_count++] = (adam_part){layout->offset, count, rate, factor, 1};
}

void trainer_enter_stage(trainer *trainer) {
    const stage *stage = trainer_stage(trainer);
    const optimizer *optimizer = trainer->optimizer;
    trainer->part_count = 0;
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        trainer->active[k] = moves(stage, layout->step);
        if (!trainer->active[k]) continue;
        int64_t back = stage->layer > 0 && !stage->whole && layout->step > 0 ? stage->layer - layout->step : 0;
        double decay = back == 0 ? 1 : pow(trainer->options.layer_decay, (double)back);
        bool of_gradient = trainer->options.decays_gradient;
        add_part(trainer, layout, of_gradient ? stage->rate : stage->rate * decay, of_gradient ? decay : 1);
    }
    /* Where the steps before the last do not move they are run without a record: see trainer_update.c. */
    trainer->estimator.unroll = stage->alone ? 1 : stage->steps;
    trainer->estimator.active = stage->layer > 0 ? trainer->active : NULL;
    for (int k = 0; k < trainer->task_count; k++)
        meta_task_shape(&trainer->tasks[k], &trainer->estimator, stage->steps);
    features_clear(&trainer->features);
}

/* Whether two tensors are called alike but for the number at the end: w2, w3. */
static bool are_kin(const weight_layout *a, const weight_layout *b) {
    size_t length = strlen(a->name), other = strlen(b->name);
    while (length > 0 && isdigit((unsigned char)a->name[length - 1])) length--;
    while (other > 0 && isdigit((unsigned char)b->name[other - 1])) other--;
    return length == other && memcmp(a->name, b->name, length) == 0 && a->rows == b->rows && a->columns == b->columns;
}

void trainer_start_layer(trainer *trainer) {
    const stage *stage = trainer_stage(trainer);
    const optimizer *optimizer = trainer->optimizer;
    if (!trainer->options.starts_from_previous || stage->part > 1 || stage->whole) return;
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *to = &optimizer->layout[k];
        for (int j = 0; to->step == stage->layer && j < optimizer->weight_count; j++) {
            const weight_layout *from = &optimizer->layout[j];
            if (from->step == stage->layer - 1 && are_kin(from, to))
                memcpy(trainer->weights + to->offset, trainer->weights + from->offset,
                       (size_t)(to->rows * to->columns) * sizeof(double));
        }
    }
}

static bool has_step(const optimizer *optimizer, int64_t step) {
    for (int k = 0; k < optimizer->weight_count; k++)
        if (optimizer->layout[k].step == step) return true;
    return false;
}

/* What a file holds is where its layers begin, whatever a preset suggests. */
static l2o_status read_layer_start(trainer *trainer, l2o_error *error) {
    const l2o_settings *settings = trainer->settings;
    bool from_file = trainer->optimizer->file != NULL;
    if (from_file && !settings_is_given(settings, "layer-start")) return L2O_OK;
    trainer->options.starts_from_previous = settings_choice(settings, "layer-start") == 1;
    if (!from_file || !trainer->options.starts_from_previous) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "%s: layer-start = previous would write over the layers that %s holds, with those before them; "
                     "remove it, or begin with fresh weights: optimizer = %s",
                     settings_origin(settings, "layer-start"), settings_peek(settings, "optimizer"),
                     trainer->optimizer->ops->name);
}

/* Steps after the last layer are not learned: nothing would be trained in their stages but the layers before them. */
static l2o_status check_depth(const trainer *trainer, l2o_error *error) {
    int64_t depth = trainer->optimizer->learned_steps;
    const l2o_settings *settings = trainer->settings;
    if (depth == 0 || trainer->options.layers <= depth) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "%s: with layer-wise = yes unroll is the number of layers to train, but it is %d%s and '%s' has "
                     "depth = %lld; set unroll = %lld",
                     settings_origin(settings, settings_is_set(settings, "unroll") ? "unroll" : "layer-wise"),
                     trainer->options.layers, settings_is_set(settings, "unroll") ? "" : " by default",
                     trainer->optimizer->ops->name, (long long)depth, (long long)depth);
}

l2o_status trainer_prepare_layers(trainer *trainer, l2o_error *error) {
    const trainer_options *options = &trainer->options;
    const l2o_settings *settings = trainer->settings;
    if (options->layers == 0) return L2O_OK;
    TRY(check_depth(trainer, error));
    TRY(read_layer_start(trainer, error));
    for (int layer = 1; options->parts > 1 && layer <= options->layers; layer++)
        if (!has_step(trainer->optimizer, layer))
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: '%s' has no weights that begin to serve in step %d, so with unroll = %d there is a "
                             "layer that cannot be trained alone; use %s",
                             settings_origin(settings, "layer-wise"), trainer->optimizer->ops->name, layer,
                             options->layers,
                             layer == 1 ? "stages, or stage-rates = 1" : "a smaller unroll, or stage-rates = 1");
    if (!trainer->estimator.kind->adapts) return L2O_OK;
    if (settings_is_set(settings, "outer-segment") && trainer->estimator.next_segment)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: layer by layer there is no segment after the one that is trained; use outer-segment = "
                         "same",
                         settings_origin(settings, "outer-segment"));
    trainer->estimator.next_segment = trainer->estimator.reference_step_index = false;
    return L2O_OK;
}
