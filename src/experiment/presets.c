/* Presets: named sets of values, applied as suggestions that yield to what the user sets. A preset is for a kind of
 * optimizer, and a value of it may be for some optimizers or problems alone. */
#include "experiment/presets.h"

#include <string.h>

#include "base/memory.h"
#include "optimizers/weights_file.h"

typedef enum preset_kind {
    PRESET_ANY,
    PRESET_COORDINATEWISE, /* RNNprop and whatever else has no layers */
    PRESET_UNROLLED
} preset_kind;

/* What decides which values hold. */
typedef struct preset_case {
    l2o_settings *known;            /* with those of the optimizer's spec or file */
    const optimizer_ops *optimizer; /* NULL: unknown, which is for others to complain about */
} preset_case;

typedef bool preset_condition(const preset_case *of);

typedef struct preset_value {
    const char *name, *value;
} preset_value;

typedef struct preset_exception {
    const char *name, *value;
    preset_condition *when;
} preset_exception;

struct preset {
    const char *name, *summary, *reference;
    preset_kind kind;
    preset_value values[24];         /* ends with a NULL name */
    preset_exception exceptions[16]; /* likewise; they override the values */
};

/* All that is learned are a few numbers a layer, which stand higher rates than matrices do. */
static bool learns_numbers(const preset_case *of) {
    const char *name = of->optimizer->name;
    if (strcmp(name, "tista") == 0) /* the reference learns its matrices in any case */
        return !settings_equals(of->known, "learned-weight", "yes") &&
               !settings_equals(of->known, "conventions", "reference");
    return strcmp(name, "alista") == 0 || strcmp(name, "step-lista") == 0;
}

/* Matrices that are not tied to A by their form have more to learn. */
static bool has_free_matrices(const preset_case *of) {
    return strcmp(of->optimizer->name, "lista") == 0 || strcmp(of->optimizer->name, "lfista") == 0;
}

static bool is_hyperlista(const preset_case *of) { return strcmp(of->optimizer->name, "hyperlista") == 0; }

/* Layers have nothing of their own, so they cannot be trained one by one. */
static bool shares_all(const preset_case *of) {
    bool tied_steps = strcmp(of->optimizer->name, "step-lista") == 0 && settings_equals(of->known, "tied", "yes");
    return tied_steps || is_hyperlista(of);
}

static bool is_lasso(const preset_case *of) { return settings_equals(of->known, "problem", "lasso"); }

static const preset presets[] = {
    {"paper",
     "M-L2O as the paper states it: one LSTM layer, uniform mixture, exact MAML on the same segment",
     "Yang et al., ICLR 2023",
     PRESET_COORDINATEWISE,
     {{"layers", "1"},
      {"estimator", "maml"},
      {"A", "mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1"},
      {"b", "uniform:-1:1"}},
     {{0}}},
    {"reference",
     "M-L2O as the authors' code runs: three Normal tasks, first order, the step index repeated, the full curriculum",
     "Yang et al., ICLR 2023, public code",
     PRESET_COORDINATEWISE,
     {{"layers", "2"},
      {"estimator", "fomaml"},
      {"A", "mix:normal:0.1,normal:0.5,normal:1"},
      {"b", "uniform:0:1"},
      {"step-index", "reference"},
      {"stages", "5,10,25,50,75,100,125,150"},
      {"stage-draws", "10000"},
      {"evaluation-draws", "20"}},
     {{0}}},
    {"matched",
     "M-L2O and its baselines alike: the same three Normal tasks for every estimator, and a fixed number of updates",
     "Yang et al., ICLR 2023, public code",
     PRESET_COORDINATEWISE,
     {{"layers", "2"},
      {"A", "mix:normal:0.1,normal:0.5,normal:1"},
      {"b", "uniform:0:1"},
      {"tasks", "components"},
      {"stages", "5,10,25,50"},
      {"stage-draws", "50,25,10,5"},
      {"early-stop", "no"}},
     {{0}}},
    {"readme",
     "adaptation as the authors' README runs it: 50 updates in restarts of 5",
     "Yang et al., ICLR 2023, public code",
     PRESET_ANY,
     {{"adaptation-updates", "50"}, {"adaptation-restart", "5"}},
     {{0}}},
    {"quick",
     "a short meta-training of a few minutes on two cores, on the paper's uniform mixture",
     NULL,
     PRESET_COORDINATEWISE,
     {{"A", "mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1"},
      {"stages", "5,10,25"},
      {"stage-draws", "120,60,24"},
      {"evaluation-draws", "2"}},
     {{0}}},
    {"best",
     "the learned momentum method on normalised problems: every instance's units drop out, and steps settle",
     NULL,
     PRESET_COORDINATEWISE,
     {{"layers", "2"},
      {"update", "momentum"},
      {"normalise", "spectral"},
      {"meta-loss", "log"},
      {"A", "mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1"},
      {"b", "uniform:-1:1"},
      {"tasks", "components"},
      {"estimator", "fomaml"},
      {"outer-segment", "same"},
      {"inner-rate", "0.01"},
      {"outer-schedule", "cosine"},
      {"stages", "5,10,25,50"},
      {"stage-draws", "20,10,4,2"},
      {"evaluate-every", "0"},
      {"adaptation-rate", "1e-4"},
      {"keep", "best"},
      {"held-out-draws", "2"},
      {"evaluation-steps", "400"}},
     {{0}}},
    {"structured",
     "the structured rule, on the paper's uniform mixture in one batch, by the logarithmic meta-loss",
     NULL,
     PRESET_COORDINATEWISE,
     {{"optimizer", "structured"},
      {"A", "mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1"},
      {"estimator", "plain"},
      {"meta-loss", "log"},
      {"outer-rate", "0.003"},
      {"stages", "5"},
      {"stage-draws", "500"},
      {"early-stop", "no"}},
     {{0}}},
    {"default",
     "unrolled networks, faults mended: layer by layer on fresh problems, each layer from the one before, then all at "
     "once; best weights kept",
     "Chen et al., NeurIPS 2018; Liu et al., ICLR 2019",
     PRESET_UNROLLED,
     {{"depth", "16"},
      {"unroll", "16"},
      {"estimator", "plain"},
      {"meta-loss", "log-last"},
      {"shared-A", "yes"},
      {"unit-columns", "yes"},
      {"x0", "0"},
      {"layer-wise", "yes"},
      {"layer-start", "previous"},
      {"stage-rates", "20,8"},
      {"layer-decay", "0.5"},
      {"outer-rate", "1e-4"},
      {"outer-schedule", "cosine"},
      {"stage-draws", "400"},
      {"finish-draws", "4000"},
      {"early-stop", "no"},
      {"evaluate-every", "200"},
      {"evaluation-draws", "4"}},
     {{"b", "truth", is_lasso},
      {"meta-loss", "last", is_lasso},
      /* Without supervision one layer finds a point that the next, beginning as it, does not leave. */
      {"layer-start", "initial", is_lasso},
      {"stage-rates", "40,16", has_free_matrices},
      {"stage-draws", "600", has_free_matrices},
      {"finish-draws", "6000", has_free_matrices},
      {"relative-rate", "yes", learns_numbers},
      {"outer-rate", "5e-3", learns_numbers},
      {"stage-rates", "4", learns_numbers},
      {"layer-decay", "1", learns_numbers},
      {"outer-rate", "1e-3", is_hyperlista}, /* whose c2 is 0.0155 */
      {"layer-wise", "no", shares_all},
      {"stages", "1", shares_all}}},
    {"reference",
     "unrolled networks as the Open-L2O benchmark trains them, oddities included: a fixed set of problems, last "
     "weights kept",
     "Chen et al., JMLR 23(189), 2022, public code",
     PRESET_UNROLLED,
     {{"conventions", "reference"},
      {"depth", "16"},
      {"unroll", "16"},
      {"estimator", "plain"},
      {"meta-loss", "last"},
      {"shared-A", "yes"},
      {"unit-columns", "yes"},
      {"x0", "0"},
      {"layer-wise", "yes"},
      {"stage-rates", "1,0.2,0.02"},
      {"layer-decay", "0.3"},
      {"layer-decay-of", "gradient"},
      {"outer-rate", "5e-4"},
      /* 1e-7 there, of losses that are summed over the batch of 128: ours are means. */
      {"adam-epsilon", "7.8125e-10"},
      {"epsilon-place", "tensorflow"},
      {"clip", "0"},
      /* 51200 signals; 12800 for LASSO. An epoch ends with an evaluation, and there are 100000 at most. */
      {"training-draws", "400"},
      {"evaluate-every", "400"},
      {"evaluation-draws", "8"},
      {"stage-draws", "40000000"},
      {"patience", "5"},
      {"stage-result", "last"}},
     {{"b", "truth", is_lasso},
      {"training-draws", "100", is_lasso},
      {"evaluate-every", "100", is_lasso},
      {"evaluation-draws", "10", is_lasso},
      {"stage-draws", "10000000", is_lasso},
      {"layer-wise", "no", shares_all},
      {"stages", "1", shares_all}}},
};

const preset *preset_at(int index) {
    return index >= 0 && index < (int)(sizeof presets / sizeof *presets) ? &presets[index] : NULL;
}

void preset_describe(const preset *preset, const char **name, const char **summary, const char **reference) {
    *name = preset->name;
    *summary = preset->summary;
    *reference = preset->reference;
}

static const preset *named(const char *name) {
    for (int i = 0; preset_at(i) != NULL; i++)
        if (strcmp(preset_at(i)->name, name) == 0) return preset_at(i);
    return NULL;
}

l2o_status preset_check(const char *name, l2o_error *error) {
    if (named(name) != NULL) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT, "there is no preset '%s'; `l2o list presets` shows them all", name);
}

/* The optimizer that a file of weights holds and what it is made of. A file that cannot be read says so where it is
 * used. */
static l2o_status read_file(const char *path, preset_case *of, l2o_error *error) {
    l2o_error ignored = {0};
    json_t *description, *value;
    const char *key;
    if (weights_file_describe(path, &description, &ignored) != L2O_OK) return L2O_OK;
    json_t *architecture = json_object_get(description, "architecture");
    const char *name = json_string_value(json_object_get(architecture, "optimizer"));
    l2o_status status = L2O_OK;
    of->optimizer = name == NULL ? NULL : optimizer_find(name);
    json_object_foreach(architecture, key, value) {
        if (status == L2O_OK && json_is_string(value) && strcmp(key, "optimizer") != 0 &&
            settings_is_defined(of->known, key))
            status = settings_set(of->known, key, json_string_value(value), path, error);
    }
    json_decref(description);
    return status;
}

/* The case of "NAME:setting=value:..." or "FILE.safetensors:..." in `known` */
static l2o_status read_case(const l2o_settings *known, preset_case *of, l2o_error *error) {
    char *name;
    *of = (preset_case){0};
    TRY(optimizer_read_spec(known, settings_peek(known, "optimizer"), &of->known, &name, error));
    l2o_status status = L2O_OK;
    if (weights_file_recognised(name))
        status = read_file(name, of, error);
    else
        of->optimizer = optimizer_find(name);
    memory_free(name);
    return status;
}

bool preset_fits(const preset *preset, const optimizer_ops *optimizer) {
    if (preset->kind == PRESET_ANY || optimizer == NULL) return true;
    return (preset->kind == PRESET_UNROLLED) == optimizer->unrolled;
}

/* An unroll of all layers, where something else than the preset says how many there are. */
static l2o_status suggest_layers(l2o_settings *settings, const preset *preset, const preset_case *of,
                                 l2o_error *error) {
    if (preset->kind != PRESET_UNROLLED || of->optimizer == NULL || !settings_is_set(of->known, "depth")) return L2O_OK;
    return settings_suggest(settings, "unroll", settings_peek(of->known, "depth"), preset->name, error);
}

static l2o_status suggest(l2o_settings *settings, const preset *preset, const preset_case *of, l2o_error *error) {
    for (const preset_value *value = preset->values; value->name != NULL; value++)
        TRY(settings_suggest(settings, value->name, value->value, preset->name, error));
    for (const preset_exception *value = preset->exceptions; value->name != NULL; value++)
        if (of->optimizer != NULL && value->when(of))
            TRY(settings_suggest(settings, value->name, value->value, preset->name, error));
    return suggest_layers(settings, preset, of, error);
}

static l2o_status apply(l2o_settings *settings, const char *name, const preset_case *of, l2o_error *error) {
    for (int i = 0; preset_at(i) != NULL; i++)
        if (strcmp(preset_at(i)->name, name) == 0 && preset_fits(preset_at(i), of->optimizer))
            return suggest(settings, preset_at(i), of, error);
    return error_set(error, L2O_ERROR_INPUT,
                     "the preset '%s' is for %s, and '%s' is none; `l2o list presets` shows them all", name,
                     named(name)->kind == PRESET_UNROLLED ? "unrolled networks (lista and its kin)"
                                                          : "optimizers that work coordinate by coordinate",
                     of->optimizer->name);
}

l2o_status preset_apply(l2o_settings *settings, const char *name, const l2o_settings *known, l2o_error *error) {
    preset_case of;
    TRY(preset_check(name, error));
    l2o_status status = read_case(known, &of, error);
    if (status == L2O_OK) status = apply(settings, name, &of, error);
    settings_free(of.known);
    return status;
}
