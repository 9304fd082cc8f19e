/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011). A draw is a pure function of its address
 * (seed, stream, draw, field, index), so it depends on what is drawn, never on who draws it or when. */
#ifndef L2O_BASE_RANDOM_H
#define L2O_BASE_RANDOM_H

#include <stdint.h>

/* Streams that cannot meet: the stream is part of the counter. Append only: the numbers are part of every result. */
typedef enum random_stream {
    STREAM_INITIALISATION = 0, /* weights of optimizers */
    STREAM_TRAINING = 1,       /* problems that weights are meta-trained on */
    STREAM_VALIDATION = 2,     /* the fixed set that chooses among weights */
    STREAM_ADAPTATION = 3,     /* problems that weights adapt on */
    STREAM_HELD_OUT = 4,       /* held-out adaptation problems: measured, never adapted on */
    STREAM_TEST = 5,           /* problems that are reported */
    STREAM_TUNING = 6,         /* problems on which rates of classical optimizers are tuned */
    STREAM_CHECK = 7,          /* points and directions of derivative checks */
    STREAM_SPLIT = 8,          /* which of a user's instances are held out, and batches drawn from the rest */
    STREAM_COUNT
} random_stream;

/* What is drawn, so that A, b and x0 of one problem never share numbers. */
typedef enum random_field {
    FIELD_A,
    FIELD_B,
    FIELD_X0,
    FIELD_WEIGHTS,
    FIELD_OTHER,
    FIELD_TRUTH,
    FIELD_LAMBDA
} random_field;

/* One sequence of numbers. `draw` counts problems (or re-draws), `task` tells parallel tasks of one draw apart. */
typedef struct random_key {
    uint64_t seed;
    uint32_t draw;
    uint16_t task;
    uint8_t stream; /* random_stream */
    uint8_t field;  /* random_field */
} random_key;

void random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

double random_uniform(random_key key, uint64_t index); /* [0, 1), 53 bits */
double random_normal(random_key key, uint64_t index);  /* Box-Muller: index 2i and 2i+1 share one block */
/* out[i] = random_uniform(key, first + i), or random_normal(): the same bits, at half the cost. */
void random_fill_uniform(random_key key, uint64_t first, int64_t count, double *out);
void random_fill_normal(random_key key, uint64_t first, int64_t count, double *out);
/* Normal cut at two standard deviations by redrawing, without correcting the variance (TensorFlow's). */
double random_truncated_normal(random_key key, uint64_t index);

#endif
