/* Two tasks on patches with one dictionary D. Denoising: the patch is seen whole, with Gaussian noise, and A = D.
 * Compressive sensing: of the patch's PIXELS numbers m are measured, its mean and Phi patch, and A = Phi D; columns are
 * scaled to norm 1, as every dictionary here has them, and the scale goes into the synthesis. */
#include <math.h>
#include <string.h>

#include "images.h"

/* Random orthonormal rows, orthogonal to the constant patch: Gram and Schmidt, each row twice. */
static matrix sensors_create(int64_t rows, int64_t seed) {
    random_source source = random_start(seed, STREAM_SENSING);
    matrix sensors = matrix_create(rows, PIXELS);
    for (int64_t r = 0; r < rows; r++) {
        double *row = matrix_row(&sensors, r);
        for (int64_t i = 0; i < PIXELS; i++) row[i] = random_normal(&source);
        for (int64_t pass = 0; pass < 2; pass++) {
            double mean = 0;
            for (int64_t i = 0; i < PIXELS; i++) mean += row[i] / PIXELS;
            for (int64_t i = 0; i < PIXELS; i++) row[i] -= mean;
            for (int64_t s = 0; s < r; s++) {
                const double *other = matrix_row(&sensors, s);
                double product = 0;
                for (int64_t i = 0; i < PIXELS; i++) product += row[i] * other[i];
                for (int64_t i = 0; i < PIXELS; i++) row[i] -= product * other[i];
            }
            normalise(row, PIXELS);
        }
    }
    return sensors;
}

task task_create(const matrix *dictionary, int64_t measurements, double sigma, int64_t seed) {
    int64_t n = dictionary->columns;
    task what = {.sigma = measurements > 0 ? 0 : sigma};
    what.synthesis = matrix_create(PIXELS, n);
    memcpy(what.synthesis.values, dictionary->values, (size_t)(PIXELS * n) * sizeof(double));
    if (measurements == 0) {
        what.A = matrix_create(PIXELS, n);
        memcpy(what.A.values, dictionary->values, (size_t)(PIXELS * n) * sizeof(double));
        return what;
    }
    what.sensors = sensors_create(measurements - 1, seed);
    what.A = matrix_create(measurements - 1, n);
    for (int64_t j = 0; j < n; j++) {
        double norm = 0;
        for (int64_t r = 0; r < what.A.rows; r++) {
            double *entry = &matrix_row(&what.A, r)[j];
            for (int64_t i = 0; i < PIXELS; i++)
                *entry += matrix_row(&what.sensors, r)[i] * matrix_row(dictionary, i)[j];
            norm += *entry * *entry;
        }
        norm = sqrt(norm);
        if (norm < 1e-6) fail("atom %lld is not seen by the sensors: take more measurements", (long long)j);
        for (int64_t r = 0; r < what.A.rows; r++) matrix_row(&what.A, r)[j] /= norm;
        for (int64_t i = 0; i < PIXELS; i++) matrix_row(&what.synthesis, i)[j] /= norm;
    }
    return what;
}

void task_free(task *what) {
    matrix_free(&what->sensors);
    matrix_free(&what->A);
    matrix_free(&what->synthesis);
}

image task_observe(const task *what, const image *original, random_source *source) {
    image observed = image_create(original->width, original->height);
    for (int64_t i = 0; i < original->width * original->height; i++)
        observed.pixels[i] = original->pixels[i] + what->sigma * random_normal(source);
    return observed;
}

void task_signal(const task *what, const double *patch, double *b) {
    if (what->sensors.rows == 0) memcpy(b, patch, PIXELS * sizeof(double));
    for (int64_t r = 0; r < what->sensors.rows; r++) {
        b[r] = 0;
        for (int64_t i = 0; i < PIXELS; i++) b[r] += matrix_row(&what->sensors, r)[i] * patch[i];
    }
}

void task_plain(const task *what, const double *b, double *patch) {
    if (what->sensors.rows == 0) {
        memcpy(patch, b, PIXELS * sizeof(double));
        return;
    }
    memset(patch, 0, PIXELS * sizeof(double));
    for (int64_t r = 0; r < what->sensors.rows; r++)
        for (int64_t i = 0; i < PIXELS; i++) patch[i] += matrix_row(&what->sensors, r)[i] * b[r];
}

void task_synthesise(const task *what, const double *x, double *patch) {
    memset(patch, 0, PIXELS * sizeof(double));
    for (int64_t j = 0; j < what->synthesis.columns; j++)
        if (x[j] != 0)
            for (int64_t i = 0; i < PIXELS; i++) patch[i] += matrix_row(&what->synthesis, i)[j] * x[j];
}
