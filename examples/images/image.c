/* Grey images in memory and as PGM files, the plainest format there is: netpbm's tools turn every other one into it and
 * back, so that this program needs no library for images. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "images.h"

image image_create(int64_t width, int64_t height) {
    return (image){width, height, allocate(width * height, sizeof(double))};
}

void image_free(image *picture) {
    free(picture->pixels);
    *picture = (image){0};
}

image image_read(const char *path) {
    char kind = 0, space = 0;
    long long width = 0, height = 0, white = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail("%s: it cannot be opened", path);
    if (fscanf(file, "P%c %lld %lld %lld%c", &kind, &width, &height, &white, &space) != 5 ||
        (kind != '2' && kind != '5') || width < SIDE || height < SIDE || white < 1 || white > 255)
        fail("%s: not a PGM image of at least %d x %d pixels and at most 255 levels", path, SIDE, SIDE);
    if (width > (1 << 28) / height) fail("%s: %lld x %lld pixels are too many", path, width, height);
    image picture = image_create(width, height);
    for (int64_t i = 0; i < width * height; i++) {
        int level = 0;
        if (kind == '5')
            level = getc(file);
        else if (fscanf(file, "%d", &level) != 1)
            level = EOF;
        if (level < 0) fail("%s: it ends early", path);
        picture.pixels[i] = (double)level / (double)white;
    }
    fclose(file);
    return picture;
}

void image_write(const image *picture, const char *path) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) fail("%s: it cannot be written", path);
    fprintf(file, "P5\n%lld %lld\n255\n", (long long)picture->width, (long long)picture->height);
    for (int64_t i = 0; i < picture->width * picture->height; i++)
        putc((int)lround(255 * fmin(fmax(picture->pixels[i], 0), 1)), file);
    bool written = ferror(file) == 0;
    if (fclose(file) != 0 || !written) fail("%s: it cannot be written", path);
}

void image_paste(image *to, const image *from, int64_t left, int64_t top) {
    for (int64_t i = 0; i < from->height; i++)
        for (int64_t j = 0; j < from->width; j++)
            to->pixels[(top + i) * to->width + left + j] = from->pixels[i * from->width + j];
}

double psnr(const image *picture, const image *original) {
    double sum = 0;
    int64_t count = picture->width * picture->height;
    for (int64_t i = 0; i < count; i++) {
        double error = fmin(fmax(picture->pixels[i], 0), 1) - original->pixels[i]; /* as it is shown */
        sum += error * error;
    }
    return -10 * log10(sum / (double)count);
}
