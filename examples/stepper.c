/* A loop of one's own over a long vector: a noisy signal of 100 000 samples is smoothed by minimising
 *
 *   f(x) = 1/2 ||x - y||^2 + WEIGHT sum_j sqrt((x_{j+1} - x_j)^2 + SMALL^2)
 *
 * whose gradient this program works out itself. The optimizer is the program's argument: a name with options, such as
 * adam:rate=0.02, or learned weights, FILE.safetensors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <l2o/l2o.h>

enum { SAMPLES = 100000, STEPS = 200 };
static const float WEIGHT = 0.5F, SMALL = 1e-2F;

static void require(l2o_context *context, l2o_status status) {
    if (status == L2O_OK) return;
    fprintf(stderr, "stepper: %s\n", context == NULL ? "out of memory" : l2o_context_error(context));
    exit(1);
}

/* Steps of height 1, and noise of a small generator. */
static void make_signal(float *clean, float *noisy) {
    unsigned state = 1;
    for (int j = 0; j < SAMPLES; j++) {
        state = state * 1664525U + 1013904223U;
        clean[j] = (float)(j / 1000 % 2);
        noisy[j] = clean[j] + 0.6F * ((float)(state >> 8) / 8388608.0F - 1.0F);
    }
}

static double value_gradient(const float *x, const float *y, float *g) {
    double f = 0;
    for (int j = 0; j < SAMPLES; j++) {
        g[j] = x[j] - y[j];
        f += 0.5 * (double)(g[j] * g[j]);
    }
    for (int j = 0; j + 1 < SAMPLES; j++) {
        float difference = x[j + 1] - x[j], length = sqrtf(difference * difference + SMALL * SMALL);
        f += (double)(WEIGHT * length);
        g[j] -= WEIGHT * difference / length;
        g[j + 1] += WEIGHT * difference / length;
    }
    return f;
}

static double distance(const float *x, const float *clean) {
    double sum = 0;
    for (int j = 0; j < SAMPLES; j++) sum += (double)((x[j] - clean[j]) * (x[j] - clean[j]));
    return sqrt(sum / SAMPLES);
}

int main(int count, char **arguments) {
    static float clean[SAMPLES], y[SAMPLES], x[SAMPLES], g[SAMPLES];
    make_signal(clean, y);
    for (int j = 0; j < SAMPLES; j++) x[j] = y[j];

    l2o_context *context = NULL;
    l2o_settings *settings;
    l2o_optimizer *optimizer;
    l2o_stepper *stepper;
    require(context, l2o_context_create(0, "auto", &context));
    require(context, l2o_settings_create(context, &settings));
    require(context, l2o_settings_set(context, settings, "optimizer", count > 1 ? arguments[1] : "adam:rate=0.02"));
    require(context, l2o_optimizer_create(context, settings, &optimizer));
    require(context, l2o_stepper_create(context, optimizer, SAMPLES, "float32", &stepper));

    double before = value_gradient(x, y, g), after = before;
    for (int step = 0; step < STEPS; step++) {
        require(context, l2o_stepper_step(stepper, x, g));
        after = value_gradient(x, y, g);
    }
    printf("%s, %lld steps: f from %.1f to %.1f; distance to the clean signal from %.3f to %.3f\n",
           l2o_optimizer_name(optimizer), (long long)l2o_stepper_steps(stepper), before, after, distance(y, clean),
           distance(x, clean));

    l2o_stepper_free(stepper);
    l2o_optimizer_free(optimizer);
    l2o_settings_free(settings);
    l2o_context_free(context);
    return after < before && distance(x, clean) < distance(y, clean) ? 0 : 1;
}
