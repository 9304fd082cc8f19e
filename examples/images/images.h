/* Sparse coding of photographs: what the files of this example share. Grey images as PGM, matrices as .npy, 8 x 8
 * patches, a dictionary learned from them, and two tasks that it serves: denoising and compressive sensing. Every
 * sparse code is found by l2o, through its public headers. See docs/images.md.
 *
 * A user's mistake ends the program with one sentence, as is right for a tool and wrong for a library: see fail(). */
#ifndef IMAGES_H
#define IMAGES_H

#include <stdint.h>

#include <l2o/l2o.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE }; /* of a patch */

/* main.c */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *allocate(int64_t count, int64_t size); /* zeros; never NULL */
typedef struct file_path {
    char text[1024];
} file_path;
file_path path_in(const char *folder, const char *name, const char *ending);

/* random.c: reproducible numbers, a stream for each purpose. */
typedef enum random_stream { STREAM_PATCHES, STREAM_LEARNING, STREAM_NOISE, STREAM_SENSING } random_stream;
typedef struct random_source {
    uint64_t state;
} random_source;
random_source random_start(int64_t seed, random_stream stream);
int64_t random_below(random_source *source, int64_t limit); /* 0 <= result < limit */
double random_normal(random_source *source);

/* matrix.c: row-major, float64. */
typedef struct matrix {
    int64_t rows, columns;
    double *values; /* [rows, columns] */
} matrix;
matrix matrix_create(int64_t rows, int64_t columns); /* zeros; release with matrix_free() */
void matrix_free(matrix *m);
double *matrix_row(const matrix *m, int64_t row);
void matrix_write(const matrix *m, const char *path); /* as .npy, which l2o and NumPy read */
matrix matrix_read(const char *path);                 /* what matrix_write() wrote */
double normalise(double *vector, int64_t count);      /* to unit Euclidean norm; returns the norm it had */

/* image.c */
typedef struct image {
    int64_t width, height;
    double *pixels; /* [height, width], 0 black to 1 white */
} image;
image image_create(int64_t width, int64_t height); /* black; release with image_free() */
void image_free(image *picture);
image image_read(const char *path); /* a PGM file (P2 or P5) of up to 255 grey levels */
void image_write(const image *picture, const char *path);
void image_paste(image *to, const image *from, int64_t left, int64_t top);
/* 10 log10(1 / mean squared error) in dB: the peak is white. */
double psnr(const image *picture, const image *original);

/* patches.c: a patch is a row of PIXELS numbers. */
/* The patch whose upper left pixel is (left, top), less its mean, which is returned. */
double patch_take(const image *picture, int64_t left, int64_t top, double *patch);
/* `count` patches from random places in random images, among those whose standard deviation is at least `contrast`. */
matrix patches_choose(const image *pictures, int64_t images, int64_t count, double contrast, random_source *source);
/* The corners of a grid of patches `stride` apart that covers a length of pixels: [*count], the caller's. */
int64_t *patch_corners(int64_t length, int64_t stride, int64_t *count);

/* codes.c */
typedef struct codes {
    l2o_solution *solution; /* x [N, n]; release with codes_free() */
    double seconds;         /* of processor time, over all threads, in l2o_solve() */
    double steps;           /* mean */
    double objective;       /* mean */
    double gap;             /* mean of the proven bounds of f(x) - f*, relative to the objective's mean */
    double nonzeros;        /* mean */
} codes;
/* Sparse codes of the signals in b_path [N, m] over the columns of A in A_path [m, n]: each minimises
 * 1/2 ||A x - b||^2 + lambda ||x||_1. `solver` is what l2o's setting `optimizer` takes, learned weights
 * (FILE.safetensors) among them; with @STEPS behind it, it takes so many steps, else it runs until the duality gap is
 * at most 1e-4 of f(0). */
codes codes_find(l2o_context *context, const char *A_path, const char *b_path, double lambda, const char *solver);
void codes_free(codes *found);

/* dictionary.c */
typedef struct learning {
    const matrix *patches; /* [N, PIXELS] */
    int64_t atoms, rounds, batch, seed;
    double lambda;
    const char *solver;
    const char *A_path, *b_path; /* files that learning writes and l2o reads: the dictionary and a batch of patches */
} learning;
/* Leaves the dictionary [PIXELS, atoms], columns of unit norm, in A_path, and returns it. */
matrix dictionary_learn(l2o_context *context, const learning *how);
/* The mosaic of all atoms, each stretched to the full range of grey. */
image dictionary_picture(const matrix *dictionary);

/* task.c: what is observed of a patch, and how a patch is made of a sparse code of it. */
typedef struct task {
    double sigma;     /* denoising: standard deviation of the noise, 1 being white; sensing: 0 */
    matrix sensors;   /* sensing: Phi [m, PIXELS], orthonormal rows, each of sum 0; denoising: no rows */
    matrix A;         /* [m, n], unit columns: the dictionary, or Phi D with its columns scaled */
    matrix synthesis; /* [PIXELS, n]: patch = synthesis x */
} task;
/* `measurements`: numbers kept of each patch, one of which is its mean; 0: denoising. */
task task_create(const matrix *dictionary, int64_t measurements, double sigma, int64_t seed);
void task_free(task *what);
/* What is seen of an image before it is cut into patches: a copy, with the task's noise. */
image task_observe(const task *what, const image *original, random_source *source);
/* The signal b [m] of a patch: itself, or what the sensors measure of it. */
void task_signal(const task *what, const double *patch, double *b);
/* A patch from its signal without sparse coding: b itself, or the patch of least norm that has these measurements. */
void task_plain(const task *what, const double *b, double *patch);
/* A patch from a sparse code x [n] of its signal. */
void task_synthesise(const task *what, const double *x, double *patch);

/* restore.c */
typedef struct restoration {
    const image *originals;
    char *const *names; /* of the images */
    int64_t images;
    char *const *solvers;
    int64_t solvers_count;
    const char *folder; /* for A.npy, b.npy and a picture of each image */
    int64_t stride, seed;
    double lambda;
} restoration;
/* Observes the images, restores them by each solver and prints a row each. A picture shows the original, what is had
 * without sparse coding, and what the first solver made of it. Returns the least gain in PSNR, over solvers and images.
 */
double restore(l2o_context *context, const task *what, const restoration *how);

#endif
