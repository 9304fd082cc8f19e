/* M-L2O from beginning to end, in small: meta-train a learned optimizer on a mixture of LASSO problems, adapt it to
 * another distribution in five updates, and measure before and after. Shows progress, and goes on where it was
 * interrupted when it is started again. */
#include <stdio.h>
#include <stdlib.h>

#include <l2o/l2o.h>

static void require(l2o_context *context, l2o_status status) {
    if (status == L2O_OK) return;
    fprintf(stderr, "train_and_adapt: %s\n", context == NULL ? "out of memory" : l2o_context_error(context));
    exit(1);
}

static l2o_settings *settings_of(l2o_context *context, const char *const pairs[][2]) {
    l2o_settings *settings;
    require(context, l2o_settings_create(context, &settings));
    for (int i = 0; pairs[i][0] != NULL; i++)
        require(context, l2o_settings_set(context, settings, pairs[i][0], pairs[i][1]));
    return settings;
}

/* Called after each meta-update. */
static void progress(void *user, const l2o_training_progress *now) {
    (void)user;
    if (now->event != NULL)
        printf("  %s\n", now->event);
    else if (now->updates % 20 == 0)
        printf("  update %lld of at most %lld: meta-loss %.4f\n", (long long)now->updates,
               (long long)now->expected_updates, now->loss);
}

int main(void) {
    l2o_context *context;
    l2o_status status = l2o_context_create(0, "auto", &context); /* the sentence of a failure is on it, too */
    require(context, status);

    /* A mixture is one task for each component; fomaml adapts to each and learns from what that gave. Larger numbers
     * in `stages`, `stage-draws`, `hidden` and `batch` make the training that the presets describe. */
    static const char *const training[][2] = {{"problem", "lasso"},
                                              {"n", "5"},
                                              {"batch", "16"},
                                              {"A", "mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1"},
                                              {"estimator", "fomaml"},
                                              {"layers", "1"},
                                              {"hidden", "8"},
                                              {"unroll", "10"},
                                              {"stages", "2,4"},
                                              {"stage-draws", "20,10"},
                                              {"evaluation-draws", "2"},
                                              {"resume", "yes"},
                                              {NULL, NULL}};
    l2o_settings *settings = settings_of(context, training);
    l2o_training_report trained;
    require(context, l2o_train(context, settings, "train_and_adapt.safetensors", progress, NULL, &trained));
    printf("%lld updates in %.1f s, weights in %s\n", (long long)trained.updates, trained.seconds,
           trained.weights_path);
    l2o_settings_free(settings);

    /* The problems to be solved are of another kind. Nothing of them was seen in training. */
    static const char *const adapting[][2] = {{"optimizer", "train_and_adapt.safetensors"},
                                              {"problem", "lasso"},
                                              {"n", "5"},
                                              {"batch", "16"},
                                              {"A", "normal:2"},
                                              {"unroll", "10"},
                                              {"evaluation-steps", "200"},
                                              {"keep", "best"}, /* adaptation can harm: measure, then keep */
                                              {NULL, NULL}};
    settings = settings_of(context, adapting);
    l2o_optimizer *optimizer;
    l2o_adaptation_report report;
    require(context, l2o_optimizer_create(context, settings, &optimizer));
    require(context, l2o_adapt(context, settings, optimizer, &report));
    printf("least ln f on held-out problems: %.3f before, %.3f after %lld updates; kept: %.3f\n", report.before.minimum,
           report.after.minimum, (long long)report.updates, report.kept.minimum);
    require(context, l2o_optimizer_save(context, optimizer, "train_and_adapt.adapted.safetensors"));

    remove("train_and_adapt.adapted.safetensors");
    remove(trained.weights_path);
    remove(trained.checkpoint_path);
    remove(trained.log_path);
    remove(trained.plot_path);
    l2o_optimizer_free(optimizer);
    l2o_settings_free(settings);
    l2o_context_free(context);
    return report.kept.minimum <= report.before.minimum ? 0 : 1;
}
