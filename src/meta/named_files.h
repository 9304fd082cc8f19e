/* The files that settings name, told apart by their contents: a name may come to hold other numbers, so what is kept
 * under settings (checkpoints, the cache of experiments) is kept under the files' checksums as well. */
#ifndef L2O_META_NAMED_FILES_H
#define L2O_META_NAMED_FILES_H

#include <stdint.h>

#include "base/error.h"

/* `what` is the setting, "A", or "A of task 2" in the list of training tasks. */
typedef l2o_status named_file_found(void *user, const char *what, uint32_t checksum, l2o_error *error);

/* Calls `found` for each file that the value (NULL: none) of the setting `name` names: data of a problem, weights that
 * are begun with. A file that cannot be read is an error. */
l2o_status named_files_visit(const char *name, const char *value, named_file_found *found, void *user,
                             l2o_error *error);

#endif
