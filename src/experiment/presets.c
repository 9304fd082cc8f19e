/* Presets: named sets of values, applied as suggestions that yield to what the user sets. */
#include "experiment/presets.h"

#include <string.h>

typedef struct preset_value {
    const char *name, *value;
} preset_value;

struct preset {
    const char *name, *summary, *reference;
    preset_value values[24]; /* ends with a NULL name */
};

static const preset presets[] = {
    {"paper",
     "M-L2O as the paper states it: one LSTM layer, uniform mixture, exact MAML on the same segment",
     "Yang et al., ICLR 2023",
     {{"layers", "1"},
      {"estimator", "maml"},
      {"A", "mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1"},
      {"b", "uniform:-1:1"}}},
    {"reference",
     "M-L2O as the authors' code runs: three Normal tasks, first order, the step index repeated, the full curriculum",
     "Yang et al., ICLR 2023, public code",
     {{"layers", "2"},
      {"estimator", "fomaml"},
      {"A", "mix:normal:0.1,normal:0.5,normal:1"},
      {"b", "uniform:0:1"},
      {"step-index", "reference"},
      {"stages", "5,10,25,50,75,100,125,150"},
      {"stage-draws", "10000"},
      {"evaluation-draws", "20"}}},
    {"matched",
     "M-L2O and its baselines alike: the same three Normal tasks for every estimator, and a fixed number of updates",
     "Yang et al., ICLR 2023, public code",
     {{"layers", "2"},
      {"A", "mix:normal:0.1,normal:0.5,normal:1"},
      {"b", "uniform:0:1"},
      {"tasks", "components"},
      {"stages", "5,10,25,50"},
      {"stage-draws", "50,25,10,5"},
      {"early-stop", "no"}}},
    {"readme",
     "adaptation as the authors' README runs it: 50 updates in restarts of 5",
     "Yang et al., ICLR 2023, public code",
     {{"adaptation-updates", "50"}, {"adaptation-restart", "5"}}},
    {"quick",
     "a short meta-training of a few minutes on two cores, on the paper's uniform mixture",
     NULL,
     {{"A", "mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1"},
      {"stages", "5,10,25"},
      {"stage-draws", "120,60,24"},
      {"evaluation-draws", "2"}}},
    {"best",
     "the learned momentum method on normalised problems: every instance's units drop out, and steps settle",
     NULL,
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
      {"evaluation-steps", "400"}}},
    {"structured",
     "the structured rule, on the paper's uniform mixture in one batch, by the logarithmic meta-loss",
     NULL,
     {{"optimizer", "structured"},
      {"A", "mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1"},
      {"estimator", "plain"},
      {"meta-loss", "log"},
      {"outer-rate", "0.003"},
      {"stages", "5"},
      {"stage-draws", "500"},
      {"early-stop", "no"}}},
};

const preset *preset_at(int index) {
    return index >= 0 && index < (int)(sizeof presets / sizeof *presets) ? &presets[index] : NULL;
}

void preset_describe(const preset *preset, const char **name, const char **summary, const char **reference) {
    *name = preset->name;
    *summary = preset->summary;
    *reference = preset->reference;
}

l2o_status preset_apply(l2o_settings *settings, const char *name, l2o_error *error) {
    for (int i = 0; preset_at(i) != NULL; i++) {
        const preset *preset = preset_at(i);
        if (strcmp(preset->name, name) != 0) continue;
        for (const preset_value *value = preset->values; value->name != NULL; value++)
            TRY(settings_suggest(settings, value->name, value->value, name, error));
        return L2O_OK;
    }
    return error_set(error, L2O_ERROR_INPUT, "there is no preset '%s'; `l2o list presets` shows them all", name);
}
