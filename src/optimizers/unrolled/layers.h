/* What unrolled optimizers share (the LISTA family: Gregor and LeCun, ICML 2010, and its descendants). Step t of such
 * an optimizer is layer t of a network of K layers, made for one dictionary A [m, n]:
 *
 *   x_t = layer_t(x_{t-1}, b; A, weights of layer t),   t = 1 .. K
 *
 * Signals are the rows of b [count, m], codes those of x [count, n]. Fresh weights are made of the dictionary in the
 * settings; a run takes A and b from its problem, so that weights may meet a dictionary that has shifted, and those
 * without matrices one of another size. After layer K a budget goes on with FISTA from x_K, where the problem has a
 * smooth part and a penalty. Layers see no gradients, so nothing in them is ever detached. */
#ifndef L2O_OPTIMIZERS_UNROLLED_LAYERS_H
#define L2O_OPTIMIZERS_UNROLLED_LAYERS_H

#include "optimizers/optimizer.h"

enum { LAYERS_KINDS = 10 };

/* The constants that layers_begin() makes; an optimizer's own begin at LAYERS_CONSTANTS. */
enum { LAYERS_A, LAYERS_B, LAYERS_MINUS_RATE, LAYERS_THRESHOLD, LAYERS_CONSTANTS };

typedef struct layers {
    int64_t depth, rows, columns; /* K, m, n */
    bool fixed_size;              /* its tensors or states are of that size; else it takes any dictionary */
    bool reference;               /* the conventions of the public benchmark code, faults included */
    double initial_lambda;
    int *tensor;          /* [LAYERS_KINDS, K + 1]: which of the weights is a layer's tensor of a kind */
    int state_y, state_t; /* FISTA's, after layer K */
    /* Of the dictionary in the settings, for weights that are fresh; NULL where they come from a file. */
    const double *matrix;                               /* A [m, n] */
    const double *analytic, *pseudo_inverse_transposed; /* [m, n], of its analysis, where asked for */
    double norm_squared;                                /* ||A||^2 */
} layers;

/* when_diverged, of those that can and those that cannot begin with ISTA's matrix. */
#define LAYERS_TRAIN "train it on this dictionary (`l2o train`), or take fista"
#define LAYERS_START_SCALED                                                                                            \
    "begin with initial-weight = scaled, which is ISTA's matrix, and train it on this dictionary (`l2o train`)"

#define LAYERS_SETTINGS                                                                                                \
    {"depth",  SETTING_INTEGER,                                                                                        \
     "layers", "16",                                                                                                   \
     1,        100,                                                                                                    \
     NULL,     "K: the layers of an unrolled optimizer. Steps beyond them are FISTA's"},                               \
        {"conventions",                                                                                                \
         SETTING_CHOICE,                                                                                               \
         "",                                                                                                           \
         "mended",                                                                                                     \
         0,                                                                                                            \
         0,                                                                                                            \
         "mended|reference",                                                                                           \
         "reference: unrolled optimizers begin and behave as in the public code of the Open-L2O benchmark; mended: "   \
         "with its faults put right"},                                                                                 \
    {                                                                                                                  \
        "initial-lambda", SETTING_REAL, "", "0.4", 0, 1e6, NULL,                                                       \
            "The penalty's weight in the thresholds that an unrolled optimizer begins with: those of ISTA for it"      \
    }

/* For networks whose tensors have the dictionary's size: see layers_fix_size(). */
#define LAYERS_SIZE_SETTINGS                                                                                           \
    {"dictionary-rows",                                                                                                \
     SETTING_INTEGER,                                                                                                  \
     "rows",                                                                                                           \
     NULL,                                                                                                             \
     1,                                                                                                                \
     1e9,                                                                                                              \
     NULL,                                                                                                             \
     "m of the dictionary that an unrolled optimizer with matrices is made for: stands in files of weights, taken "    \
     "from the problem otherwise"},                                                                                    \
    {                                                                                                                  \
        "dictionary-columns", SETTING_INTEGER, "columns", NULL, 1, 1e9, NULL, "n of it, likewise"                      \
    }

#define LAYERS_TIED_SETTING                                                                                            \
    {                                                                                                                  \
        "tied", SETTING_FLAG, "", "no", 0, 0, NULL,                                                                    \
            "All layers of an unrolled optimizer share their matrices, of which each takes a learned multiple; in "    \
            "step-lista they share the step size"                                                                      \
    }

/* Reads LAYERS_SETTINGS and fills `own`; adds the states that steps after layer K need. m and n are those of the
 * dictionary in the settings, and unknown (0) where weights come from a file. */
l2o_status layers_create(optimizer *optimizer, const l2o_settings *settings, bool analysed, layers *own,
                         l2o_error *error);
/* For networks whose tensors have the size of the dictionary, after layers_create(): reads LAYERS_SIZE_SETTINGS, so
 * that m and n are known for weights from a file too and stand in the file. Such a network suits dictionaries of this
 * size alone. */
l2o_status layers_fix_size(optimizer *optimizer, const l2o_settings *settings, layers *own, l2o_error *error);
/* For hand-designed optimizers that keep something of the size of b: the sizes of the dictionary in the settings. */
l2o_status layers_measure(optimizer *optimizer, const l2o_settings *settings, layers *own, l2o_error *error);
/* Adds the matrices NAME.t of layers first .. K, which start alike; or one for all of them when `shared`. They are what
 * steps multiply by, learned for one dictionary. `given` [rows, columns], in the optimizer's memory. */
l2o_status layers_add(optimizer *optimizer, layers *own, int kind, const char *name, bool shared, int64_t first,
                      int64_t rows, int64_t columns, const double *given, l2o_error *error);
/* One layer's matrix alone. */
l2o_status layers_add_one(optimizer *optimizer, layers *own, int kind, const char *name, int64_t layer, int64_t rows,
                          int64_t columns, const double *given, l2o_error *error);
/* The same for rows [1, count] of numbers, as one for each coordinate, which all begin alike; for numbers: of each
 * layer, or one when `shared`; and for one layer's. */
l2o_status layers_add_numbers(optimizer *optimizer, layers *own, int kind, const char *name, bool shared, int64_t first,
                              int64_t count, double initial, l2o_error *error);
l2o_status layers_add_number(optimizer *optimizer, layers *own, int kind, const char *name, bool shared, double initial,
                             l2o_error *error);
l2o_status layers_add_one_number(optimizer *optimizer, layers *own, int kind, const char *name, int64_t layer,
                                 double initial, l2o_error *error);
/* A tensor that all layers share and that begins at random, with the variance 2 / (rows + columns): a matrix that
 * steps multiply by, or a row that they add. */
l2o_status layers_add_drawn(optimizer *optimizer, layers *own, int kind, const char *name, bool multiplies,
                            int64_t rows, int64_t columns, l2o_error *error);
/* theta.t, each the threshold that ISTA with the step 1/L and the initial lambda has: one number a layer, or one for
 * each coordinate. */
l2o_status layers_add_thresholds(optimizer *optimizer, layers *own, int kind, bool each_coordinate, l2o_error *error);

/* How the matrix that multiplies a residual begins. */
typedef enum layers_start { LAYERS_ANALYTIC, LAYERS_DICTIONARY, LAYERS_SCALED_DICTIONARY } layers_start;

#define LAYERS_START_SETTING                                                                                           \
    {                                                                                                                  \
        "initial-weight", SETTING_CHOICE, "", NULL, 0, 0, "analytic|dictionary|scaled",                                \
            "How the matrices begin that multiply a residual: as ALISTA's analytic weight, as A, as A / L. Default: "  \
            "analytic; by the reference dictionary for "                                                               \
            "lista-cp, lista-cpss and tista, scaled for glista and lamp"                                               \
    }

/* That setting, or `otherwise` where it is not given, which is noted. */
l2o_status layers_read_start(optimizer *optimizer, const l2o_settings *settings, layers_start otherwise,
                             layers_start *start, l2o_error *error);
/* The matrix [m, n]; NULL where weights come from a file. */
l2o_status layers_initial_weight(optimizer *optimizer, const layers *own, layers_start start, const double **out,
                                 l2o_error *error);
/* L, an upper bound of ||A||^2: exactly what ISTA takes, or 1.001 times that by the reference. 1 when there is none. */
double layers_lipschitz(const layers *own);
/* Zeroed memory that lives as long as the optimizer. */
double *layers_numbers(optimizer *optimizer, int64_t count, l2o_error *error);

/* For the ops table. */
l2o_status layers_suits(const optimizer *optimizer, const problem *problem, l2o_error *error);
void layers_begin(step_context *context);
/* Something of the dictionary's analysis [m, n] as a constant: as it lies, where the tape is float64. */
value *layers_constant(const step_context *context, const double *numbers);

/* Is this step beyond layer K? Then layers_continue() is the step. */
bool layers_are_done(const step_context *context);
value *layers_continue(step_context *context, value *x, value **state);

/* The present layer's tensor of a kind. */
value *layers_weight(const step_context *context, int kind);
/* The tensor of a kind that all layers share. */
value *layers_shared_weight(const step_context *context, int kind);
/* The present layer's threshold: not below zero, except by the reference. */
value *layers_threshold(const step_context *context, int kind);
/* b - x A' [count, m]. */
value *layers_residual(const step_context *context, value *x);
/* How many of each row's numbers are not zero [count, 1], a constant. */
value *layers_count_nonzeros(tape *tape, value *x);

#endif
