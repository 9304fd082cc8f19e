/* The program of this example: `learn` a dictionary from photographs, draw `signals` of a task to train weights on,
 * `restore` images of which only a part or a noisy form is seen. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "images.h"

static const char USAGE[] =
    "usage: images learn   --images A.pgm,B.pgm... --out FOLDER\n"
    "       images signals --images A.pgm,B.pgm... --out FOLDER --dictionary FOLDER/dictionary.npy\n"
    "       images restore --images A.pgm,B.pgm... --out FOLDER --dictionary FOLDER/dictionary.npy\n"
    "\n"
    "learn writes patches.npy [N, 64], dictionary.npy [64, n] and a picture of it, dictionary.pgm. signals writes "
    "A.npy\n"
    "[m, n] and b.npy [N, m] of random patches as the task sees them. restore writes the same of whole images, prints "
    "a\n"
    "table, and leaves NAME-restored.pgm: original, seen, restored by the first solver.\n"
    "\n"
    "  --lambda NUMBER       weight of the L1 penalty (learn 0.1; denoising 1.5 sigma; sensing 0.02)\n"
    "  --seed N              everything random is a function of it (1)\n"
    "  --threads N           threads; 0 for one a core (1)\n"
    "learn:\n"
    "  --patches N           patches to learn from (20000); signals: to draw\n"
    "  --contrast NUMBER     least standard deviation of a patch, white being 1 (0.03)\n"
    "  --atoms N             columns of the dictionary (128)\n"
    "  --rounds N            batches (300)\n"
    "  --batch N             patches in a batch (512)\n"
    "signals, restore:\n"
    "  --noise NUMBER        denoising: standard deviation, of 255 (25)\n"
    "  --measurements N      compressive sensing: numbers kept of each patch, 2 to 64 (0: denoising)\n"
    "restore:\n"
    "  --stride N            pixels between overlapping patches (2; sensing 8)\n"
    "  --solvers A,B...      what l2o's --optimizer takes, or a file of weights; NAME@STEPS takes so many steps, "
    "without\n"
    "                        it runs until the duality gap is 1e-4 of f(0) (cd). learn: one, for the codes\n"
    "  --require NUMBER      exit code 1 if any image gains less than so many dB by any solver\n";

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "images: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(2);
}

void *allocate(int64_t count, int64_t size) {
    void *memory = calloc((size_t)count + 1, (size_t)size);
    if (memory == NULL) fail("out of memory");
    return memory;
}

file_path path_in(const char *folder, const char *name, const char *ending) {
    file_path path;
    if (snprintf(path.text, sizeof path.text, "%s/%s%s", folder, name, ending) >= (int)sizeof path.text)
        fail("%s: too long", folder);
    return path;
}

typedef struct options {
    char *images, *out, *dictionary, *solvers;
    double lambda, contrast, noise, gain;
    int64_t patches, atoms, rounds, batch, measurements, stride, seed, threads;
} options;

/* Text where `text` is set, else a number within [low, high], else a whole number within them. */
typedef struct option {
    const char *name;
    char **text;
    double *number;
    int64_t *whole;
    double low, high;
} option;

static options options_read(int count, char **words) {
    options given = {.lambda = -1,
                     .contrast = 0.03,
                     .noise = 25,
                     .gain = -1e3,
                     .patches = 20000,
                     .atoms = 128,
                     .rounds = 300,
                     .batch = 512,
                     .seed = 1,
                     .threads = 1};
    const option known[] = {
        {"--images", &given.images, NULL, NULL, 0, 0},
        {"--out", &given.out, NULL, NULL, 0, 0},
        {"--dictionary", &given.dictionary, NULL, NULL, 0, 0},
        {"--solvers", &given.solvers, NULL, NULL, 0, 0},
        {"--lambda", NULL, &given.lambda, NULL, 0, 1e6},
        {"--contrast", NULL, &given.contrast, NULL, 0, 0.4},
        {"--noise", NULL, &given.noise, NULL, 0, 255},
        {"--require", NULL, &given.gain, NULL, -100, 100},
        {"--patches", NULL, NULL, &given.patches, 2, 1e7},
        {"--atoms", NULL, NULL, &given.atoms, 2, 4096},
        {"--rounds", NULL, NULL, &given.rounds, 1, 1e6},
        {"--batch", NULL, NULL, &given.batch, 1, 1e6},
        {"--measurements", NULL, NULL, &given.measurements, 2, PIXELS},
        {"--stride", NULL, NULL, &given.stride, 1, SIDE},
        {"--seed", NULL, NULL, &given.seed, 0, 1e9},
        {"--threads", NULL, NULL, &given.threads, 0, 1024},
    };
    for (int i = 0; i < count; i += 2) {
        size_t k = 0;
        while (k < sizeof known / sizeof *known && strcmp(known[k].name, words[i]) != 0) k++;
        if (k == sizeof known / sizeof *known)
            fail("there is no option %s; images --help lists what there is", words[i]);
        if (i + 1 == count) fail("%s needs a value", words[i]);
        if (known[k].text != NULL) {
            *known[k].text = words[i + 1];
            continue;
        }
        char *end;
        double value = strtod(words[i + 1], &end);
        if (end == words[i + 1] || *end != 0 || !(value >= known[k].low && value <= known[k].high) ||
            (known[k].whole != NULL && value != (double)(int64_t)value))
            fail("%s %s: it must be a %snumber from %g to %g", words[i], words[i + 1],
                 known[k].whole != NULL ? "whole " : "", known[k].low, known[k].high);
        if (known[k].whole != NULL)
            *known[k].whole = (int64_t)value;
        else
            *known[k].number = value;
    }
    if (given.images == NULL || given.out == NULL) fail("--images and --out are needed; see images --help");
    if (mkdir(given.out, 0777) != 0 && errno != EEXIST)
        fail("--out %s: the folder cannot be made: %s; make the one that it lies in, or choose another", given.out,
             strerror(errno));
    return given;
}

/* Cuts the text at its commas; the parts lie in the text itself, the list is the caller's. */
static char **split(char *text, int64_t *count) {
    char **parts = allocate((int64_t)strlen(text), sizeof(char *)), *rest = NULL;
    *count = 0;
    for (char *part = strtok_r(text, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest))
        parts[(*count)++] = part;
    if (*count == 0) fail("a list is empty");
    return parts;
}

static void learn(l2o_context *context, const options *given, const image *pictures, int64_t images) {
    file_path dictionary_path = path_in(given->out, "dictionary", ".npy");
    file_path batch_path = path_in(given->out, "batch", ".npy");
    random_source source = random_start(given->seed, STREAM_PATCHES);
    matrix patches = patches_choose(pictures, images, given->patches, given->contrast, &source);
    matrix_write(&patches, path_in(given->out, "patches", ".npy").text);
    learning how = {.patches = &patches,
                    .atoms = given->atoms,
                    .rounds = given->rounds,
                    .batch = given->batch,
                    .seed = given->seed,
                    .lambda = given->lambda < 0 ? 0.1 : given->lambda,
                    .solver = given->solvers == NULL ? "cd" : given->solvers,
                    .A_path = dictionary_path.text,
                    .b_path = batch_path.text};
    matrix dictionary = dictionary_learn(context, &how);
    remove(how.b_path);
    image picture = dictionary_picture(&dictionary);
    image_write(&picture, path_in(given->out, "dictionary", ".pgm").text);
    image_free(&picture);
    matrix_free(&dictionary);
    matrix_free(&patches);
}

/* Random patches as the task sees them, of all kinds: training data for weights that will serve `restore`. */
static void signals(const options *given, const task *what, const image *pictures, int64_t images) {
    random_source source = random_start(given->seed, STREAM_PATCHES);
    image *observed = allocate(images, sizeof(image));
    for (int64_t i = 0; i < images; i++) observed[i] = task_observe(what, &pictures[i], &source);
    matrix patches = patches_choose(observed, images, given->patches, 0, &source);
    matrix b = matrix_create(patches.rows, what->A.rows);
    for (int64_t p = 0; p < patches.rows; p++) task_signal(what, matrix_row(&patches, p), matrix_row(&b, p));
    matrix_write(&what->A, path_in(given->out, "A", ".npy").text);
    matrix_write(&b, path_in(given->out, "b", ".npy").text);
    for (int64_t i = 0; i < images; i++) image_free(&observed[i]);
    free(observed);
    matrix_free(&patches);
    matrix_free(&b);
}

/* "folder/dogs.pgm" becomes "dogs", in place. */
static char *bare_name(char *path) {
    char *folder = strrchr(path, '/'), *name = folder == NULL ? path : folder + 1, *ending = strrchr(name, '.');
    if (ending != NULL) *ending = 0;
    return name;
}

static int restore_images(l2o_context *context, const options *given, const task *what, const image *pictures,
                          char **names, int64_t images) {
    char cd[] = "cd";
    int64_t count;
    char **solvers = split(given->solvers == NULL ? cd : given->solvers, &count);
    for (int64_t i = 0; i < images; i++) names[i] = bare_name(names[i]);
    bool sensing = given->measurements > 0;
    restoration how = {.originals = pictures,
                       .names = names,
                       .images = images,
                       .solvers = solvers,
                       .solvers_count = count,
                       .folder = given->out,
                       .stride = given->stride > 0 ? given->stride
                                 : sensing         ? SIDE
                                                   : 2,
                       .seed = given->seed,
                       .lambda = given->lambda >= 0 ? given->lambda
                                 : sensing          ? 0.02
                                                    : 1.5 * given->noise / 255};
    double gain = restore(context, what, &how);
    free(solvers);
    if (gain >= given->gain) return 0;
    fprintf(stderr, "images: a gain of %.2f dB, %.2f are required\n", gain, given->gain);
    return 1;
}

int main(int count, char **words) {
    const char *verb = count < 2 ? "" : words[1];
    bool to_learn = strcmp(verb, "learn") == 0, to_draw = strcmp(verb, "signals") == 0;
    if (!to_learn && !to_draw && strcmp(verb, "restore") != 0) {
        fputs(USAGE, strcmp(verb, "--help") == 0 ? stdout : stderr);
        return strcmp(verb, "--help") == 0 ? 0 : 2;
    }
    options given = options_read(count - 2, words + 2);
    if (!to_learn && given.dictionary == NULL) fail("%s needs --dictionary", verb);
    int64_t images;
    char **names = split(given.images, &images);
    image *pictures = allocate(images, sizeof(image));
    for (int64_t i = 0; i < images; i++) pictures[i] = image_read(names[i]);
    l2o_context *context;
    if (l2o_context_create((int)given.threads, "auto", &context) != L2O_OK)
        fail("%s", context == NULL ? "out of memory" : l2o_context_error(context));

    int code = 0;
    if (to_learn) {
        learn(context, &given, pictures, images);
    } else {
        matrix dictionary = matrix_read(given.dictionary);
        if (dictionary.rows != PIXELS) fail("%s: a dictionary of %d rows is needed", given.dictionary, PIXELS);
        task what = task_create(&dictionary, given.measurements, given.noise / 255, given.seed);
        if (to_draw)
            signals(&given, &what, pictures, images);
        else
            code = restore_images(context, &given, &what, pictures, names, images);
        task_free(&what);
        matrix_free(&dictionary);
    }
    l2o_context_free(context);
    for (int64_t i = 0; i < images; i++) image_free(&pictures[i]);
    free(pictures);
    free(names);
    return code;
}
