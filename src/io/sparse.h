/* Sparse matrices in compressed rows (CSR): what a user's sparse file becomes, without ever being made dense. */
#ifndef L2O_IO_SPARSE_H
#define L2O_IO_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct sparse_matrix {
    int64_t rows, columns, nonzeros;
    int64_t *row_start; /* [rows + 1]: row i is the entries from row_start[i] up to row_start[i + 1] */
    int64_t *column;    /* [nonzeros], increasing within a row */
    double *value;      /* [nonzeros]; explicit zeros are kept */
} sparse_matrix;

/* Entries in any order, as files give them. Zero-initialise; release with sparse_entries_free(). */
typedef struct sparse_entries {
    int64_t count, capacity;
    int64_t *row, *column; /* from 0 */
    double *value;
} sparse_entries;

l2o_status sparse_entries_append(sparse_entries *entries, int64_t row, int64_t column, double value, l2o_error *error);
void sparse_entries_free(sparse_entries *entries);

/* Sorts the entries into a matrix, summing those at the same place. All must lie inside. On failure `out` is empty. */
l2o_status sparse_from_entries(int64_t rows, int64_t columns, const sparse_entries *entries, sparse_matrix *out,
                               l2o_error *error);
l2o_status sparse_transpose(const sparse_matrix *matrix, sparse_matrix *out, l2o_error *error);
void sparse_free(sparse_matrix *matrix); /* also of {0} */

/* Refuses a size out of proportion to the file that claims it, before memory for it is taken: each row costs memory
 * even when it is empty. */
l2o_status sparse_check_claim(int64_t rows, int64_t columns, size_t file_size, const char *source, l2o_error *error);

#endif
