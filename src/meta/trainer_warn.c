/* What is said of a training layer by layer that led nowhere: on held-out problems its result is worse than what it
 * began with, or than one of its earlier layers. A network that fits a few signals by heart does that, and so do rates
 * that are too high. Both numbers stand in the log, so that a resumed training knows them, too. */
#include <math.h>

#include "meta/trainer.h"
#include "problems/user_data.h"

/* What layers lose on the way without anyone's fault, in ln f or as a share of f. */
static const double SLACK = 0.1;

typedef struct course {
    double start, result; /* validation before the first update, and of what training gives; NAN: not finite */
    double least;         /* of the layers before the last */
    int layer;            /* which of them */
} course;

static course course_of(const trainer *trainer, const training_log *log) {
    const stage *stages = trainer->options.stages;
    const training_evaluation *last = &log->evaluations[log->evaluation_count - 1];
    course course = {.start = log->evaluations[0].validation, .result = NAN, .least = INFINITY};
    for (size_t i = 0; i < log->evaluation_count; i++) {
        const training_evaluation *one = &log->evaluations[i];
        if (stages[one->stage].layer < stages[last->stage].layer && one->validation < course.least) {
            course.least = one->validation;
            course.layer = stages[one->stage].layer;
        }
        if (one->stage == last->stage && isfinite(one->validation) && !(one->validation >= course.result))
            course.result = one->validation;
    }
    if (trainer->options.result_last) course.result = last->validation;
    return course;
}

static const char *remedy(const trainer *trainer) {
    if (trainer->optimizer->file != NULL)
        return "train on more instances, with a smaller --outer-rate, or leave the weights as they were";
    for (int k = 0; k < trainer->task_count; k++)
        if (trainer->tasks[k].problem->source != NULL && trainer->tasks[k].problem->source->instances > 0)
            return "train on more instances, or on drawn ones (without --b and --truth), with fewer layers (--depth), "
                   "or take alista, which has two numbers a layer to learn";
    return "train longer (--stage-draws), with a smaller --outer-rate or fewer layers (--depth), or take alista, which "
           "has two numbers a layer to learn";
}

static void warn(const trainer *trainer, const training_log *log) {
    const course course = course_of(trainer, log);
    const char *loss = trainer->estimator.loss->logarithm ? "ln of the mean objective" : "the mean objective";
    double slack = trainer->estimator.loss->logarithm ? SLACK : SLACK * fabs(course.least);
    if (!isfinite(course.result)) return; /* the log cannot tell what is solved to the last bit from NaN */
    if (isfinite(course.start) && course.result > course.start)
        context_message(
            trainer->context,
            "warning: on held-out problems %s ends at %.4g, above the %.4g of one layer before any update: the "
            "weights are worse than %s ones there; %s",
            loss, course.result, course.start, trainer->optimizer->file != NULL ? "the given" : "untrained",
            remedy(trainer));
    else if (course.result > course.least + slack)
        context_message(trainer->context,
                        "warning: on held-out problems %s ends at %.4g, above the %.4g that layer %d had come to; %s",
                        loss, course.result, course.least, course.layer, remedy(trainer));
}

void trainer_warn(const trainer *trainer, const training_log *log) {
    if (trainer->options.layers == 0 || trainer->options.evaluate_every == 0) return;
    bool whole = log->evaluation_count > 0;
    for (size_t i = 0; whole && i < log->evaluation_count; i++) /* the file may be another by now */
        whole = log->evaluations[i].stage >= 0 && log->evaluations[i].stage < trainer->options.stage_count;
    if (whole) warn(trainer, log);
}
