/* out[rows] = S x for one sparse matrix by rows and one vector; REAL and TYPED as in dense_body.h. The sums are taken
 * in float64. */
static void TYPED(sparse_apply)(const sparse_matrix *matrix, const REAL *x, REAL *out) {
    for (int64_t i = 0; i < matrix->rows; i++) {
        double sum = 0;
        for (int64_t k = matrix->row_start[i]; k < matrix->row_start[i + 1]; k++)
            sum += matrix->value[k] * (double)x[matrix->column[k]];
        out[i] = (REAL)sum;
    }
}
