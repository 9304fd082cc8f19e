/* Runs one data reader on arbitrary bytes, and walks and transposes the matrix that comes out. */
#ifndef L2O_FUZZ_DATA_H
#define L2O_FUZZ_DATA_H

#include "fuzz.h"
#include "io/data_file.h"

static inline void fuzz_check_sparse(const sparse_matrix *matrix) {
    fuzz_require(matrix->row_start[0] == 0 && matrix->row_start[matrix->rows] == matrix->nonzeros);
    for (int64_t i = 0; i < matrix->rows; i++)
        for (int64_t k = matrix->row_start[i]; k < matrix->row_start[i + 1]; k++) {
            fuzz_require(matrix->column[k] >= 0 && matrix->column[k] < matrix->columns);
            fuzz_require(k == matrix->row_start[i] || matrix->column[k] > matrix->column[k - 1]);
        }
}

static inline int fuzz_data_reader(data_reader *reader, const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    data_file file = {0};
    data_source source = {(const char *)bytes, size, "fuzz", NULL};
    l2o_status status = reader(&source, &file, &error);
    fuzz_check_status(status, &error);
    if (status == L2O_OK && file.is_sparse) {
        sparse_matrix transposed;
        fuzz_check_sparse(&file.sparse);
        fuzz_require(sparse_transpose(&file.sparse, &transposed, &error) == L2O_OK);
        fuzz_check_sparse(&transposed);
        sparse_free(&transposed);
    }
    data_file_free(&file);
    return 0;
}

#endif
