/* Patches of images: taken from a place, chosen at random, laid out over a whole image. */
#include <math.h>

#include "images.h"

double patch_take(const image *picture, int64_t left, int64_t top, double *patch) {
    double mean = 0;
    for (int64_t i = 0; i < PIXELS; i++) {
        patch[i] = picture->pixels[(top + i / SIDE) * picture->width + left + i % SIDE];
        mean += patch[i] / PIXELS;
    }
    for (int64_t i = 0; i < PIXELS; i++) patch[i] -= mean;
    return mean;
}

static double deviation(const double *patch) {
    double sum = 0;
    for (int64_t i = 0; i < PIXELS; i++) sum += patch[i] * patch[i];
    return sqrt(sum / PIXELS);
}

matrix patches_choose(const image *pictures, int64_t images, int64_t count, double contrast, random_source *source) {
    matrix patches = matrix_create(count, PIXELS);
    int64_t refused = 0;
    for (int64_t p = 0; p < count;) {
        const image *picture = &pictures[random_below(source, images)];
        int64_t left = random_below(source, picture->width - SIDE + 1);
        int64_t top = random_below(source, picture->height - SIDE + 1);
        patch_take(picture, left, top, matrix_row(&patches, p));
        if (deviation(matrix_row(&patches, p)) >= contrast)
            p++;
        else if (++refused > 1000 * count)
            fail("fewer than one patch in 1000 has a standard deviation of %g: lower --contrast", contrast);
    }
    return patches;
}

int64_t *patch_corners(int64_t length, int64_t stride, int64_t *count) {
    int64_t last = length - SIDE;
    *count = (last + stride - 1) / stride + 1;
    int64_t *corners = allocate(*count, sizeof(int64_t));
    for (int64_t i = 0; i < *count; i++) corners[i] = i * stride < last ? i * stride : last;
    return corners;
}
