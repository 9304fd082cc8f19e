/* One sentence each, with the numbers and the remedy. */
#include "run/divergence.h"

const char *divergence_remedy(const optimizer *optimizer) {
    if (optimizer->ops->when_diverged == NULL || optimizer->file == NULL) return optimizer->ops->when_diverged;
    return "adapt these weights to such problems (`l2o adapt`), or take fista";
}

void divergence_warn(l2o_context *context, const optimizer *optimizer, int64_t batch, int64_t diverged, int64_t idle) {
    if (divergence_remedy(optimizer) == NULL || diverged + idle == 0) return;
    context_message(context,
                    "warning: under '%s' %lld of %lld instances diverged and %lld never fell below the objective they "
                    "started from; %s",
                    optimizer->ops->name, (long long)diverged, (long long)batch, (long long)idle,
                    divergence_remedy(optimizer));
}

void divergence_warn_of_mean(l2o_context *context, const optimizer *optimizer, double start, double end) {
    if (divergence_remedy(optimizer) == NULL || end <= start) return;
    context_message(context, "warning: '%s' ends at a mean objective of %.3g, above the %.3g that it starts from; %s",
                    optimizer->ops->name, end, start, divergence_remedy(optimizer));
}
