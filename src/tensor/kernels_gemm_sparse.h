/* Matrix products whose left factor is mostly zeros, as what a soft threshold leaves is, and what flows back through
 * one. Included by kernels_gemm.h.
 *
 * The numbers of A that are not zero are listed, row by row of op(A), for one panel of k at a time; an element of C is
 * then the same chain of operations as in the built-in dense product less those that add a zero. So it has the same
 * bits, as long as B is finite. Where the dense product would be BLAS's (from 128 on in every direction), which has
 * other bits, the result depends in its last bits on whether A counts as sparse; that is a function of A and the sizes
 * alone, so it is the same for any number of threads. */

#define SPARSE_ROWS    128  /* rows of op(A) whose lists are made together, at most */
#define SPARSE_ENTRIES 4096 /* and entries of them; no fewer than PANEL_DEPTH */
#define SPARSE_VECTORS 8    /* columns that are worked out together, in vectors */
#define SPARSE_LEAST   48   /* from this size on in every direction, looking for zeros costs little */

typedef struct NAME(entry) {
    REAL value;
    int32_t step; /* along k, within the panel */
} NAME(entry);

/* Which of the first `count` <= LANES numbers are not zero, one bit each. */
INLINE unsigned NAME(nonzero_bits)(const REAL *a, int64_t count) {
    const VECTOR v = count == LANES ? NAME(load)(a) : NAME(load_part)(a, count);
#if VECTOR_BYTES == 64 && REAL_BITS == 32
    return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
#elif VECTOR_BYTES == 64
    return _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
#elif VECTOR_BYTES == 32 && REAL_BITS == 32
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_NEQ_UQ));
#elif VECTOR_BYTES == 32
    return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd((__m256d)v, _mm256_setzero_pd(), _CMP_NEQ_UQ));
#else
    unsigned bits = 0;
    for (int64_t lane = 0; lane < LANES; lane++) bits |= (unsigned)(v[lane] != 0) << lane;
    return bits;
#endif
}

static int64_t NAME(nonzeros)(int64_t count, const REAL *a) {
    int64_t total = 0;
    for (int64_t i = 0; i < count; i++) total += a[i] != 0;
    return total;
}

/* Has the matrix, [rows, columns] as stored, so few numbers that are not zero? A few of its rows are looked at first.
 */
static bool NAME(is_sparse)(int64_t rows, int64_t columns, const REAL *a, int64_t lda) {
    int64_t total = 0, looks = 8, allowed = rows * columns / SPARSE_SHARE;
    for (int64_t i = 0; i < looks; i++) total += NAME(nonzeros)(columns, a + i * rows / looks * lda);
    if (total > looks * columns * 2 / SPARSE_SHARE) return false;
    total = 0;
    for (int64_t i = 0; i < rows && total <= allowed; i++) total += NAME(nonzeros)(columns, a + i * lda);
    return total <= allowed;
}

/* Lists of the rows first, first + 1, ... of op(A), as many as there is room for; `a` is where the panel begins. */
typedef struct NAME(lists) {
    int64_t rows;
    int32_t start[SPARSE_ROWS + 1]; /* entries of row r: from start[r] to start[r + 1] */
    NAME(entry) entries[SPARSE_ENTRIES];
} NAME(lists);

static void NAME(list_rows)(int64_t most, int64_t depth, const REAL *a, int64_t lda, NAME(lists) * lists) {
    int32_t at = 0;
    int64_t r = 0;
    for (; r < most && at + depth <= SPARSE_ENTRIES; r++) {
        lists->start[r] = at;
        for (int64_t p = 0; p < depth; p += LANES) {
            unsigned bits = NAME(nonzero_bits)(a + r * lda + p, depth - p < LANES ? depth - p : LANES);
            for (; bits != 0; bits &= bits - 1) {
                const int64_t step = p + __builtin_ctz(bits);
                lists->entries[at++] = (NAME(entry)){a[r * lda + step], (int32_t)step};
            }
        }
    }
    lists->start[r] = at;
    lists->rows = r;
}

/* The same where op(A)'s rows are A's columns. */
static void NAME(list_columns)(int64_t most, int64_t depth, const REAL *a, int64_t lda, NAME(lists) * lists) {
    int32_t at[SPARSE_ROWS] = {0}, total = 0;
    for (int64_t p = 0; p < depth; p++)
        for (int64_t r = 0; r < most; r++) at[r] += a[p * lda + r] != 0;
    int64_t rows = 0;
    for (; rows < most && total + at[rows] <= SPARSE_ENTRIES; rows++) {
        lists->start[rows] = total;
        total += at[rows];
        at[rows] = lists->start[rows];
    }
    lists->start[rows] = total;
    lists->rows = rows;
    for (int64_t p = 0; p < depth; p++)
        for (int64_t r = 0; r < rows; r += LANES) {
            unsigned bits = NAME(nonzero_bits)(a + p * lda + r, rows - r < LANES ? rows - r : LANES);
            for (; bits != 0; bits &= bits - 1) {
                const int64_t row = r + __builtin_ctz(bits);
                lists->entries[at[row]++] = (NAME(entry)){a[p * lda + row], (int32_t)p};
            }
        }
}

/* One row of C, as many vectors of it as a panel of columns has. */
typedef struct NAME(sparse_row) {
    const NAME(entry) * entry, *end;
    const REAL *b;
    int64_t b_step;
    REAL alpha;
    const REAL *base; /* NULL for zero */
    REAL *c;
    int64_t last; /* columns in the last vector */
} NAME(sparse_row);

INLINE void NAME(sparse_row_body)(const NAME(sparse_row) * row, const int vectors, const bool whole) {
    VECTOR sum[SPARSE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) sum[v] = (VECTOR){0};
    for (const NAME(entry) *entry = row->entry; entry < row->end; entry++) {
        const REAL *b = row->b + entry->step * row->b_step;
        const VECTOR factor = NAME(splat)(entry->value);
        UNROLL for (int v = 0; v < vectors; v++) {
            const bool part = !whole && v + 1 == vectors;
            const VECTOR numbers = part ? NAME(load_part)(b + v * LANES, row->last) : NAME(load)(b + v * LANES);
            sum[v] = NAME(multiply_add)(factor, numbers, sum[v]);
        }
    }
    const VECTOR alpha = NAME(splat)(row->alpha);
    UNROLL for (int v = 0; v < vectors; v++) {
        const bool part = !whole && v + 1 == vectors;
        VECTOR result = sum[v] * alpha;
        if (row->base) {
            const REAL *base = row->base + v * LANES;
            const VECTOR old = part ? NAME(load_part)(base, row->last) : NAME(load)(base);
            result = NAME(multiply_add)(sum[v], alpha, old);
        }
        if (part)
            NAME(store_part)(row->c + v * LANES, result, row->last);
        else
            NAME(store)(row->c + v * LANES, result);
    }
}

#define ROW(vectors)                                                                                                   \
    static void NAME(sparse_row_##vectors)(const NAME(sparse_row) * row) {                                             \
        if (row->last == LANES)                                                                                        \
            NAME(sparse_row_body)(row, vectors, true);                                                                 \
        else                                                                                                           \
            NAME(sparse_row_body)(row, vectors, false);                                                                \
    }
ROW(1)
ROW(2)
ROW(3)
ROW(4)
ROW(5)
ROW(6)
ROW(7)
ROW(8)
#undef ROW

static void (*const NAME(sparse_rows)[SPARSE_VECTORS])(const NAME(sparse_row) *) = {
    NAME(sparse_row_1), NAME(sparse_row_2), NAME(sparse_row_3), NAME(sparse_row_4),
    NAME(sparse_row_5), NAME(sparse_row_6), NAME(sparse_row_7), NAME(sparse_row_8)};

/* C = base + alpha op(A) op(B) for the lists' rows and a panel of k; base and C begin at the first of these rows. */
static void NAME(multiply_lists)(const NAME(lists) * lists, bool transpose_b, int64_t n, int64_t depth, REAL alpha,
                                 const REAL *b, int64_t ldb, const REAL *base, REAL *c, int64_t ldc) {
    REAL packed[PANEL_DEPTH * SPARSE_VECTORS * LANES] __attribute__((aligned(VECTOR_BYTES)));
    const int64_t column_vectors = (n + LANES - 1) / LANES;
    const int64_t panels = (column_vectors + SPARSE_VECTORS - 1) / SPARSE_VECTORS;
    for (int64_t panel = 0; panel < panels; panel++) {
        const int64_t first = panel * column_vectors / panels;
        const int64_t vectors = (panel + 1) * column_vectors / panels - first;
        const int64_t j = first * LANES;
        const int64_t width = n - j < vectors * LANES ? n - j : vectors * LANES;
        NAME(sparse_row) row = {.alpha = alpha, .last = width - (vectors - 1) * LANES};
        if (transpose_b) NAME(pack)(true, depth, width, vectors * LANES, b + j * ldb, ldb, packed);
        row.b = transpose_b ? packed : b + j;
        row.b_step = transpose_b ? vectors * LANES : ldb;
        for (int64_t r = 0; r < lists->rows; r++) {
            row.entry = lists->entries + lists->start[r];
            row.end = lists->entries + lists->start[r + 1];
            row.base = base ? base + r * ldc + j : NULL;
            row.c = c + r * ldc + j;
            NAME(sparse_rows)[vectors - 1](&row);
        }
    }
}

/* C = alpha op(A) op(B), added to C where `adding`. */
static void NAME(gemm_sparse)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, REAL alpha,
                              const REAL *a, int64_t lda, const REAL *b, int64_t ldb, bool adding, REAL *c,
                              int64_t ldc) {
    NAME(lists) lists;
    for (int64_t p = 0; p < k; p += PANEL_DEPTH) {
        const int64_t depth = k - p < PANEL_DEPTH ? k - p : PANEL_DEPTH;
        const REAL *b_panel = transpose_b ? b + p : b + p * ldb;
        for (int64_t i = 0; i < m; i += lists.rows) {
            const int64_t most = m - i < SPARSE_ROWS ? m - i : SPARSE_ROWS;
            if (transpose_a)
                NAME(list_columns)(most, depth, a + p * lda + i, lda, &lists);
            else
                NAME(list_rows)(most, depth, a + i * lda + p, lda, &lists);
            NAME(multiply_lists)
            (&lists, transpose_b, n, depth, alpha, b_panel, ldb, adding || p > 0 ? c + i * ldc : NULL, c + i * ldc,
             ldc);
        }
    }
}

/* Whether it is worth it. */
static bool NAME(gemm_is_sparse)(bool transpose_a, int64_t m, int64_t n, int64_t k, const REAL *a, int64_t lda) {
    if (m < SPARSE_LEAST || n < SPARSE_LEAST || k < SPARSE_LEAST) return false;
    return NAME(is_sparse)(transpose_a ? k : m, transpose_a ? m : k, a, lda);
}

#undef SPARSE_ROWS
#undef SPARSE_ENTRIES
#undef SPARSE_VECTORS
#undef SPARSE_LEAST
