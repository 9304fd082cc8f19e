/* The one door for a user's numbers: a file of any known format becomes a dense array or a sparse matrix.
 *
 * The format follows from the name: .npy, .npz (with one member, or "file.npz:member"), .csv .tsv .txt, .mtx (Matrix
 * Market), .svm .libsvm. Adding a format is a reader in a file of its own and one line in data_file.c. */
#ifndef L2O_IO_DATA_FILE_H
#define L2O_IO_DATA_FILE_H

#include <stdbool.h>

#include "io/array.h"
#include "io/sparse.h"

typedef struct data_file {
    bool is_sparse;
    array dense;          /* unless is_sparse */
    sparse_matrix sparse; /* when is_sparse */
    double *labels;       /* [label_count], one for each row, from formats that have them (libsvm); else NULL */
    int64_t label_count;
} data_file;

/* A file in memory, as the readers get it. */
typedef struct data_source {
    const char *bytes;
    size_t size;
    const char *name;   /* for errors */
    const char *member; /* of an archive; NULL when none was named */
} data_source;

/* Fills `out`, which is {0} before. After a failure the caller releases it. */
typedef l2o_status data_reader(const data_source *source, data_file *out, l2o_error *error);

/* NaN and infinity are errors that name the position. On failure `out` is empty. */
l2o_status data_file_read(const char *path, data_file *out, l2o_error *error);
void data_file_free(data_file *file); /* also of {0} */

/* Whether a settings value such as "data.npz:A" looks like a data file, by its extension; the file need not exist. */
bool data_file_recognised(const char *text);

/* A checksum (CRC-32) of the whole file that a recognised text names, to notice that it changed. */
l2o_status data_file_checksum(const char *text, uint32_t *checksum, l2o_error *error);

#endif
