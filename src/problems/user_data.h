/* A user's own instances: the settings A, b, lambda and x0 given as data files instead of distributions or numbers.
 *
 * A is [m, n], one for all instances, dense or sparse, or [N, m, n], one for each. b is [m], one instance, or one
 * instance a row or a column; a libsvm file for A brings b as its labels. lambda is one number or [N], x0 is [n] or
 * [N, n]; the true x*, where it is known, is [N, n], or [n] for one instance. The N instances are split in two parts
 * that never meet: the kept part is what training, adaptation and tuning see, the held-out part is for validation and
 * for measuring adaptation; tests see all instances in the files' order, comparisons in which something adapts, is
 * tuned or comes from a file of weights the held-out part. The split depends on the number of instances and the
 * fraction alone, so that it is the same one in training and in all that follows.
 */
#ifndef L2O_PROBLEMS_USER_DATA_H
#define L2O_PROBLEMS_USER_DATA_H

#include "io/data_file.h"
#include "problems/problem.h"

typedef struct user_data {
    int64_t instances; /* N; 0 when A or b is drawn, so that there is no end of instances */
    int64_t held_out;  /* of the N, how many */
    int64_t m, n;      /* of A; 0 without a file for A */
    bool a_given, b_given, lambda_given, x0_given, truth_given;
    char *a_name; /* "A: FILE" */
    data_file a, lambda, x0, truth;
    sparse_matrix transpose; /* of a sparse A */
    double *b;               /* [N, m] */
    int64_t *order;          /* [N]: a permutation; the first held_out of it are held out */
    int64_t *pool;           /* [N], for drawing */
    int64_t *chosen;         /* [B]: which instance stands at each place of the batch; valid after user_data_choose() */
    bool ordered;
} user_data;

/* Reads whichever of the problem's settings name files; *out is NULL when none does. Shapes are checked against each
 * other here, counts of lambda and x0 in user_data_bind(). */
l2o_status user_data_read(const problem_ops *ops, const l2o_settings *settings, user_data **out, l2o_error *error);
void user_data_free(user_data *data);

/* The number of instances of the part that `stream` sees; 0 when there is no end of them. */
int64_t user_data_part(const user_data *data, random_stream stream);

/* For a batch of `batch`, of a problem of `dimension`: checks what is left (also that the settings' dtype can hold the
 * numbers) and makes room. */
l2o_status user_data_bind(user_data *data, const l2o_settings *settings, int64_t batch, int64_t dimension,
                          l2o_error *error);

/* Labels of -1 and 1 are left as they are, 0 and 1 become these; anything else is an error. */
l2o_status user_data_labels(user_data *data, const l2o_settings *settings, l2o_error *error);

/* Draws a batch without replacement from the stream's part; where the batch is larger than the part, instances repeat
 * in turn. STREAM_TEST takes them in order, the next batch for the next draw. */
void user_data_choose(user_data *data, int64_t batch, random_key key);

/* Which entry, of an array that has `count` of them, belongs to place `p` of the batch. */
int64_t user_data_entry(const user_data *data, int64_t count, int64_t p);

#endif
