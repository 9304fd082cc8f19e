/* A problem: a batch of B independent instances of dimension n to be minimised, behind one ops table. Families here and
 * a user's own callbacks fill the same table; nothing else in the library knows which it is. */
#ifndef L2O_PROBLEMS_PROBLEM_H
#define L2O_PROBLEMS_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/random.h"
#include "base/settings.h"
#include "tensor/kernels.h"

typedef struct l2o_problem problem;
struct linear_model;
struct dictionary;
struct user_data;
struct distribution;

/* Which instances an evaluation is about: row r of x, f, g belongs to instance index[r]. */
typedef struct instances {
    int64_t count;
    const int64_t *index;
} instances;

/* What an evaluation may use: kernels of the problem's type, scratch memory (reset by the caller), the error. */
typedef struct evaluation {
    const kernels *kernels;
    arena *scratch;
    l2o_error *error;
} evaluation;

/* Structure that optimizers and solvers may ask for by name. */
typedef enum problem_structure {
    STRUCTURE_LINEAR_MODEL = 1,   /* A and b: problem->model */
    STRUCTURE_PROXIMAL = 2,       /* f = smooth + lambda ||x||_1: ops->smooth_gradient, problem->lambda; supervised
                                     families: that is what stands in for f */
    STRUCTURE_LIPSCHITZ = 4,      /* of the smooth part's gradient, per instance: problem->lipschitz, see prepare() */
    STRUCTURE_DUALITY_GAP = 8,    /* ops->duality_gap */
    STRUCTURE_OPTIMUM = 16,       /* problem->optimum: the least value per instance is known in closed form */
    STRUCTURE_LEAST_SQUARES = 32, /* the smooth part is 1/2 ||A x - b||^2 with the linear model's A and b */
    STRUCTURE_LINEAR_LOSS = 64,   /* the smooth part is a loss of A x that coordinate descent knows: least squares when
                                     STRUCTURE_LEAST_SQUARES is there too, else (1/m) sum log(1 + exp(-b A x)) */
    STRUCTURE_DICTIONARY = 128    /* b measures A x with one A for all instances: problem_dictionary(), see prepare().
                                     Families have it; an A for each instance is refused by prepare() */
} problem_structure;

typedef struct problem_ops {
    const char *name, *summary; /* summary: one line with the formula */
    const char *reference;      /* where the definition comes from */
    const setting *settings;    /* the family's own knobs, ends with a NULL name; NULL: none */
    unsigned structures;        /* problem_structure bits that instances of this family have */
    bool data;                  /* takes the settings A, b, m (a linear model) */
    bool drawn_b;               /* b may be a distribution (labels may not) */
    bool penalized;             /* takes lambda and lambda-relative */
    int64_t fixed_dimension;    /* 0: the setting n decides */
    int64_t default_dimension;  /* where n is not given; 0: the setting's own default */
    const char *default_x0;     /* where x0 is not given; NULL: the setting's own default */
    const char *default_b;      /* likewise */
    bool supervised;            /* f compares x with the truth: it is for meta-losses and for measuring. Optimizers
                                   get no gradient of it, for that would tell the truth; their structure is that of
                                   A and b, and STRUCTURE_PROXIMAL means the objective that stands in for f */
    const char *const *distributions; /* names among `settings` that are distributions, ends with NULL; NULL: none */

    /* Reads its settings and allocates (from problem->memory). The common part is filled in already. */
    l2o_status (*create)(problem *problem, const l2o_settings *settings, l2o_error *error);
    /* Draws all instance data in place, without allocating. x0 is drawn by the caller. Optional. */
    l2o_status (*sample)(problem *problem, random_key key, l2o_error *error);
    void (*destroy)(problem *problem); /* optional: what is not in problem->memory */

    /* f[count] and g[count, n] at x[count, n], per instance, without the literature's 1/B; f or g may be NULL. A
     * subgradient where f has a kink, with sign(0) = 0. */
    l2o_status (*value_gradient)(const problem *problem, instances rows, const void *x, void *f, void *g,
                                 const evaluation *evaluation);
    /* H(x) v per instance. Optional: exact MAML and full derivatives need it. */
    l2o_status (*hess_vec)(const problem *problem, instances rows, const void *x, const void *v, void *out,
                           const evaluation *evaluation);
    /* The gradient of u' H(x) v per instance, symmetric in u and v. Optional: exact MAML with full derivatives. */
    l2o_status (*third)(const problem *problem, instances rows, const void *x, const void *u, const void *v, void *out,
                        const evaluation *evaluation);

    /* STRUCTURE_PROXIMAL: gradient of the smooth part alone (f too, the smooth part's; either may be NULL). */
    l2o_status (*smooth_gradient)(const problem *problem, instances rows, const void *x, void *f, void *g,
                                  const evaluation *evaluation);
    /* The smooth part's Hessian times v. Optional: where a penalty's second derivative is zero, as that of ||x||_1, it
     * is hess_vec; supervised families have one of its own. Third derivatives of both are one. */
    l2o_status (*smooth_hess_vec)(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                  const evaluation *evaluation);
    /* STRUCTURE_LIPSCHITZ: fills problem->lipschitz[B] from the present data. */
    l2o_status (*lipschitz)(problem *problem, const evaluation *evaluation);
    /* STRUCTURE_DUALITY_GAP: an upper bound of f(x) - f*, per instance, in float64. */
    l2o_status (*duality_gap)(const problem *problem, instances rows, const void *x, double *gap,
                              const evaluation *evaluation);
    /* Distance of x to the nearest kink relative to `scale`, for derivative checks: true when some coordinate lies
     * within `radius` of one. Optional: smooth. */
    bool (*near_kink)(const problem *problem, int64_t instance, const double *x, double radius);
} problem_ops;

struct l2o_problem {
    const problem_ops *ops;
    dtype type;
    int64_t batch, dimension; /* B, n */
    int component;            /* of mixtures, or COMPONENT_ALL */
    arena memory;
    void *x0;          /* [B, n] of `type` */
    double *lambda;    /* [B], weight of the penalty (zero is allowed); NULL in families without one */
    double *lipschitz; /* [B], valid after problem_prepare(STRUCTURE_LIPSCHITZ) until the next sample */
    double *optimum;   /* [B] or NULL */
    void *truth;       /* [B, n] of `type`: the x that b or the labels were made from; NULL when nobody knows */
    bool lipschitz_ready;
    bool concurrent;            /* value_gradient and its kin may be called from several threads at once */
    struct linear_model *model; /* STRUCTURE_LINEAR_MODEL, else NULL */
    struct dictionary
        *dictionary;          /* analysis of the shared A, after problem_prepare(STRUCTURE_DICTIONARY), else NULL */
    void *family;             /* the family's own data */
    struct user_data *source; /* the user's files, NULL when all data is drawn: see user_data.h */
    struct distribution *x0_distribution;
};

/* Part of a mixture: `component` of a mixture of `count`; -1: the whole mixture, by shares of the batch. */
enum { COMPONENT_ALL = -1 };

/* Creates a problem from settings (problem, n, m, batch, dtype, A, b, lambda, x0, and the family's own). With a
 * component, every mixture among its distributions is replaced by that component: one task of meta-training. Data is
 * not drawn yet. Ownership: problem_free(). */
l2o_status problem_create(const l2o_settings *settings, int component, problem **out, l2o_error *error);
/* The same, with a say in how large the batch is when the data are a user's files: what `purpose` will be sampled most.
 * problem_create() is for STREAM_TEST: B is `batch` where given, else all instances; so it is for STREAM_HELD_OUT, with
 * all that are held out. For the other streams B is `batch` (128 where not given). B is never more than the instances
 * that the stream sees: it is reduced here, once, so that whatever has been sized by problem->batch stays valid. */
l2o_status problem_create_for(const l2o_settings *settings, int component, random_stream purpose, problem **out,
                              l2o_error *error);
void problem_free(problem *problem);
/* How many components the distributions of `settings` have (1 without mixtures; an error when two mixtures differ). */
l2o_status problem_components(const l2o_settings *settings, int *count, l2o_error *error);

/* What b is for a family: the setting, or the family's own default. */
const char *problem_b_text(const problem_ops *ops, const l2o_settings *settings);

/* Draws all B instances and x0 afresh: a pure function of seed, stream, draw and task. With a user's data: a batch of
 * their instances from the part (kept or held out) that belongs to the stream; where that part is smaller than B, its
 * instances repeat in turn. */
l2o_status problem_sample(problem *problem, uint64_t seed, random_stream stream, uint32_t draw, uint16_t task,
                          l2o_error *error);
/* Makes sure that structure which costs something (the Lipschitz constants, the dictionary) is there. Not safe
 * concurrently. */
l2o_status problem_prepare(problem *problem, unsigned structures, const evaluation *evaluation);

/* Zeroed memory for a x b x c items of `size` bytes, which lives as long as the problem. */
void *problem_allocate(problem *problem, int64_t a, int64_t b, int64_t c, size_t size, l2o_error *error);

/* Allocates x0, and the distribution `text` that it is drawn from unless it is in a user's file. */
l2o_status problem_create_x0(problem *problem, const char *text, int component, l2o_error *error);

/* distribution_parse(), for settings that may name data files too: a path of an unknown format gets its own sentence.
 */
l2o_status problem_parse_distribution(const char *text, const char *what, struct distribution *out, l2o_error *error);

/* Element `i` of an array of floats or doubles. */
static inline double problem_load(dtype type, const void *array, int64_t i) {
    return type == DTYPE_FLOAT32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}
static inline void problem_store(dtype type, void *array, int64_t i, double value) {
    if (type == DTYPE_FLOAT32)
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

/* What became of a call of one of the problem's functions, by the status it returned and the error it may have set. A
 * failure that came without a sentence gets one, for an unnoticed one would count as a gradient of zero. */
l2o_status problem_outcome(const problem *problem, l2o_status status, l2o_error *error);

static inline bool problem_has(const problem *problem, unsigned structures) {
    return (problem->ops->structures & structures) == structures;
}

/* The registry. */
const problem_ops *problem_find(const char *name);
const problem_ops *problem_at(int index); /* NULL past the end */
/* The names of all families, ", " between them: for error sentences. */
void problem_names(char *text, size_t size);
extern const setting problem_common_settings[];

#endif
