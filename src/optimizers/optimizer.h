/* An optimizer: whatever turns x_t, what it sees of the problem and its state into x_{t+1}. Hand-designed, learned and
 * unrolled ones share this interface: what a benchmark can do with one it can do with all. The step is written once,
 * against the tape's operations: recorded it is meta-training, unrecorded it is inference. */
#ifndef L2O_OPTIMIZERS_OPTIMIZER_H
#define L2O_OPTIMIZERS_OPTIMIZER_H

#include <jansson.h>

#include "autodiff/tape.h"
#include "problems/problem.h"

typedef struct l2o_optimizer optimizer;
typedef struct fused_unroll fused_unroll; /* optimizers/unroll.h */
typedef struct fused_step fused_step;     /* optimizers/fused_step.h */

enum { OPTIMIZER_CONSTANTS = 64, OPTIMIZER_STATES = 64, NAME_LENGTH = 48 };
enum { FAR_OUTSIDE = 10 };        /* by this factor a problem is far from others */
enum { INSTANCES_TOGETHER = 64 }; /* so that a matrix is loaded for many products, and still two threads share */

typedef enum initialisation { INITIALISE_ZERO, INITIALISE_TRUNCATED_NORMAL, INITIALISE_GIVEN } initialisation;

/* One tensor of learned weights; they stand one behind another in the flat vector of all weights. */
typedef struct weight_layout {
    char name[NAME_LENGTH];
    int64_t rows, columns, offset;
    initialisation initialisation;
    double deviation;      /* nominal standard deviation of a truncated normal */
    const double *given;   /* [rows, columns], in optimizer->memory; NULL where weights come from a file: they are not
                              initialised there */
    int64_t step;          /* the first step that uses it; 0: none in particular */
    bool multiplies;       /* all that steps do with it are products x w or x w', x [count, .] with a row an instance */
    bool without_gradient; /* no gradient tells of it, as of what enters through a count: its meta-gradient is zero */
} weight_layout;

/* One tensor of state that is carried from step to step, zero at the start (unless `starts_at_x`). */
typedef struct state_layout {
    char name[NAME_LENGTH];
    bool per_coordinate; /* [count * n, width], else [count, width] */
    int64_t width;
    bool starts_at_x; /* width 1, per coordinate: a copy of x0 */
} state_layout;

/* What an optimizer saw of gradients and the like, call by call: kept in one run and shown again, as constants, in
 * another, where x may move under them. Differences between runs of the second kind are those of the surrogate loss
 * with frozen inputs, of which a detached meta-gradient is the exact gradient. */
typedef struct gradient_log {
    bool replay;
    int64_t calls;            /* there is room for this many in one run */
    int64_t batch, dimension; /* B, n */
    double *gradients;        /* [calls, B, n], of the whole batch */
} gradient_log;

/* Which gradient an optimizer asks for at its iterate, so that unrecorded runs compute it together with the objective
 * and no other. A matter of cost alone, for every gradient is there for who asks; but supervised problems, which tell
 * nobody theirs, refuse WANTS_GRADIENT beforehand. */
typedef enum gradient_wanted { WANTS_GRADIENT, WANTS_SMOOTH_GRADIENT, WANTS_NO_GRADIENT } gradient_wanted;

/* What a step sees. */
typedef struct step_context {
    tape *tape;
    const optimizer *optimizer;
    const problem *problem;
    const instances *rows;
    value *const *weights;                 /* [weight_count] */
    value *constants[OPTIMIZER_CONSTANTS]; /* made by begin() */
    int64_t step;                          /* 1 at the first step of an instance: the exponent of bias corrections */
    bool detached;                         /* gradients are constants for the meta-gradient */
    bool guarded;                          /* an optimizer that has a guard uses it: never where steps are recorded */
    double spent;                          /* by a guard, beyond a gradient a step: gradients per instance */
    double gradient_scale;                 /* 1/B or 1 */
    value *memo_x, *memo_f, *memo_g;       /* the last evaluation: it is shared by the loss and the step */
    value *memo_smooth;                    /* of it, the smooth part's gradient; whatever was not computed is NULL */
    gradient_log *log;                     /* NULL: gradients are neither kept nor replayed */
    int64_t log_call, log_row;             /* how many calls so far; the first of these rows in the log's batch */
} step_context;

/* The problem's objective [count, 1] and its scaled gradient [count, n] at x, detached where the run says so. */
value *step_objective(step_context *context, value *x);
value *step_gradient(step_context *context, value *x);
/* The gradient of the smooth part alone, scaled and detached alike: for problems with STRUCTURE_PROXIMAL. */
value *step_smooth_gradient(step_context *context, value *x);
/* Something else [count, n] that a network looks at, a constant where gradients are. */
value *step_seen(step_context *context, value *x);

typedef struct optimizer_ops {
    const char *name, *summary, *reference;
    const setting *settings; /* ends with a NULL name; NULL: none */
    unsigned requires;       /* problem_structure bits */
    bool learned;            /* has weights */
    bool unrolled;           /* is a network with a layer for each step, made for one dictionary */
    gradient_wanted wants;   /* at the iterate: WANTS_NO_GRADIENT for those who look elsewhere */

    /* Reads its settings and fills the layout of weights and state. Called once; allocates from optimizer->memory. */
    l2o_status (*create)(optimizer *optimizer, const l2o_settings *settings, l2o_error *error);
    /* Makes what is constant over a run (context->constants). Optional. */
    void (*begin)(step_context *context);
    /* What optimizer_suits() asks beside the structure: L2O_ERROR_UNSUPPORTED with a sentence. Optional. */
    l2o_status (*suits)(const optimizer *optimizer, const problem *problem, l2o_error *error);
    /* x_{t+1} from x_t; replaces the entries of state[state_count]. NULL when step_native is given. */
    value *(*step)(step_context *context, value *x, value **state);
    /* Instead of step(), for what is never differentiated: moves one instance's x[n] (of the problem's type) in place
     * and adds what it cost, in gradient evaluations. */
    l2o_status (*step_native)(const optimizer *optimizer, const problem *problem, int64_t instance, void *x,
                              double *gradient_evaluations, const evaluation *evaluation);
    /* What helps where it diverges, the end of a sentence ("train it on ..."). Optional: nothing is said. */
    const char *when_diverged;
    /* The fused unroll of a shard, when the optimizer has one; default: the tape. */
    const fused_unroll *fused;
    /* The fused step of runs that are not recorded, likewise. */
    const fused_step *fused_step;
} optimizer_ops;

struct l2o_optimizer {
    const optimizer_ops *ops;
    arena memory;
    unsigned requires; /* problem_structure bits: the table's, and what create() adds because of the settings */
    unsigned uses;     /* what it takes where the problem has it, and does without elsewhere: set by create() */
    int weight_count;
    weight_layout *layout; /* [weight_count] */
    int64_t weight_total;
    int state_count;
    state_layout state[OPTIMIZER_STATES];
    int64_t step_limit;    /* how many steps it has; 0: any number */
    int64_t learned_steps; /* after so many steps its weights have no part in what follows; 0: never */
    int64_t shard_size;    /* instances that go through its steps together; 0: as few as their coordinates allow */
    /* How many times training's a problem's dimension (or 1 / so many) and curvature may be before it is far from
     * training: FAR_OUTSIDE unless create() knows better. See range_warn(). */
    double far_dimension, far_curvature;
    bool learns_dictionary; /* its weights hold what multiplies by one A: set by create(), see range_warn() */
    const char *file;       /* that its weights come from, so that create() need not know how they start; NULL: fresh */
    double *weights;        /* [weight_total], NULL for hand-designed ones and before a file's are allocated */
    bool scale_by_batch;    /* learned: what gradient_scale it was or will be trained with */
    void *own;              /* its settings, digested */
    /* Where it comes from, as it stands in a file of weights: {"architecture": {"optimizer", its own settings},
     * "recipe", "seed", "program", "settings", "range"}. */
    json_t *provenance;
};

/* Creates the optimizer named by the setting `optimizer` (or by `name` when it is not NULL) with weights at zero. */
l2o_status optimizer_create(const l2o_settings *settings, const char *name, optimizer **out, l2o_error *error);
/* The same, for weights that are read from a file next: what only fresh ones need is not made. Nor are the weights
 * themselves, whose sizes are only claimed so far: optimizer_allocate_weights() makes them, zeroed, when the file was
 * seen to hold them. */
l2o_status optimizer_create_for_file(const l2o_settings *settings, const char *name, const char *file, optimizer **out,
                                     l2o_error *error);
l2o_status optimizer_allocate_weights(optimizer *optimizer, l2o_error *error);
void optimizer_free(optimizer *optimizer);
/* The optimizer of a spec "NAME:setting=value:..." or "FILE.safetensors:...": see l2o_optimizer_create(). A learned one
 * made by name gets fresh weights of the setting `seed` and `draw`. Its options must all be used. */
l2o_status optimizer_from_spec(const l2o_settings *settings, const char *spec, uint32_t draw, optimizer **out,
                               l2o_error *error);
/* What stands in such a spec: NAME or FILE.safetensors, and a copy of the settings with its options set; the caller
 * frees both, which are NULL on failure. */
l2o_status optimizer_read_spec(const l2o_settings *settings, const char *spec, l2o_settings **own, char **name,
                               l2o_error *error);
/* The first of these alone, for memory_free(). */
l2o_status optimizer_spec_name(const char *spec, char **name, l2o_error *error);
/* Sets one entry of the provenance; takes over `value`, whose NULL counts as out of memory. */
l2o_status optimizer_note(optimizer *optimizer, const char *key, json_t *value, l2o_error *error);
/* Fresh weights: a pure function of seed and draw. */
void optimizer_initialise(const optimizer *optimizer, uint64_t seed, uint32_t draw, double *weights);
/* L2O_ERROR_UNSUPPORTED with a sentence when the problem lacks structure the optimizer requires. */
l2o_status optimizer_suits(const optimizer *optimizer, const problem *problem, l2o_error *error);

/* Has the problem compute what the optimizer requires or uses of it (the Lipschitz constants). Not safe concurrently.
 */
l2o_status optimizer_prepare(const optimizer *optimizer, problem *problem, const evaluation *evaluation);

/* For create(): adds a tensor to the layout. */
l2o_status optimizer_add_weight(optimizer *optimizer, const char *name, int64_t rows, int64_t columns,
                                initialisation initialisation, double deviation, l2o_error *error);
/* The same for a tensor that starts from `given` [rows, columns] in optimizer->memory (several may start from one), and
 * that no step before `step` uses. */
l2o_status optimizer_add_weight_given(optimizer *optimizer, const char *name, int64_t rows, int64_t columns,
                                      const double *given, int64_t step, l2o_error *error);
void optimizer_add_state(optimizer *optimizer, const char *name, bool per_coordinate, int64_t width, bool starts_at_x);
/* Likewise: a number of its own settings whose default depends on others, here `otherwise`, which is written down in
 * the architecture like a given one. */
l2o_status optimizer_resolve(optimizer *optimizer, const l2o_settings *settings, const char *name,
                             const char *otherwise, double *number, l2o_error *error);

const optimizer_ops *optimizer_find(const char *name);
const optimizer_ops *optimizer_at(int index); /* NULL past the end */
extern const setting optimizer_common_settings[];

#endif
