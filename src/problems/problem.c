/* The life of a problem: created from settings (memory is allocated here, once), sampled as often as wanted (in place),
 * freed. What a family's data are is the family's affair; dimensions, the float type and x0 are settled here. */
#include "problems/problem.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "io/data_file.h"
#include "problems/dictionary.h"
#include "problems/distribution.h"
#include "problems/user_data.h"

void *problem_allocate(problem *problem, int64_t a, int64_t b, int64_t c, size_t size, l2o_error *error) {
    size_t bytes;
    if (memory_product((size_t)a, (size_t)b, "the problem's data", &bytes, error) != L2O_OK) return NULL;
    if (memory_product(bytes, (size_t)c, "the problem's data", &bytes, error) != L2O_OK) return NULL;
    if (memory_product(bytes, size, "the problem's data", &bytes, error) != L2O_OK) return NULL;
    void *memory = arena_allocate(&problem->memory, bytes, error);
    if (memory != NULL) memset(memory, 0, bytes);
    return memory;
}

/* "data/A.dat", "./A" */
static bool looks_like_path(const char *text) {
    if (strchr(text, '/') != NULL) return true;
    const char *dot = strrchr(text, '.');
    return dot != NULL && isalpha((unsigned char)dot[1]) && dot[1] != 'e' && dot[1] != 'E';
}

l2o_status problem_parse_distribution(const char *text, const char *what, distribution *out, l2o_error *error) {
    if (looks_like_path(text)) {
        data_file unread; /* of no known format, so this only makes the sentence */
        if (!data_file_recognised(text)) return data_file_read(text, &unread, error);
        return error_set(error, L2O_ERROR_INPUT, "%s: the data file %s cannot stand here; a distribution is needed",
                         what, text);
    }
    return distribution_parse(text, what, out, error);
}

static l2o_status find_family(const l2o_settings *settings, const problem_ops **ops, l2o_error *error) {
    const char *name = settings_text(settings, "problem");
    *ops = problem_find(name);
    if (*ops != NULL) return L2O_OK;
    char names[512];
    problem_names(names, sizeof names);
    return error_set(error, L2O_ERROR_INPUT, "problem: there is no family '%s'; the families are %s", name, names);
}

static l2o_status read_dimension(problem *problem, const l2o_settings *settings, l2o_error *error) {
    const problem_ops *ops = problem->ops;
    if (problem->source != NULL && problem->source->a_given) {
        problem->dimension = problem->source->n;
        return L2O_OK;
    }
    if (settings_is_set(settings, "n") || (ops->fixed_dimension == 0 && ops->default_dimension == 0))
        problem->dimension = settings_integer(settings, "n");
    else
        problem->dimension = ops->fixed_dimension != 0 ? ops->fixed_dimension : ops->default_dimension;
    if (ops->fixed_dimension != 0 && problem->dimension != ops->fixed_dimension)
        return error_set(error, L2O_ERROR_INPUT, "n: the problem %s has %lld variables, not %lld", ops->name,
                         (long long)ops->fixed_dimension, (long long)problem->dimension);
    return L2O_OK;
}

static l2o_status read_batch(problem *problem, const l2o_settings *settings, random_stream purpose, l2o_error *error) {
    int64_t part = problem->source == NULL ? 0 : user_data_part(problem->source, purpose);
    bool all = purpose == STREAM_TEST || purpose == STREAM_HELD_OUT;
    if (part > 0 && all && !settings_is_set(settings, "batch")) {
        problem->batch = part;
        return L2O_OK;
    }
    problem->batch = settings_integer(settings, "batch");
    if (part == 0 || problem->batch <= part) return L2O_OK;
    if (settings_is_given(settings, "batch") && problem->batch > problem->source->instances)
        return error_set(
            error, L2O_ERROR_INPUT,
            "%s: batch is %lld, but the files hold %lld instances; ask for at most as many, or leave it out",
            settings_origin(settings, "batch"), (long long)problem->batch, (long long)problem->source->instances);
    problem->batch = part;
    return L2O_OK;
}

static const char *x0_text(const problem_ops *ops, const l2o_settings *settings) {
    if (ops->default_x0 != NULL && !settings_is_set(settings, "x0")) return ops->default_x0;
    return settings_text(settings, "x0");
}

const char *problem_b_text(const problem_ops *ops, const l2o_settings *settings) {
    if (ops->default_b != NULL && !settings_is_set(settings, "b")) return ops->default_b;
    return settings_text(settings, "b");
}

l2o_status problem_create_x0(problem *problem, const char *text, int component, l2o_error *error) {
    problem->x0 = problem_allocate(problem, problem->batch, problem->dimension, 1, dtype_size(problem->type), error);
    problem->x0_distribution = problem_allocate(problem, 1, 1, 1, sizeof *problem->x0_distribution, error);
    if (problem->x0 == NULL || problem->x0_distribution == NULL) return error->status;
    if (problem->source != NULL && problem->source->x0_given) return L2O_OK;
    TRY(problem_parse_distribution(text, "x0", problem->x0_distribution, error));
    return distribution_choose(problem->x0_distribution, component, "x0", error);
}

static l2o_status create(problem *problem, const l2o_settings *settings, int component, random_stream purpose,
                         l2o_error *error) {
    problem->type = settings_choice(settings, "dtype") == 0 ? DTYPE_FLOAT32 : DTYPE_FLOAT64;
    problem->component = component;
    problem->concurrent = true;
    TRY(user_data_read(problem->ops, settings, &problem->source, error));
    TRY(read_dimension(problem, settings, error));
    TRY(read_batch(problem, settings, purpose, error));
    if (problem->source != NULL)
        TRY(user_data_bind(problem->source, settings, problem->batch, problem->dimension, error));
    TRY(problem_create_x0(problem, x0_text(problem->ops, settings), component, error));
    return problem->ops->create(problem, settings, error);
}

l2o_status problem_create(const l2o_settings *settings, int component, problem **out, l2o_error *error) {
    return problem_create_for(settings, component, STREAM_TEST, out, error);
}

l2o_status problem_create_for(const l2o_settings *settings, int component, random_stream purpose, problem **out,
                              l2o_error *error) {
    const problem_ops *ops;
    *out = NULL;
    TRY(find_family(settings, &ops, error));
    problem *created = memory_allocate(1, sizeof *created, error);
    if (created == NULL) return error->status;
    created->ops = ops;
    l2o_status status = create(created, settings, component, purpose, error);
    if (status != L2O_OK) {
        problem_free(created);
        return status;
    }
    *out = created;
    return L2O_OK;
}

void problem_free(problem *problem) {
    if (problem == NULL) return;
    if (problem->ops != NULL && problem->ops->destroy != NULL) problem->ops->destroy(problem);
    user_data_free(problem->source);
    arena_free(&problem->memory);
    memory_free(problem);
}

/* Takes one distribution's number of components into account. */
static l2o_status count_components(const char *text, const char *what, int *count, const char **first,
                                   l2o_error *error) {
    distribution parsed;
    if (data_file_recognised(text)) return L2O_OK;
    TRY(problem_parse_distribution(text, what, &parsed, error));
    if (parsed.count == 1) return L2O_OK;
    if (*count != 1 && *count != parsed.count)
        return error_set(
            error, L2O_ERROR_INPUT,
            "%s is a mixture of %d and %s a mixture of %d: mixtures of one problem need as many components", *first,
            *count, what, parsed.count);
    *count = parsed.count;
    *first = what;
    return L2O_OK;
}

l2o_status problem_components(const l2o_settings *settings, int *count, l2o_error *error) {
    const problem_ops *ops;
    const char *first = NULL;
    *count = 1;
    TRY(find_family(settings, &ops, error));
    if (ops->data) TRY(count_components(settings_text(settings, "A"), "A", count, &first, error));
    const char *b = ops->drawn_b ? problem_b_text(ops, settings) : "truth";
    if (strcmp(b, "truth") != 0) TRY(count_components(b, "b", count, &first, error));
    TRY(count_components(x0_text(ops, settings), "x0", count, &first, error));
    if (ops->penalized && !settings_is_set(settings, "lambda-relative"))
        TRY(count_components(settings_text(settings, "lambda"), "lambda", count, &first, error));
    for (const char *const *name = ops->distributions; name != NULL && *name != NULL; name++)
        TRY(count_components(settings_text(settings, *name), *name, count, &first, error));
    return L2O_OK;
}

static void copy_x0(problem *problem) {
    const array *x0 = &problem->source->x0.dense;
    int64_t n = problem->dimension;
    for (int64_t p = 0; p < problem->batch; p++) {
        const double *from = x0->values + user_data_entry(problem->source, x0->count / n, p) * n;
        for (int64_t j = 0; j < n; j++) problem_store(problem->type, problem->x0, p * n + j, from[j]);
    }
}

static void sample_x0(problem *problem, random_key key) {
    key.field = FIELD_X0;
    for (int64_t p = 0; p < problem->batch; p++) {
        int c = distribution_component_of(problem->x0_distribution, p, problem->batch);
        const distribution_component *component = &problem->x0_distribution->component[c];
        for (int64_t i = p * problem->dimension; i < (p + 1) * problem->dimension; i++)
            problem_store(problem->type, problem->x0, i, distribution_draw(component, key, (uint64_t)i));
    }
}

l2o_status problem_sample(problem *problem, uint64_t seed, random_stream stream, uint32_t draw, uint16_t task,
                          l2o_error *error) {
    random_key key = {.seed = seed, .draw = draw, .task = task, .stream = (uint8_t)stream, .field = FIELD_OTHER};
    problem->lipschitz_ready = false;
    if (problem->source != NULL) user_data_choose(problem->source, problem->batch, key);
    if (problem->source != NULL && problem->source->x0_given)
        copy_x0(problem);
    else
        sample_x0(problem, key);
    return problem->ops->sample == NULL ? L2O_OK : problem->ops->sample(problem, key, error);
}

l2o_status problem_prepare(problem *problem, unsigned structures, const evaluation *evaluation) {
    if ((structures & STRUCTURE_DICTIONARY) != 0 && problem->dictionary == NULL) {
        if (!problem_has(problem, STRUCTURE_DICTIONARY))
            return error_set(evaluation->error, L2O_ERROR_UNSUPPORTED,
                             "the problem %s has no measurements b of A x with one A for all instances",
                             problem->ops->name);
        TRY(dictionary_create(problem, evaluation));
    }
    if ((structures & STRUCTURE_LIPSCHITZ) == 0 || problem->lipschitz_ready) return L2O_OK;
    if (!problem_has(problem, STRUCTURE_LIPSCHITZ))
        return error_set(evaluation->error, L2O_ERROR_UNSUPPORTED,
                         "the problem %s offers no Lipschitz constants of its gradient", problem->ops->name);
    TRY(problem->ops->lipschitz(problem, evaluation));
    problem->lipschitz_ready = true;
    return L2O_OK;
}

l2o_status problem_outcome(const problem *problem, l2o_status status, l2o_error *error) {
    if (error->status != L2O_OK) return error->status;
    if (status == L2O_OK) return L2O_OK;
    return error_set(error, status, "the problem '%s' could not be evaluated: %s", problem->ops->name,
                     l2o_status_text(status));
}
