/* An experiment's text: the keys of an INI file under "[KIND]" or "[KIND LABEL]" headings, over those of the file that
 * it inherits from. What they mean is the affair of experiment.h. */
#ifndef L2O_EXPERIMENT_EXPERIMENT_SOURCE_H
#define L2O_EXPERIMENT_EXPERIMENT_SOURCE_H

#include "base/arena.h"

typedef struct source_entry {
    const char *kind, *label; /* of the section; label "" where there is none */
    const char *key, *value;  /* both "" of a section that has no keys */
    const char *origin;       /* "FILE:LINE" */
} source_entry;

typedef struct experiment_source {
    arena memory;
    source_entry *entries; /* [count]; a section's keys need not stand together */
    int count, capacity;
} experiment_source;

/* Finds the file that `inherit` names, seen from the file `from`: a path for memory_free(). */
typedef l2o_status source_finder(const char *name, const char *from, char **path, l2o_error *error);

/* A key of the inheriting file replaces the same one of the file that is inherited from. The key `inherit` of the
 * section [experiment] is not among the entries, nor are claims of the inherited file. */
l2o_status experiment_source_read(const char *path, source_finder *find, experiment_source *out, l2o_error *error);
/* The same of a text, which may not inherit. */
l2o_status experiment_source_parse(const char *bytes, size_t size, const char *name, experiment_source *out,
                                   l2o_error *error);
void experiment_source_free(experiment_source *source);

#endif
