/* A command of the tool: its verb, and what the command line said. Reads the command line, makes context and settings,
 * and holds what all verbs share: sentences on standard error, exit codes, progress. */
#ifndef L2O_CLI_COMMAND_H
#define L2O_CLI_COMMAND_H

#include <stdbool.h>

#include "l2o/catalog.h"
#include "options.h"
#include "progress.h"

enum {
    EXIT_FINE = 0,
    EXIT_FAILED = 1,    /* a check failed, a solve diverged */
    EXIT_BAD_INPUT = 2, /* an option, a setting or a file cannot be used as given */
    EXIT_TROUBLE = 3    /* memory ran out, numbers overflowed, an invariant broke */
};

typedef struct command command;

/* The groups of settings that a verb uses, and whose help it shows. */
typedef enum setting_group {
    GROUP_GENERAL = 1,
    GROUP_PROBLEM = 2,   /* those of all problems, and of each family */
    GROUP_OPTIMIZER = 4, /* those of all optimizers, and of each */
    GROUP_ESTIMATOR = 8,
    GROUP_TRAINING = 16,
    GROUP_ADAPTATION = 32,
    GROUP_SOLVE = 64,
    GROUP_COMPARE = 128,
    GROUP_CHECK = 256,
    GROUP_THEORY = 512
} setting_group;

typedef struct verb {
    const char *name;
    const char *usage;       /* what follows "l2o NAME" */
    const char *summary;     /* one line, for the list of verbs */
    const char *description; /* paragraphs, a newline between them */
    const char *examples;    /* lines: "# comment" or a command */
    unsigned options;        /* OPTION_BIT() of those it takes */
    unsigned groups;         /* of settings; 0: it takes no settings */
    int arguments;           /* how many arguments it takes that are not options, an INI file not counted; -1: any */
    bool out_is_folder;      /* --out names a folder, which the verb makes */
    int (*run)(command *command);
} verb;

typedef struct flag {
    const char *name, *value; /* a setting as the user gave it */
} flag;

struct command {
    const verb *verb;
    l2o_context *context;
    l2o_settings *settings;
    const char *values[OPTION_COUNT]; /* NULL: not given; "" for options without a value */
    flag *flags;                      /* [flag_count], in the order of the command line */
    int flag_count;
    const char **arguments; /* [argument_count] */
    int argument_count;
    char *words; /* memory of names before '=' */
    bool json, quiet;
    bool leads; /* rank 0, which alone writes and speaks; true where there are no ranks */
    int watch;  /* see watch.h */
    progress progress;
    bool progressing;
};

extern const verb verb_train, verb_adapt, verb_solve, verb_compare, verb_experiment, verb_report, verb_check, verb_info,
    verb_list, verb_help;
/* All verbs; ends with NULL. */
extern const verb *const verbs[];
const verb *verb_find(const char *name);

/* Reads `count` words that follow the verb. False when the command cannot run: *code is then what to exit with, 0 after
 * help was printed. */
bool command_begin(command *command, const verb *verb, int count, char *const *words, int *code);
void command_end(command *command);

/* Prints "l2o: SENTENCE" on standard error, one line whatever the arguments hold, and returns EXIT_BAD_INPUT. Ranks but
 * the first keep it to themselves. */
int command_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with the context's sentence, returning the exit code that stands for `status`. */
int command_failed(command *command, l2o_status status);
/* The exit code of a command that a signal has stopped. */
int command_stopped(void);
/* EXIT_FINE if everything printed has reached standard output. */
int command_flush(void);

/* The value of an option, NULL when it was not given. */
const char *command_option(const command *command, option option);
bool command_has_flag(const command *command, const char *name);
/* False, after a complaint, when the option is missing; `purpose` says what it is for. */
bool command_requires(const command *command, option option, const char *purpose);

/* Progress on standard error, unless --quiet. */
void command_progress_begin(command *command, int64_t total, int64_t done, const char *label);
void command_progress(command *command, int64_t done, double loss);
void command_progress_end(command *command);
/* A line on standard error, above the progress, unless --quiet. */
void command_note(command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
