/* The table of the options that are not settings, and the search for what a mistyped name may have meant. */
#include "options.h"

#include <string.h>

const option_definition options[OPTION_COUNT] = {
    [OPTION_OUT] = {"out", "FILE", "Where the result goes. The file appears when it is complete, or not at all."},
    [OPTION_WEIGHTS] = {"weights", "FILE",
                        "A file of trained weights (*.safetensors): another name for --optimizer FILE."},
    [OPTION_SVG] = {"svg", "FILE", "Draws the curves as SVG into this file."},
    [OPTION_VECTORS] = {"vectors", "FILE",
                        "Recorded vectors (*.npz) to recompute and compare with; more files may follow."},
    [OPTION_CACHE] = {"cache", "DIR", "Where trained weights and finished cells are kept, instead of OUT/cache."},
    [OPTION_TRAIN] = {"train", NULL, "Trains anew where weights of the same recipe are shipped."},
    [OPTION_SHIP] = {"ship", "DIR", "Only trains the recipes that name a file, and lays the weights into this folder."},
    [OPTION_VERIFY] = {"verify", NULL, "Checks results against the experiment's claims, instead of running it."},
    [OPTION_MARKDOWN] = {"markdown", NULL, "Prints the table as Markdown."},
    [OPTION_TABLES] = {"tables", "NAMES",
                       "Instead of a page, prints the tables of these names, separated by commas; `all`: every one."},
    [OPTION_MAN] = {"man", NULL, "Prints the source of the manual page instead."},
    [OPTION_CONFIG] = {"config", "RUN.ini",
                       "Reads settings from an INI file, one `name = value` a line; the same as RUN.ini without "
                       "--config."},
    [OPTION_PRESET] = {"preset", "NAME",
                       "Starts from a named set of values, for the optimizer that is trained: see `l2o list presets`."},
    [OPTION_THREADS] = {"threads", "N",
                        "Threads to work with; 0 or left out: one for each core. The result is the same to the last "
                        "bit for any number."},
    [OPTION_RANKS] = {"ranks", "auto|yes|no",
                      "Whether to join the other processes that an MPI launcher started with this one. Auto, the "
                      "default: where the launcher of MPICH, Open MPI or Slurm says that there are several."},
    [OPTION_KERNEL] = {"kernel", "NAME",
                       "Instruction set of the compute kernels: auto (the default), or one of `l2o list kernels`."},
    [OPTION_JSON] = {"json", NULL, "Prints one JSON document on standard output, and nothing else."},
    [OPTION_QUIET] = {"quiet", NULL, "No progress and no summary; warnings and errors are still printed."},
    [OPTION_HELP] = {"help", NULL, "Prints the help of this command."},
};

int option_find(const char *name) {
    for (int i = 0; i < OPTION_COUNT; i++)
        if (strcmp(options[i].name, name) == 0) return i;
    return -1;
}

enum { LONGEST_NAME = 48, FAR = 3 };

/* Insertions, deletions, changes and swaps of neighbours (optimal string alignment). */
static int edit_distance(const char *a, const char *b) {
    int rows[3][LONGEST_NAME + 1];
    size_t height = strlen(a), width = strlen(b);
    if (height > LONGEST_NAME || width > LONGEST_NAME) return FAR;
    for (size_t i = 0; i <= height; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = i == 0 ? (int)j : row[j - 1] + 1;
            if (i == 0) continue;
            if (above[j] + 1 < row[j]) row[j] = above[j] + 1;
            int change = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (change < row[j]) row[j] = change;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[height % 3][width];
}

void suggestion_begin(suggestion *suggestion, const char *name) {
    *suggestion = (struct suggestion){.name = name, .distance = FAR};
}

void suggestion_offer(suggestion *suggestion, const char *candidate) {
    size_t length = strlen(suggestion->name);
    /* A beginning is as good as one slip; a name of a letter or two is near to everything. */
    bool beginning = length >= 3 && strncmp(candidate, suggestion->name, length) == 0;
    int distance = beginning ? 1 : edit_distance(suggestion->name, candidate);
    if (!beginning && (size_t)distance * 2 > length) return;
    if (distance < suggestion->distance) {
        suggestion->distance = distance;
        suggestion->best = candidate;
    }
}
