/* Reports: one HTML page from the results of an experiment, or from a training. */
#ifndef L2O_REPORT_H
#define L2O_REPORT_H

#include "l2o/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the page for `source` to the file `path`, atomically. `source` is one of
 * - a results file (*.json), or a folder that holds results.json;
 * - a file of weights (*.safetensors): its training, from the log beside it, and its settings;
 * - the log of a training (*.log.jsonl).
 * The page needs nothing beside it: it opens from a disk, without a network. */
L2O_API l2o_status l2o_report(l2o_context *context, const char *source, const char *path);

/* What such a page is made from, as JSON: docs/results-file.md. A training has its curves and settings. A file that
 * does not hold to the format is refused with the place of the first fault. The caller releases *json with
 * l2o_string_free(). */
L2O_API l2o_status l2o_report_results(l2o_context *context, const char *source, char **json);

/* Where the page of `source` goes when nobody says: report.html in the folder, or NAME.html beside the file. The caller
 * releases *path with l2o_string_free(). */
L2O_API l2o_status l2o_report_path(l2o_context *context, const char *source, char **path);

#ifdef __cplusplus
}
#endif
#endif
