/* Matrices and their .npy files (version 1.0, '<f8', C order), the form in which l2o takes data. Reads back what it
 * writes and refuses every other kind: l2o itself reads them all. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

enum { HEADER = 128 }; /* magic, version, length and the dictionary, padded with spaces */

static const char MAGIC[] = "\x93NUMPY\x01";

matrix matrix_create(int64_t rows, int64_t columns) {
    return (matrix){rows, columns, allocate(rows * columns, sizeof(double))};
}

void matrix_free(matrix *m) {
    free(m->values);
    *m = (matrix){0};
}

double *matrix_row(const matrix *m, int64_t row) { return m->values + row * m->columns; }

void matrix_write(const matrix *m, const char *path) {
    char header[HEADER + 1];
    memcpy(header, MAGIC, sizeof MAGIC); /* with the 0 of the minor version */
    header[8] = HEADER - 10;
    header[9] = 0;
    int length = snprintf(header + 10, HEADER - 10, "{'descr': '<f8', 'fortran_order': False, 'shape': (%lld, %lld), }",
                          (long long)m->rows, (long long)m->columns);
    memset(header + 10 + length, ' ', (size_t)(HEADER - 10 - length));
    header[HEADER - 1] = '\n';
    size_t count = (size_t)(m->rows * m->columns);
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(header, 1, HEADER, file) == HEADER &&
                   fwrite(m->values, sizeof(double), count, file) == count;
    if (file == NULL || fclose(file) != 0 || !written) fail("%s: it cannot be written", path);
}

matrix matrix_read(const char *path) {
    char header[HEADER + 1] = "";
    long long rows = 0, columns = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail("%s: it cannot be opened", path);
    const char *shape = NULL;
    if (fread(header, 1, HEADER, file) == HEADER && memcmp(header, MAGIC, sizeof MAGIC) == 0 &&
        header[8] == HEADER - 10 && strstr(header + 10, "'<f8', 'fortran_order': False") != NULL)
        shape = strstr(header + 10, "'shape': (");
    if (shape == NULL || sscanf(shape, "'shape': (%lld, %lld)", &rows, &columns) != 2 || rows < 1 || columns < 1 ||
        rows > (1 << 30) / columns)
        fail("%s: not a matrix that this program wrote", path);
    matrix m = matrix_create(rows, columns);
    size_t count = (size_t)(rows * columns);
    if (fread(m.values, sizeof(double), count, file) != count) fail("%s: it ends early", path);
    fclose(file);
    return m;
}

double normalise(double *vector, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += vector[i] * vector[i];
    double norm = sqrt(sum);
    if (norm > 0)
        for (int64_t i = 0; i < count; i++) vector[i] /= norm;
    return norm;
}
