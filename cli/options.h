/* The tool's own options: everything on the command line that is not a setting of the library. */
#ifndef L2O_CLI_OPTIONS_H
#define L2O_CLI_OPTIONS_H

#include <stdbool.h>

typedef enum option {
    OPTION_OUT,
    OPTION_WEIGHTS,
    OPTION_SVG,
    OPTION_VECTORS,
    OPTION_CACHE,
    OPTION_TRAIN,
    OPTION_SHIP,
    OPTION_VERIFY,
    OPTION_MARKDOWN,
    OPTION_TABLES,
    OPTION_MAN,
    OPTION_CONFIG,
    OPTION_PRESET,
    OPTION_THREADS,
    OPTION_RANKS,
    OPTION_KERNEL,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_HELP,
    OPTION_COUNT
} option;

typedef struct option_definition {
    const char *name;
    const char *value; /* what stands for the value in the help; NULL: the option takes none */
    const char *help;
} option_definition;

extern const option_definition options[OPTION_COUNT];

/* A set of options, for a verb's table. */
#define OPTION_BIT(option) (1u << (option))
#define OPTIONS_ALWAYS     (OPTION_BIT(OPTION_HELP))
#define OPTIONS_COMPUTING                                                                                              \
    (OPTION_BIT(OPTION_CONFIG) | OPTION_BIT(OPTION_PRESET) | OPTION_BIT(OPTION_THREADS) | OPTION_BIT(OPTION_KERNEL) |  \
     OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_QUIET) | OPTIONS_ALWAYS)

/* The option called `name`, or -1. */
int option_find(const char *name);

/* The candidate nearest to a mistyped `name`, for "did you mean": offer every candidate, then read `best`. */
typedef struct suggestion {
    const char *name, *best; /* best: NULL as long as nothing is near */
    int distance;
} suggestion;

void suggestion_begin(suggestion *suggestion, const char *name);
void suggestion_offer(suggestion *suggestion, const char *candidate);

#endif
