/* Claims of an experiment, held against a results file. */
#ifndef L2O_EXPERIMENT_CLAIMS_H
#define L2O_EXPERIMENT_CLAIMS_H

#include <jansson.h>

#include "experiment/experiment.h"

/* The next of the names with commas between them that a claim may have for panels and variants, without the blanks
 * around it; NULL past the last. Moves *list on. */
const char *claim_next_name(const char **list, size_t *length);

/* measured - bound decides; an error where the results lack what the claim is about. NAN counts as not holding. */
l2o_status claim_measure_of(const experiment *experiment, const experiment_claim *claim, const json_t *results,
                            double *measured, bool *holds, l2o_error *error);
/* The list for the results file, of all claims. */
l2o_status claims_check(const experiment *experiment, const json_t *results, json_t **claims, l2o_error *error);
/* Whether it holds, or is stated not to and does not. */
bool claim_is_as_stated(const experiment_claim *claim, bool holds);
/* A sentence on one claim. */
void claim_sentence(const experiment_claim *claim, double measured, bool holds, char *text, size_t size);

#endif
