/* Files of weights: safetensors whose metadata say format version, architecture, recipe, seed, program version, the
 * settings in full and the range of problems they were trained on. */
#ifndef L2O_OPTIMIZERS_WEIGHTS_FILE_H
#define L2O_OPTIMIZERS_WEIGHTS_FILE_H

#include "optimizers/optimizer.h"

enum { WEIGHTS_FORMAT_VERSION = 1 };

/* Is this the path of a file of weights, rather than an optimizer's name? */
bool weights_file_recognised(const char *text);
/* Writes weights (in `type`) and provenance, atomically. */
l2o_status weights_file_write(const optimizer *optimizer, dtype type, const char *path, l2o_error *error);
/* The optimizer in a file; a name without a folder may also be that of weights that come with the program. Its
 * architecture comes from the file; flags of the user that contradict it are an error. */
l2o_status weights_file_read(const char *path, const l2o_settings *settings, optimizer **out, l2o_error *error);
/* The same of bytes in memory; `source` names them in errors. */
l2o_status weights_file_parse(const char *bytes, size_t size, const char *source, const l2o_settings *settings,
                              optimizer **out, l2o_error *error);
/* CRC-32 of the whole file, which is found as above, to notice that it changed. */
l2o_status weights_file_checksum(const char *path, uint32_t *checksum, l2o_error *error);
/* The metadata of a file, with its tensors' names and shapes, as one JSON object; the caller releases it. */
l2o_status weights_file_describe(const char *path, json_t **out, l2o_error *error);

/* The settings that were used, as a JSON object of texts; NULL and an error on failure. */
json_t *settings_json(const l2o_settings *settings, l2o_error *error);
/* The same, with what the optimizer itself is made of: weights from a file bring their own layers and hidden units. */
json_t *optimizer_settings_json(const optimizer *optimizer, const l2o_settings *settings, l2o_error *error);

#endif
