/* Whole images through a task: observed, cut into patches, sparse coded, put together again. Where patches overlap
 * their pixels are averaged (Elad and Aharon, 2006, without the weight on the observed pixel). All images' patches are
 * one set of signals, which is left as A.npy and b.npy, so that l2o's own verbs can work on the same problem. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

/* An image cut into patches. */
typedef struct layout {
    int64_t across, down, first; /* `first`: the number of its first patch among those of all images */
    int64_t *lefts, *tops;
} layout;

typedef struct signals {
    layout *layouts; /* one an image */
    matrix b;        /* [N, m] */
    double *means;   /* [N] */
} signals;

static signals signals_create(const task *what, const restoration *how) {
    signals all = {.layouts = allocate(how->images, sizeof(layout))};
    int64_t count = 0;
    for (int64_t i = 0; i < how->images; i++) {
        layout *cut = &all.layouts[i];
        cut->lefts = patch_corners(how->originals[i].width, how->stride, &cut->across);
        cut->tops = patch_corners(how->originals[i].height, how->stride, &cut->down);
        cut->first = count;
        count += cut->across * cut->down;
    }
    all.b = matrix_create(count, what->A.rows);
    all.means = allocate(count, sizeof(double));
    random_source source = random_start(how->seed, STREAM_NOISE);
    for (int64_t i = 0; i < how->images; i++) {
        const layout *cut = &all.layouts[i];
        image observed = task_observe(what, &how->originals[i], &source);
        for (int64_t k = 0; k < cut->across * cut->down; k++) {
            double patch[PIXELS];
            int64_t p = cut->first + k;
            all.means[p] = patch_take(&observed, cut->lefts[k % cut->across], cut->tops[k / cut->across], patch);
            task_signal(what, patch, matrix_row(&all.b, p));
        }
        image_free(&observed);
    }
    return all;
}

static void signals_free(signals *all, int64_t images) {
    for (int64_t i = 0; i < images; i++) {
        free(all->layouts[i].lefts);
        free(all->layouts[i].tops);
    }
    free(all->layouts);
    free(all->means);
    matrix_free(&all->b);
}

/* Image i put together from sparse codes x [N, n], or, where x is NULL, from the signals as they are. */
static image assemble(const task *what, const image *original, const signals *all, const layout *cut, const double *x) {
    image picture = image_create(original->width, original->height);
    image count = image_create(original->width, original->height);
    for (int64_t k = 0; k < cut->across * cut->down; k++) {
        double patch[PIXELS];
        int64_t p = cut->first + k;
        if (x != NULL)
            task_synthesise(what, x + p * what->A.columns, patch);
        else
            task_plain(what, matrix_row(&all->b, p), patch);
        for (int64_t i = 0; i < PIXELS; i++) {
            int64_t top = cut->tops[k / cut->across] + i / SIDE, left = cut->lefts[k % cut->across] + i % SIDE;
            picture.pixels[top * picture.width + left] += all->means[p] + patch[i];
            count.pixels[top * picture.width + left] += 1;
        }
    }
    for (int64_t i = 0; i < picture.width * picture.height; i++) picture.pixels[i] /= count.pixels[i];
    image_free(&count);
    return picture;
}

/* Original, observed and restored, side by side. */
static void write_strip(const char *folder, const char *name, const image *const pictures[3]) {
    enum { SPACE = 4 };
    int64_t width = pictures[0]->width;
    image strip = image_create(3 * width + 2 * SPACE, pictures[0]->height);
    for (int64_t i = 0; i < strip.width * strip.height; i++) strip.pixels[i] = 1;
    for (int64_t k = 0; k < 3; k++) image_paste(&strip, pictures[k], k * (width + SPACE), 0);
    image_write(&strip, path_in(folder, name, "-restored.pgm").text);
    image_free(&strip);
}

double restore(l2o_context *context, const task *what, const restoration *how) {
    file_path A_path = path_in(how->folder, "A", ".npy"), b_path = path_in(how->folder, "b", ".npy");
    signals all = signals_create(what, how);
    matrix_write(&what->A, A_path.text);
    matrix_write(&all.b, b_path.text);

    image *plain = allocate(how->images, sizeof(image));
    double *before = allocate(how->images, sizeof(double));
    printf("%lld signals; PSNR in dB\n\n| solver |", (long long)all.b.rows);
    for (int64_t i = 0; i < how->images; i++) printf(" %s |", how->names[i]);
    printf(" steps | nonzeros | objective | gap at most | seconds |\n|---|");
    for (int64_t i = 0; i < how->images; i++) printf("---|");
    printf("---|---|---|---|---|\n| none |");
    for (int64_t i = 0; i < how->images; i++) {
        plain[i] = assemble(what, &how->originals[i], &all, &all.layouts[i], NULL);
        before[i] = psnr(&plain[i], &how->originals[i]);
        printf(" %.2f |", before[i]);
    }
    printf(" | | | | |\n");

    double least = INFINITY;
    for (int64_t s = 0; s < how->solvers_count; s++) {
        fflush(stdout);
        codes found = codes_find(context, A_path.text, b_path.text, how->lambda, how->solvers[s]);
        const char *folder_end = strrchr(how->solvers[s], '/');
        printf("| %s |", folder_end == NULL ? how->solvers[s] : folder_end + 1);
        for (int64_t i = 0; i < how->images; i++) {
            const image *original = &how->originals[i];
            image restored = assemble(what, original, &all, &all.layouts[i], l2o_solution_x(found.solution));
            double after = psnr(&restored, original);
            printf(" %.2f |", after);
            least = fmin(least, after - before[i]);
            if (s == 0) write_strip(how->folder, how->names[i], (const image *const[]){original, &plain[i], &restored});
            image_free(&restored);
        }
        printf(" %.1f | %.1f | %.6f | %.1e | %.2f |\n", found.steps, found.nonzeros, found.objective, found.gap,
               found.seconds);
        codes_free(&found);
    }
    for (int64_t i = 0; i < how->images; i++) image_free(&plain[i]);
    free(plain);
    free(before);
    signals_free(&all, how->images);
    return least;
}
