/* The LSTM layers of a coordinate-wise optimizer, one above another: their weights, their state, and a step of all on
 * the tape. The first takes `input` numbers of a coordinate, every other the hidden units of the one below. */
#ifndef L2O_OPTIMIZERS_LEARNED_LSTM_LAYERS_H
#define L2O_OPTIMIZERS_LEARNED_LSTM_LAYERS_H

#include "optimizers/optimizer.h"

enum { LSTM_MOST_LAYERS = 16, LSTM_CONSTANTS = 2 * LSTM_MOST_LAYERS };

/* Settings of any optimizer that has them, for its table. */
#define LSTM_SETTINGS                                                                                                  \
    {"layers", SETTING_INTEGER, "layers", "2", 1, LSTM_MOST_LAYERS, NULL, "LSTM layers of the learned optimizer"}, {   \
        "hidden", SETTING_INTEGER, "units", "20", 1, 1024, NULL, "Hidden units of each LSTM layer"                     \
    }

typedef struct lstm_layers {
    int count;
    int64_t input, hidden;
    int first_weight, first_state; /* each layer has two of both: its matrix and its bias, h and c */
} lstm_layers;

/* Adds weights and states of the number and width that the settings say. */
l2o_status lstm_layers_create(optimizer *optimizer, const l2o_settings *settings, int64_t input, lstm_layers *layers,
                              l2o_error *error);
/* Makes the first 2 * count of the run's constants: from LSTM_CONSTANTS on they are free for others. */
void lstm_layers_begin(step_context *context, const lstm_layers *layers);
/* From signal [rows, input] to the last layer's hidden state [rows, hidden]. */
value *lstm_layers_step(step_context *context, const lstm_layers *layers, value *signal, value **state);

#endif
