/* What software can measure of M-L2O's theory (Yang et al., ICLR 2023, sections 4 and A): distances between training,
 * adaptation and test problems, between their meta-gradients as the unroll grows, what adaptation gains, and the terms
 * of Eq. 8; and from these an answer to "should I adapt, and on what?". See docs/theory.md.
 *
 * The training problems are those of the settings; the others differ from them in the distribution of A alone. Families
 * are those of least squares, whose Hessian A'A is known. */
#ifndef L2O_EXPERIMENT_THEORY_H
#define L2O_EXPERIMENT_THEORY_H

#include <jansson.h>

#include "base/settings.h"
#include "dist/context.h"

extern const setting theory_settings[];

/* Is told how many of the parts are done, if it is not NULL. */
typedef void theory_progress(void *user, int done, int parts);

/* Appends to four arrays of the results format: tables, figures, claims and notes (paragraphs). Without `claims` they
 * become notes. Deterministic: the same bits for any number of threads. */
l2o_status theory_run(l2o_context *context, const l2o_settings *settings, theory_progress *progress, void *user,
                      json_t *tables, json_t *figures, json_t *claims, json_t *notes, l2o_error *error);

#endif
