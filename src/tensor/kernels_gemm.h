/* Matrix products by register tiles. Included by kernels_body.h.
 *
 * A tile is R rows by V vectors of C, held in registers while k runs: each step loads V vectors of a row of B and
 * multiplies them by R numbers of A. A is read where it lies, in either orientation. B is read where it lies too,
 * unless its columns do not fill whole vectors or it is transposed: then a panel of it is packed on the stack. Every
 * element of C is the same chain of operations whatever tile it falls in, so results do not depend on how rows are cut.
 *
 * This is made for tall matrices and few columns; large square products go to BLAS where there is one. */

#define PANEL_DEPTH 256 /* rows of B in a panel; a packed panel of the widest tile takes 80 KiB at most */

/* What one tile computes: C[rows, columns] = base + alpha * A B, `base` NULL for zero, and of row stride 0 for a bias.
 */
typedef struct NAME(tile) {
    int64_t k;
    const REAL *a;
    int64_t a_row, a_step; /* strides of A along C's rows and along k */
    const REAL *b;
    int64_t b_step;
    REAL alpha;
    const REAL *base;
    int64_t base_row;
    REAL *c;
    int64_t c_row;
    int64_t last; /* columns in the tile's last vector */
    /* A second product is added where this is not 0: A dense along k, B with the same b_step. */
    int64_t second_k;
    const REAL *second_a, *second_b;
} NAME(tile);

typedef void (*NAME(tile_function))(const NAME(tile) *);

INLINE void NAME(tile_body)(const NAME(tile) * tile, const int rows, const int vectors) {
    VECTOR sum[12][5];
    UNROLL for (int i = 0; i < rows; i++) { UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = (VECTOR){0}; }
    const REAL *a = tile->a, *b = tile->b;
    int64_t a_row = tile->a_row, a_step = tile->a_step, k = tile->k;
    const int64_t b_step = tile->b_step;
    for (int product = 0;; product++) {
        for (int64_t p = 0; p < k; p++) {
            VECTOR b_row[5];
            UNROLL for (int v = 0; v < vectors; v++) b_row[v] = NAME(load)(b + v * LANES);
            UNROLL for (int i = 0; i < rows; i++) {
                const VECTOR factor = NAME(splat)(a[i * a_row]);
                UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = NAME(multiply_add)(factor, b_row[v], sum[i][v]);
            }
            a += a_step;
            b += b_step;
        }
        if (product == 1 || tile->second_k == 0) break;
        a = tile->second_a;
        b = tile->second_b;
        k = a_row = tile->second_k;
        a_step = 1;
    }
    const int64_t last = tile->last;
    const VECTOR alpha = NAME(splat)(tile->alpha);
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            const bool whole = v + 1 < vectors || last == LANES;
            VECTOR result;
            if (tile->base) {
                const REAL *base = tile->base + i * tile->base_row + v * LANES;
                const VECTOR old = whole ? NAME(load)(base) : NAME(load_part)(base, last);
                result = NAME(multiply_add)(sum[i][v], alpha, old);
            } else {
                result = sum[i][v] * alpha;
            }
            REAL *c = tile->c + i * tile->c_row + v * LANES;
            if (whole)
                NAME(store)(c, result);
            else
                NAME(store_part)(c, result, last);
        }
    }
}

#define TILE(rows, vectors)                                                                                            \
    static void NAME(tile_##rows##_##vectors)(const NAME(tile) * tile) { NAME(tile_body)(tile, rows, vectors); }
TILE(1, 1)
TILE(2, 1)
TILE(4, 1)
TILE(8, 1)
TILE(1, 2)
TILE(2, 2)
TILE(4, 2)
TILE(1, 3)
TILE(2, 3)
TILE(4, 3)
#if TILE_VECTORS == 5
TILE(8, 2)
TILE(8, 3)
TILE(1, 4)
TILE(2, 4)
TILE(4, 4)
TILE(6, 4)
TILE(1, 5)
TILE(2, 5)
TILE(4, 5)
TILE(5, 5)
#else
TILE(6, 2)
#endif
#undef TILE

/* For each width: as many rows as the registers hold, then what is left in fours, twos and ones. */
static const struct {
    int rows;
    NAME(tile_function) function;
} NAME(tiles)[TILE_VECTORS][4] = {
#define TILE(rows, vectors)                                                                                            \
    { rows, NAME(tile_##rows##_##vectors) }
    {TILE(8, 1), TILE(4, 1), TILE(2, 1), TILE(1, 1)},
#if TILE_VECTORS == 5
    {TILE(8, 2), TILE(4, 2), TILE(2, 2), TILE(1, 2)}, {TILE(8, 3), TILE(4, 3), TILE(2, 3), TILE(1, 3)},
    {TILE(6, 4), TILE(4, 4), TILE(2, 4), TILE(1, 4)}, {TILE(5, 5), TILE(4, 5), TILE(2, 5), TILE(1, 5)},
#else
    {TILE(6, 2), TILE(4, 2), TILE(2, 2), TILE(1, 2)},
    {TILE(4, 3), TILE(4, 3), TILE(2, 3), TILE(1, 3)},
#endif
#undef TILE
};

/* packed[p][j] = op(B)[p, j], for `width` columns, the row filled up with zeros to `stride`. */
static void NAME(pack)(bool transpose, int64_t depth, int64_t width, int64_t stride, const REAL *b, int64_t ldb,
                       REAL *packed) {
    if (transpose) NAME(transpose)(width, depth, b, ldb, packed, stride);
    for (int64_t p = 0; p < depth; p++) {
        REAL *row = packed + p * stride;
        int64_t j = transpose ? width : 0;
        for (; j + LANES <= width; j += LANES) NAME(store)(row + j, NAME(load)(b + p * ldb + j));
        if (!transpose && j < width) {
            NAME(store)(row + j, NAME(load_part)(b + p * ldb + j, width - j));
            j = stride;
        }
        for (; j < stride; j++) row[j] = 0;
    }
}

/* C = base + alpha op(A) op(B); base may be C. */
static void NAME(gemm_tiled)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, REAL alpha,
                             const REAL *a, int64_t lda, const REAL *b, int64_t ldb, const REAL *base, int64_t base_row,
                             REAL *c, int64_t ldc) {
    REAL packed[PANEL_DEPTH * TILE_VECTORS * LANES] __attribute__((aligned(VECTOR_BYTES)));
    const int64_t column_vectors = (n + LANES - 1) / LANES;
    const int64_t panels = (column_vectors + TILE_VECTORS - 1) / TILE_VECTORS;
    NAME(tile)
    tile = {.alpha = alpha,
            .a_row = transpose_a ? 1 : lda,
            .a_step = transpose_a ? lda : 1,
            .base_row = base_row,
            .c_row = ldc};
    for (int64_t p = 0; p == 0 || p < k; p += PANEL_DEPTH) {
        tile.k = k - p < PANEL_DEPTH ? k - p : PANEL_DEPTH;
        const REAL *a_block = k > 0 ? a + p * tile.a_step : a;
        for (int64_t panel = 0; panel < panels; panel++) {
            /* The vectors are shared out evenly: 7 are 4 + 3, not 5 + 2. */
            const int64_t first = panel * column_vectors / panels;
            const int64_t vectors = (panel + 1) * column_vectors / panels - first;
            const int64_t j = first * LANES;
            const int64_t width = n - j < vectors * LANES ? n - j : vectors * LANES;
            tile.last = width - (vectors - 1) * LANES;
            if (tile.k > 0 && (transpose_b || width < vectors * LANES)) {
                NAME(pack)
                (transpose_b, tile.k, width, vectors * LANES, transpose_b ? b + j * ldb + p : b + p * ldb + j, ldb,
                 packed);
                tile.b = packed;
                tile.b_step = vectors * LANES;
            } else {
                tile.b = tile.k > 0 ? b + p * ldb + j : b;
                tile.b_step = ldb;
            }
            int64_t i = 0;
            for (int choice = 0; choice < 4; choice++) {
                const int rows = NAME(tiles)[vectors - 1][choice].rows;
                for (; i + rows <= m; i += rows) {
                    tile.a = tile.k > 0 ? a_block + i * tile.a_row : a;
                    tile.base = base ? base + i * base_row + j : NULL;
                    tile.c = c + i * ldc + j;
                    NAME(tiles)[vectors - 1][choice].function(&tile);
                }
            }
        }
        base = c;
        tile.base_row = base_row = ldc;
    }
}

#define SPARSE_SHARE 4 /* from three quarters of zeros on they are left out */
#include "tensor/kernels_gemm_sparse.h"
#undef SPARSE_SHARE

static void NAME(gemm)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
                       int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc) {
    if (m <= 0 || n <= 0) return;
    if (NAME(gemm_is_sparse)(transpose_a, m, n, k, a, lda)) {
        NAME(gemm_sparse)(transpose_a, transpose_b, m, n, k, (REAL)alpha, a, lda, b, ldb, beta != 0, c, ldc);
        return;
    }
#if defined(L2O_HAVE_BLAS) && defined(L2O_HAVE_OPENMP)
    if (blas_is_better(m, n, k, lda, ldb, ldc)) {
        NAME(blas_gemm)(transpose_a, transpose_b, m, n, k, (REAL)alpha, a, lda, b, ldb, (REAL)beta, c, ldc);
        return;
    }
#endif
    if (n == 1 && ldc == 1) { /* the transposed product: C as one row of vectors */
        NAME(gemm_tiled)
        (!transpose_b, !transpose_a, 1, m, k, (REAL)alpha, b, ldb, a, lda, beta != 0 ? c : NULL, m, c, m);
        return;
    }
    NAME(gemm_tiled)(transpose_a, transpose_b, m, n, k, (REAL)alpha, a, lda, b, ldb, beta != 0 ? c : NULL, ldc, c, ldc);
}

#if VECTOR_BYTES == 64 && REAL_BITS == 32
#define SHORT_ROW 64 /* columns of A up to which one output is summed row by row */

/* c[m] = A b + bias for short rows: four rows' products at once, folded to quarters, transposed and added. The last
 * rows are filled up with repetitions, so that every row is the same chain of operations. */
static void NAME(short_rows)(int64_t m, int64_t k, const REAL *a, const REAL *b, REAL bias, REAL *c) {
    for (int64_t i = 0; i < m; i += 4) {
        const int64_t count = m - i < 4 ? m - i : 4;
        VECTOR sum[4] = {{0}};
        for (int64_t p = 0; p < k; p += LANES) {
            const int64_t width = k - p < LANES ? k - p : LANES;
            const VECTOR factor = NAME(load_part)(b + p, width);
            UNROLL for (int r = 0; r < 4; r++) sum[r] =
                NAME(multiply_add)(NAME(load_part)(a + (i + (r < count ? r : 0)) * k + p, width), factor, sum[r]);
        }
        __m128 quarter[4];
        UNROLL for (int r = 0; r < 4; r++) {
            const __m256 half =
                _mm256_add_ps(_mm512_castps512_ps256((__m512)sum[r]), _mm512_extractf32x8_ps((__m512)sum[r], 1));
            quarter[r] = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
        }
        _MM_TRANSPOSE4_PS(quarter[0], quarter[1], quarter[2], quarter[3]);
        const __m128 total = _mm_add_ps(_mm_add_ps(quarter[0], quarter[1]), _mm_add_ps(quarter[2], quarter[3]));
        NAME(store_part)(c + i, (VECTOR)_mm512_castps128_ps512(_mm_add_ps(total, _mm_set1_ps(bias))), count);
    }
}
#endif

static void NAME(affine)(bool transpose_a, int64_t m, int64_t n, int64_t k, const void *a, const void *b,
                         const void *bias, void *c_data) {
    REAL *c = c_data;
    const int64_t lda = transpose_a ? m : k;
#ifdef SHORT_ROW
    if (n == 1 && !transpose_a && k <= SHORT_ROW) {
        NAME(short_rows)(m, k, a, b, *(const REAL *)bias, c);
        return;
    }
#endif
    if (n == 1 || blas_is_better(m, n, k, lda, n, n)) {
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) c[i * n + j] = ((const REAL *)bias)[j];
        NAME(gemm)(transpose_a, false, m, n, k, 1, a, lda, b, n, 1, c, n);
    } else {
        NAME(gemm_tiled)(transpose_a, false, m, n, k, 1, a, lda, b, n, bias, 0, c, n);
    }
}

/* C = bias + A1 B1 + A2 B2 in one go, for columns that fill whole vectors. */
typedef struct NAME(pair) {
    int64_t m, n, k[2];
    const REAL *a[2], *b[2]; /* dense */
    const REAL *bias;
    REAL *c; /* dense */
} NAME(pair);

static void NAME(gemm_pair)(const NAME(pair) * pair) {
    const int64_t column_vectors = pair->n / LANES;
    const int64_t panels = (column_vectors + TILE_VECTORS - 1) / TILE_VECTORS;
    NAME(tile)
    tile = {.k = pair->k[0],
            .a_row = pair->k[0],
            .a_step = 1,
            .b_step = pair->n,
            .second_k = pair->k[1],
            .alpha = 1,
            .c_row = pair->n,
            .last = LANES};
    for (int64_t panel = 0; panel < panels; panel++) {
        const int64_t first = panel * column_vectors / panels;
        const int64_t vectors = (panel + 1) * column_vectors / panels - first;
        const int64_t j = first * LANES;
        tile.b = pair->b[0] + j;
        tile.second_b = pair->b[1] + j;
        tile.base = pair->bias + j;
        int64_t i = 0;
        for (int choice = 0; choice < 4; choice++) {
            const int rows = NAME(tiles)[vectors - 1][choice].rows;
            for (; i + rows <= pair->m; i += rows) {
                tile.a = pair->a[0] + i * pair->k[0];
                tile.second_a = pair->a[1] + i * pair->k[1];
                tile.c = pair->c + i * pair->n + j;
                NAME(tiles)[vectors - 1][choice].function(&tile);
            }
        }
    }
}

#undef PANEL_DEPTH
#undef SHORT_ROW
