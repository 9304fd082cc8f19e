/* Files that the tool itself writes, and JSON documents on standard output. */
#ifndef L2O_CLI_OUTPUT_H
#define L2O_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* A text file that appears under its name when it is complete, or not at all. Terminals, pipes and devices are written
 * to directly. */
typedef struct output {
    FILE *stream;
    const char *path; /* the caller's */
    char *temporary;  /* NULL when written directly */
} output;

/* False, after a complaint, when nothing can be written there. */
bool output_open(output *output, const char *path);
bool output_commit(output *output);
void output_abandon(output *output); /* instead of a commit: nothing appears */
/* Complains, before long work is done for it, about a path that could not be written to. */
bool output_possible(const char *path, const char *option);

/* Prints `document` (which it takes over; NULL counts as out of memory) and returns the exit code. */
int output_json(json_t *document);
/* A number, or null where JSON has none for it. */
json_t *output_real(double value);
/* Joins key and value into `object`; false when memory ran out. Takes over `value`. */
bool output_set(json_t *object, const char *key, json_t *value);

#endif
