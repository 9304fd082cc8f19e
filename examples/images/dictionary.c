/* Online dictionary learning (Mairal, Bach, Ponce and Sapiro, "Online Learning for Matrix Factorization and Sparse
 * Coding", JMLR 11, 2010, Algorithms 1 and 2, with mini-batches and the forgetting of section 3.4.4): sparse codes of a
 * batch under the present dictionary, then one pass of block coordinate descent over its columns.
 *
 * Columns lie on the unit sphere rather than in the ball. On it the exact minimiser over one column is still the
 * paper's step, scaled to norm 1, because the quadratic's curvature is the same in all directions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

/* How fast old batches are forgotten: the sums are multiplied by (1 - 1/round)^FORGETTING. */
static const double FORGETTING = 5;

typedef struct statistics {
    matrix gram;  /* [n, n]: sum of x x' */
    matrix cross; /* [n, PIXELS]: sum of x b' */
} statistics;

static void statistics_add(statistics *sums, const double *x, const double *patches, int64_t batch, double keep) {
    int64_t n = sums->gram.rows;
    for (int64_t i = 0; i < n * n; i++) sums->gram.values[i] *= keep;
    for (int64_t i = 0; i < n * PIXELS; i++) sums->cross.values[i] *= keep;
    for (int64_t p = 0; p < batch; p++)
        for (int64_t j = 0; j < n; j++) {
            double factor = x[p * n + j];
            if (factor == 0) continue;
            for (int64_t k = 0; k < n; k++) matrix_row(&sums->gram, j)[k] += factor * x[p * n + k];
            for (int64_t i = 0; i < PIXELS; i++) matrix_row(&sums->cross, j)[i] += factor * patches[p * PIXELS + i];
        }
}

static void start_atom(double *atom, const matrix *patches, random_source *source) {
    do memcpy(atom, matrix_row(patches, random_below(source, patches->rows)), PIXELS * sizeof(double));
    while (normalise(atom, PIXELS) == 0);
}

/* Algorithm 2. `atoms` [n, PIXELS] is the dictionary's transpose. What no code has used starts anew. */
static void update_atoms(matrix *atoms, const statistics *sums, const matrix *patches, random_source *source) {
    for (int64_t j = 0; j < atoms->rows; j++) {
        const double *gram = matrix_row(&sums->gram, j);
        double *atom = matrix_row(atoms, j), change[PIXELS];
        if (gram[j] < 1e-6) {
            start_atom(atom, patches, source);
            continue;
        }
        memcpy(change, matrix_row(&sums->cross, j), sizeof change);
        for (int64_t k = 0; k < atoms->rows; k++)
            for (int64_t i = 0; i < PIXELS; i++) change[i] -= gram[k] * matrix_row(atoms, k)[i];
        for (int64_t i = 0; i < PIXELS; i++) atom[i] += change[i] / gram[j];
        normalise(atom, PIXELS);
    }
}

static matrix transposed(const matrix *m) {
    matrix result = matrix_create(m->columns, m->rows);
    for (int64_t i = 0; i < m->rows; i++)
        for (int64_t j = 0; j < m->columns; j++) matrix_row(&result, j)[i] = matrix_row(m, i)[j];
    return result;
}

/* Atoms in falling order of how much the codes used them. */
static void sort_atoms(matrix *atoms, statistics *sums) {
    for (int64_t j = 0; j < atoms->rows; j++) {
        int64_t most = j;
        for (int64_t k = j; k < atoms->rows; k++)
            if (matrix_row(&sums->gram, k)[k] > matrix_row(&sums->gram, most)[most]) most = k;
        double use = matrix_row(&sums->gram, j)[j], atom[PIXELS];
        matrix_row(&sums->gram, j)[j] = matrix_row(&sums->gram, most)[most];
        matrix_row(&sums->gram, most)[most] = use;
        memcpy(atom, matrix_row(atoms, j), sizeof atom);
        memmove(matrix_row(atoms, j), matrix_row(atoms, most), sizeof atom);
        memcpy(matrix_row(atoms, most), atom, sizeof atom);
    }
}

static void write_dictionary(const matrix *atoms, const char *path) {
    matrix dictionary = transposed(atoms);
    matrix_write(&dictionary, path);
    matrix_free(&dictionary);
}

/* Codes of patches that are not learned from, and a line about them. */
static void report(l2o_context *context, const learning *how, const matrix *aside, int64_t round) {
    matrix_write(aside, how->b_path);
    codes found = codes_find(context, how->A_path, how->b_path, how->lambda, how->solver);
    printf("after %4lld rounds: objective %.5f, %.1f atoms a patch, on %lld patches set aside\n", (long long)round,
           found.objective, found.nonzeros, (long long)aside->rows);
    fflush(stdout);
    codes_free(&found);
}

matrix dictionary_learn(l2o_context *context, const learning *how) {
    int64_t n = how->atoms, kept = how->patches->rows - how->patches->rows / 20 - 1;
    matrix patches = {kept, PIXELS, how->patches->values};
    matrix aside = {how->patches->rows - kept, PIXELS, matrix_row(how->patches, kept)};
    random_source source = random_start(how->seed, STREAM_LEARNING);
    matrix atoms = matrix_create(n, PIXELS), batch = matrix_create(how->batch, PIXELS);
    statistics sums = {matrix_create(n, n), matrix_create(n, PIXELS)};
    for (int64_t j = 0; j < n; j++) start_atom(matrix_row(&atoms, j), &patches, &source);
    write_dictionary(&atoms, how->A_path);
    report(context, how, &aside, 0);
    for (int64_t round = 1; round <= how->rounds; round++) {
        for (int64_t p = 0; p < how->batch; p++)
            memcpy(matrix_row(&batch, p), matrix_row(&patches, random_below(&source, kept)), PIXELS * sizeof(double));
        matrix_write(&batch, how->b_path);
        codes found = codes_find(context, how->A_path, how->b_path, how->lambda, how->solver);
        statistics_add(&sums, l2o_solution_x(found.solution), batch.values, how->batch,
                       pow(1 - 1 / (double)round, FORGETTING));
        codes_free(&found);
        update_atoms(&atoms, &sums, &patches, &source);
        write_dictionary(&atoms, how->A_path);
        if (round % 50 == 0 || round == how->rounds) report(context, how, &aside, round);
    }
    sort_atoms(&atoms, &sums);
    write_dictionary(&atoms, how->A_path);
    matrix dictionary = transposed(&atoms);
    matrix_free(&atoms);
    matrix_free(&batch);
    matrix_free(&sums.gram);
    matrix_free(&sums.cross);
    return dictionary;
}

image dictionary_picture(const matrix *dictionary) {
    enum { ACROSS = 16, ZOOM = 3, CELL = SIDE * ZOOM + 2 };
    int64_t down = (dictionary->columns + ACROSS - 1) / ACROSS;
    image picture = image_create(ACROSS * CELL + 2, down * CELL + 2);
    for (int64_t j = 0; j < dictionary->columns; j++) {
        double largest = 0;
        image cell = image_create(SIDE * ZOOM, SIDE * ZOOM);
        for (int64_t i = 0; i < PIXELS; i++) largest = fmax(largest, fabs(matrix_row(dictionary, i)[j]));
        for (int64_t i = 0; i < cell.width * cell.height; i++) {
            int64_t pixel = i / cell.width / ZOOM * SIDE + i % cell.width / ZOOM;
            cell.pixels[i] = 0.5 + 0.5 * matrix_row(dictionary, pixel)[j] / largest;
        }
        image_paste(&picture, &cell, 2 + j % ACROSS * CELL, 2 + j / ACROSS * CELL);
        image_free(&cell);
    }
    return picture;
}
