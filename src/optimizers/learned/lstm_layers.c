/* LSTM layers of learned optimizers. Initialisation is Sonnet 1's: truncated normals of deviation 1 / sqrt(fan in), the
 * bias among them. */
#include "optimizers/learned/lstm_layers.h"

#include <math.h>
#include <stdio.h>

static int64_t input_of(const lstm_layers *layers, int layer) { return layer == 0 ? layers->input : layers->hidden; }

l2o_status lstm_layers_create(optimizer *optimizer, const l2o_settings *settings, int64_t input, lstm_layers *layers,
                              l2o_error *error) {
    *layers = (lstm_layers){.count = (int)settings_integer(settings, "layers"),
                            .input = input,
                            .hidden = settings_integer(settings, "hidden"),
                            .first_weight = optimizer->weight_count,
                            .first_state = optimizer->state_count};
    int64_t hidden = layers->hidden;
    for (int layer = 0; layer < layers->count; layer++) {
        char name[NAME_LENGTH];
        int64_t rows = input_of(layers, layer) + hidden;
        double deviation = 1.0 / sqrt((double)rows);
        snprintf(name, sizeof name, "lstm_%d.w_gates", layer + 1);
        TRY(optimizer_add_weight(optimizer, name, rows, 4 * hidden, INITIALISE_TRUNCATED_NORMAL, deviation, error));
        snprintf(name, sizeof name, "lstm_%d.b_gates", layer + 1);
        TRY(optimizer_add_weight(optimizer, name, 1, 4 * hidden, INITIALISE_TRUNCATED_NORMAL, deviation, error));
        snprintf(name, sizeof name, "h%d", layer + 1);
        optimizer_add_state(optimizer, name, true, hidden, false);
        snprintf(name, sizeof name, "c%d", layer + 1);
        optimizer_add_state(optimizer, name, true, hidden, false);
    }
    return L2O_OK;
}

/* The rows of each layer's weights that meet its input and those that meet its hidden state: views, made once a run, so
 * that their gradients are put together once and not at every step. */
void lstm_layers_begin(step_context *context, const lstm_layers *layers) {
    for (int layer = 0; layer < layers->count; layer++) {
        value *gates = context->weights[layers->first_weight + 2 * layer];
        int64_t input = input_of(layers, layer);
        context->constants[2 * layer] = tape_slice_rows(context->tape, gates, 0, input);
        context->constants[2 * layer + 1] = tape_slice_rows(context->tape, gates, input, layers->hidden);
    }
}

value *lstm_layers_step(step_context *context, const lstm_layers *layers, value *signal, value **state) {
    for (int layer = 0; layer < layers->count; layer++) {
        value **h = &state[layers->first_state + 2 * layer], **c = h + 1;
        tape_lstm(context->tape, signal, h, c, context->constants[2 * layer], context->constants[2 * layer + 1],
                  context->weights[layers->first_weight + 2 * layer + 1]);
        signal = *h;
    }
    return signal;
}
