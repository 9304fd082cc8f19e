/* The command line is read in two passes: the first looks only for what the context is made of (threads, kernel) and
 * for --help, the second needs the context's list of settings to tell flags from words. No word that begins with "--"
 * is ever taken for a value, so that both passes see the same options. Not getopt_long(): it would accept beginnings of
 * names, whose meaning changes as settings are added, and has no option whose value may be left out or follow. */
#include "command.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "help.h"
#include "output.h"
#include "signals.h"
#include "watch.h"

/* ------------------------------------------------------------------------------------------------------ sentences */

/* The last sentence; ranks other than the first do not print theirs. Complaints are made without a command at hand. */
static struct {
    bool silent;
    char last[1024];
} speech;

/* One line, with '?' for what would break it or steer the terminal. */
static void print_sentence(const char *format, va_list arguments) {
    char text[4096];
    vsnprintf(text, sizeof text, format, arguments);
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 32 || *at == 127) *at = '?';
    snprintf(speech.last, sizeof speech.last, "%.1023s", text);
    if (!speech.silent) fprintf(stderr, "l2o: %s\n", text);
}

int command_complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_sentence(format, arguments);
    va_end(arguments);
    return EXIT_BAD_INPUT;
}

int command_failed(command *command, l2o_status status) {
    command_progress_end(command);
    if (status == L2O_ERROR_LOST) speech.silent = false; /* it may be the first rank that is gone */
    command_complain("%s", l2o_context_error(command->context));
    switch (status) {
    case L2O_ERROR_INPUT:
    case L2O_ERROR_IO:
    case L2O_ERROR_UNSUPPORTED: return EXIT_BAD_INPUT;
    case L2O_ERROR_CANCELLED: return command_stopped();
    default: return EXIT_TROUBLE;
    }
}

int command_stopped(void) { return signals_exit_code(); }

int command_flush(void) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_FINE;
    return command_complain("standard output cannot be written to; what was printed is not complete");
}

/* ------------------------------------------------------------------------------------------------------- progress */

void command_progress_begin(command *command, int64_t total, int64_t done, const char *label) {
    if (command->quiet) return;
    progress_begin(&command->progress, total, label);
    if (done > 0) progress_resume(&command->progress, done);
    command->progressing = true;
}

void command_progress(command *command, int64_t done, double loss) {
    if (command->progressing) progress_update(&command->progress, done, loss);
}

void command_progress_end(command *command) {
    if (command->progressing) progress_end(&command->progress);
    command->progressing = false;
}

static void above_progress(command *command, const char *prefix, const char *text) {
    if (command->progressing)
        progress_message(&command->progress, "%s%s", prefix, text);
    else
        fprintf(stderr, "%s%s\n", prefix, text);
}

void command_note(command *command, const char *format, ...) {
    if (command->quiet) return;
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    above_progress(command, "", text);
}

static void on_message(void *user, const char *text) { above_progress(user, "l2o: ", text); }

/* -------------------------------------------------------------------------------------------------------- options */

const char *command_option(const command *command, option option) { return command->values[option]; }

bool command_has_flag(const command *command, const char *name) {
    for (int i = 0; i < command->flag_count; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): each of the flag_count flags has a name */
        if (strcmp(command->flags[i].name, name) == 0) return true;
    return false;
}

bool command_requires(const command *command, option option, const char *purpose) {
    if (command->values[option] != NULL) return true;
    command_complain("`l2o %s` needs --%s %s: %s", command->verb->name, options[option].name, options[option].value,
                     purpose);
    return false;
}

static bool is_option(const char *word) { return strncmp(word, "--", 2) == 0; }

/* "--name=value": the value, and the length of the name; "--name": NULL. */
static const char *split(const char *word, size_t *length) {
    const char *equals = strchr(word + 2, '=');
    *length = equals != NULL ? (size_t)(equals - word - 2) : strlen(word + 2);
    return equals != NULL ? equals + 1 : NULL;
}

/* The last value of an option, for the first pass; NULL when there is none. */
static const char *early_value(const char *name, int count, char *const *words) {
    const char *found = NULL;
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        size_t length;
        if (!is_option(words[i])) continue;
        const char *value = split(words[i], &length);
        if (length != strlen(name) || strncmp(words[i] + 2, name, length) != 0) continue;
        if (value == NULL && i + 1 < count && !is_option(words[i + 1])) value = words[i + 1];
        if (value != NULL) found = value;
    }
    return found;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static bool wants_help(int count, char *const *words) {
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return true;
    return false;
}

static bool make_context(command *command, int count, char *const *words, int *code) {
    const char *text = early_value("threads", count, words), *kernel = early_value("kernel", count, words);
    long threads = 0;
    if (text != NULL) {
        char *end;
        threads = strtol(text, &end, 10);
        if (end == text || *end != '\0' || threads < 0 || threads > INT_MAX) {
            *code = command_complain("--threads: takes a whole number, not '%s'; 0: as many as there are cores", text);
            return false;
        }
    }
    l2o_status status = l2o_context_create((int)threads, kernel, &command->context);
    if (command->context == NULL) {
        command_complain("%s", l2o_status_text(status));
        *code = EXIT_TROUBLE;
        return false;
    }
    l2o_context_on_message(command->context, on_message, command);
    if (status == L2O_OK) status = l2o_settings_create(command->context, &command->settings);
    if (status != L2O_OK) *code = command_failed(command, status);
    return status == L2O_OK;
}

/* The number of this rank, as launchers leave it in the environment; NULL where none did. */
static const char *launched_number(void) {
    static const char *const names[] = {"PMI_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID"};
    const char *number = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && number == NULL; i++) number = getenv(names[i]);
    return number;
}

/* Whether this process is to join others; false, with *code set, when the answer is none of the three, or when a verb
 * that runs alone was started several times. */
static bool read_ranks(const verb *verb, int count, char *const *words, bool *joins, int *code) {
    const char *when = early_value("ranks", count, words);
    *joins = false;
    if ((verb->options & OPTION_BIT(OPTION_RANKS)) == 0) {
        /* As many copies would do the same work and write the same files. */
        if (l2o_launched_ranks() > 1)
            *code = command_complain("'%s' does not share its work over ranks; start it without the launcher of MPI",
                                     verb->name);
        return *code == EXIT_FINE;
    }
    if (when == NULL || strcmp(when, "auto") == 0)
        *joins = l2o_launched_ranks() > 1;
    else if (strcmp(when, "yes") == 0)
        *joins = true;
    else if (strcmp(when, "no") != 0)
        *code = command_complain("--ranks: takes auto, yes or no, not '%s'", when);
    return *code == EXIT_FINE;
}

/* Joins the other ranks. The watcher must be there before MPI is, so whether this is the first rank is read from the
 * environment. */
static bool join_ranks(command *command, int count, char *const *words, int *code) {
    const char *out = early_value("out", count, words), *number = launched_number();
    if (number != NULL && strcmp(number, "0") == 0) {
        char sentence[1024];
        int stem = out != NULL && ends_with(out, ".safetensors") ? (int)strlen(out) - 12 : 0;
        snprintf(sentence, sizeof sentence,
                 "l2o: this command was cut off: a rank was killed, or its machine was lost. What was done until the "
                 "last checkpoint, if there was one, is in %.*s.checkpoint; the same command with --resume goes on "
                 "from there, on any number of ranks\n",
                 stem > 600 ? 0 : stem, out == NULL ? "" : out);
        command->watch = watch_begin(sentence);
    }
    l2o_status status = l2o_context_join_ranks(command->context);
    if (status != L2O_OK) {
        *code = command_failed(command, status);
        return false;
    }
    command->leads = l2o_context_rank(command->context) == 0;
    speech.silent = !command->leads;
    return true;
}

static bool find_setting(const command *command, const char *name, l2o_setting_description *description) {
    for (int i = 0; l2o_settings_describe(command->settings, i, description) != 0; i++)
        if (strcmp(description->name, name) == 0) return true;
    return false;
}

static bool takes_option(const verb *verb, int option) { return (verb->options & OPTION_BIT(option)) != 0; }

static int complain_unknown(const command *command, const char *name) {
    suggestion near;
    suggestion_begin(&near, name);
    for (int i = 0; i < OPTION_COUNT; i++)
        if (takes_option(command->verb, i)) suggestion_offer(&near, options[i].name);
    l2o_setting_description description;
    for (int i = 0; command->verb->groups != 0 && l2o_settings_describe(command->settings, i, &description) != 0; i++)
        suggestion_offer(&near, description.name);
    if (near.best != NULL)
        return command_complain("`l2o %s` has no option --%s; did you mean --%s?", command->verb->name, name,
                                near.best);
    if (option_find(name) >= 0 || find_setting(command, name, &description))
        return command_complain("`l2o %s` does not take --%s; `l2o %s --help` shows what it takes", command->verb->name,
                                name, command->verb->name);
    return command_complain("`l2o %s` has no option --%s; `l2o %s --help` shows them all", command->verb->name, name,
                            command->verb->name);
}

/* A word that may be the value of a yes/no setting whose value may also be left out. */
static bool is_answer(const char *word) {
    static const char *const answers[] = {"yes", "no", "true", "false", "on", "off", "1", "0"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strcasecmp(word, answers[i]) == 0) return true;
    return false;
}

static bool set_config(command *command, const char *path, int *code) {
    const char *before = command->values[OPTION_CONFIG];
    if (before != NULL)
        *code = command_complain("%s: settings are already read from %s; give one INI file", path, before);
    command->values[OPTION_CONFIG] = path;
    return before == NULL;
}

/* Reads the option at words[*at] and steps over its value. */
static bool read_option(command *command, int count, char *const *words, int *at, char **words_free, int *code) {
    size_t length;
    const char *value = split(words[*at], &length), *next = *at + 1 < count ? words[*at + 1] : NULL;
    char *name = *words_free;
    memcpy(name, words[*at] + 2, length);
    name[length] = '\0';
    *words_free += length + 1;
    if (next != NULL && is_option(next)) next = NULL;

    int own = option_find(name);
    if (own >= 0 && takes_option(command->verb, own)) {
        if (options[own].value == NULL && value != NULL) {
            *code = command_complain("--%s takes no value, but was given '%s'", name, value);
            return false;
        }
        if (options[own].value == NULL) {
            command->values[own] = "";
            return true;
        }
        if (value == NULL && next != NULL) value = words[++*at];
        if (value == NULL) *code = command_complain("--%s needs a value: --%s %s", name, name, options[own].value);
        if (value == NULL) return false;
        if (own == OPTION_CONFIG) return set_config(command, value, code);
        command->values[own] = value;
        return true;
    }
    l2o_setting_description description;
    if (command->verb->groups == 0 || !find_setting(command, name, &description)) {
        *code = complain_unknown(command, name);
        return false;
    }
    if (value == NULL && next != NULL && (!description.is_flag || is_answer(next))) value = words[++*at];
    if (value == NULL && description.is_flag) value = "yes";
    if (value == NULL) {
        *code = command_complain("--%s needs a value: %s", name, description.help);
        return false;
    }
    command->flags[command->flag_count++] = (flag){name, value};
    return true;
}

/* An argument that is an INI file is the value of --config. */
static bool read_argument(command *command, const char *word, int *code) {
    const verb *verb = command->verb;
    if (takes_option(verb, OPTION_CONFIG) && ends_with(word, ".ini")) return set_config(command, word, code);
    if (verb->arguments < 0 || command->argument_count < verb->arguments) {
        command->arguments[command->argument_count++] = word;
        return true;
    }
    const char *remedy = ends_with(word, ".safetensors") && takes_option(verb, OPTION_WEIGHTS)
                             ? "; for a file of weights, write --weights before it"
                             : "; options begin with --";
    *code = command_complain("`l2o %s` does not know what to do with '%s'%s", verb->name, word, remedy);
    return false;
}

static bool read_words(command *command, int count, char *const *words, int *code) {
    size_t bytes = 1;
    for (int i = 0; i < count; i++) bytes += strlen(words[i]) + 1;
    command->words = malloc(bytes);
    command->flags = calloc((size_t)count + 1, sizeof *command->flags);
    command->arguments = calloc((size_t)count + 1, sizeof *command->arguments);
    if (command->words == NULL || command->flags == NULL || command->arguments == NULL) {
        command_complain("out of memory");
        *code = EXIT_TROUBLE;
        return false;
    }
    char *words_free = command->words;
    bool only_arguments = false;
    for (int i = 0; i < count; i++) {
        if (!only_arguments && strcmp(words[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && is_option(words[i])) {
            if (!read_option(command, count, words, &i, &words_free, code)) return false;
        } else if (!only_arguments && words[i][0] == '-' && words[i][1] != '\0') {
            *code = command_complain("'%s' is no option: they begin with two dashes, see `l2o %s --help`", words[i],
                                     command->verb->name);
            return false;
        } else if (!read_argument(command, words[i], code)) {
            return false;
        }
    }
    command->json = command->values[OPTION_JSON] != NULL;
    command->quiet = command->values[OPTION_QUIET] != NULL || !command->leads;
    return true;
}

static l2o_status set_flags(command *command) {
    l2o_status status = L2O_OK;
    for (int i = 0; i < command->flag_count && status == L2O_OK; i++) {
        char origin[128];
        snprintf(origin, sizeof origin, "--%s", command->flags[i].name);
        status = l2o_settings_set_from(command->context, command->settings, command->flags[i].name,
                                       command->flags[i].value, origin);
    }
    return status;
}

/* INI file, then flags, which override it. Presets yield to both, but what they suggest depends on the optimizer and
 * the problem: the file's waits until all is set, and --preset comes last. */
static bool apply_settings(command *command, int *code) {
    l2o_context *context = command->context;
    l2o_settings *settings = command->settings;
    const char *preset = command->values[OPTION_PRESET], *config = command->values[OPTION_CONFIG];
    const char *weights = command->values[OPTION_WEIGHTS];
    l2o_named_preset in_file = {0};
    l2o_status status = L2O_OK;
    if (config != NULL) status = l2o_settings_read_values(context, settings, config, &in_file);
    if (status == L2O_OK) status = set_flags(command);
    if (status == L2O_OK && weights != NULL) {
        if (command_has_flag(command, "optimizer")) {
            *code = command_complain("--weights %s and --optimizer are two ways to say one thing; drop one", weights);
            return false;
        }
        if (!ends_with(weights, ".safetensors")) {
            *code =
                command_complain("--weights: '%s' is no file of weights: their names end with .safetensors", weights);
            return false;
        }
        status = l2o_settings_set_from(context, settings, "optimizer", weights, "--weights");
    }
    if (status == L2O_OK) status = l2o_settings_preset_from(context, settings, &in_file);
    if (status == L2O_OK && preset != NULL) status = l2o_settings_preset(context, settings, preset);
    if (status != L2O_OK) *code = command_failed(command, status);
    return status == L2O_OK;
}

static bool read_command(command *command, int count, char *const *words, int *code) {
    if (!read_words(command, count, words, code)) return false;
    if (command->verb->groups != 0 && !apply_settings(command, code)) return false;
    for (int i = OPTION_OUT; i <= OPTION_SVG && command->leads; i++)
        if (i != OPTION_WEIGHTS && !(i == OPTION_OUT && command->verb->out_is_folder) && command->values[i] != NULL &&
            !output_possible(command->values[i], options[i].name)) {
            *code = EXIT_BAD_INPUT;
            return false;
        }
    return true;
}

/* What one rank alone could not read ends all of them; the first rank says it. */
static bool all_read(command *command, bool fine, int *code) {
    if (l2o_context_ranks(command->context) == 1) return fine;
    l2o_status status = l2o_context_agree(command->context, fine ? L2O_OK : L2O_ERROR_INPUT, speech.last);
    if (status == L2O_OK) return true;
    if (fine) *code = command_failed(command, status);
    return false;
}

bool command_begin(command *command, const verb *verb, int count, char *const *words, int *code) {
    *command = (struct command){.verb = verb, .leads = true, .watch = -1};
    bool help = wants_help(count, words);
    bool joins;
    const char *number = launched_number();
    if (!read_ranks(verb, help ? 0 : count, words, &joins, code)) return false;
    speech.silent = joins && number != NULL && strcmp(number, "0") != 0;
    bool made = make_context(command, help ? 0 : count, words, code);
    if (!made && !joins) return false;
    if (help) {
        help_print_verb(command, verb, PAGE_TEXT);
        *code = command_flush();
        return false;
    }
    if (!made) { /* the others wait to hear of it, and that takes a context */
        l2o_settings_free(command->settings);
        l2o_context_free(command->context);
        command->settings = NULL;
        command->context = NULL;
        if (!make_context(command, 0, words, &(int){0})) return false;
    }
    if (joins && !join_ranks(command, count, words, code)) return false;
    if (!all_read(command, made && read_command(command, count, words, code), code)) return false;
    signals_watch(command->context);
    return true;
}

void command_end(command *command) {
    command_progress_end(command);
    signals_watch(NULL);
    l2o_settings_free(command->settings);
    l2o_context_free(command->context);
    watch_end(command->watch);
    free(command->flags);
    free(command->arguments);
    free(command->words);
}
