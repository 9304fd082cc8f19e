/* Settings: each knob is defined once, in a table; the flag, the INI key, the echo in weights and reports and the
 * reference page are made from it. A value that is set but never read by anything is an error, not a surprise. */
#ifndef L2O_BASE_SETTINGS_H
#define L2O_BASE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "l2o/settings.h"

typedef enum setting_type {
    SETTING_INTEGER,
    SETTING_REAL,
    SETTING_FLAG,   /* yes | no; as a command-line flag the value may be left out: yes */
    SETTING_CHOICE, /* one of `choices` */
    SETTING_TEXT    /* a name, a path, a distribution, a list: its reader checks it */
} setting_type;

typedef struct setting {
    const char *name; /* "inner-rate": the flag --inner-rate, the INI key inner-rate */
    setting_type type;
    const char *unit;          /* "steps", "instances", "", ... */
    const char *default_value; /* as text; NULL: unset unless given */
    double minimum, maximum;   /* for numbers, inclusive */
    const char *choices;       /* "plain|fomaml|maml" for SETTING_CHOICE, else NULL */
    const char *help;          /* one or two sentences */
} setting;

/* A table with a name ("problem lasso") under which the reference page lists it. `entries` ends with a NULL name. One
 * name may stand in several tables when type and meaning agree (a rate of sgd and of adam): the first one counts,
 * but for the default, see settings_default(). */
typedef struct settings_table {
    const char *title;
    const setting *entries;
} settings_table;

/* The store knows `count` tables; the list is copied, the entries must outlive it. */
l2o_status settings_create(const settings_table *tables, int count, l2o_settings **settings, l2o_error *error);
l2o_status settings_copy(const l2o_settings *from, l2o_settings **settings, l2o_error *error);
void settings_free(l2o_settings *settings);

/* Sets a value after checking name, type and range. `origin` says where it came from ("--batch", "run.ini:12"). An
 * unknown name gets the nearest known ones suggested. */
l2o_status settings_set(l2o_settings *settings, const char *name, const char *value, const char *origin,
                        l2o_error *error);
/* The same, but yields to values already set: for presets and for settings kept in a weights file. These values need
 * not be used by anything. */
l2o_status settings_suggest(l2o_settings *settings, const char *name, const char *value, const char *origin,
                            l2o_error *error);

/* Back to the default. */
void settings_forget(l2o_settings *settings, const char *name);

/* Readers mark the setting as used. The name must be defined and have a value; anything else is a programming error
 * and aborts. The returned text lives until the setting changes. */
int64_t settings_integer(const l2o_settings *settings, const char *name);
double settings_real(const l2o_settings *settings, const char *name);
bool settings_flag(const l2o_settings *settings, const char *name);
const char *settings_text(const l2o_settings *settings, const char *name); /* choice or text; NULL when unset */
/* The text of the value without marking it as used; NULL when there is none. */
const char *settings_peek(const l2o_settings *settings, const char *name);
/* Index of the value among the choices. */
int settings_choice(const l2o_settings *settings, const char *name);
bool settings_is_set(const l2o_settings *settings, const char *name); /* given by the user, a preset or a file */
/* Given by the user, and so to be obeyed; not merely suggested by a preset or a file. */
bool settings_is_given(const l2o_settings *settings, const char *name);
/* Is the present value the same as `value`, numbers compared as numbers? */
bool settings_equals(const l2o_settings *settings, const char *name, const char *value);
bool settings_is_defined(const l2o_settings *settings, const char *name);
const char *settings_origin(const l2o_settings *settings, const char *name);

/* An error naming the first value that the user gave and nothing read, with where it came from. `what` says what was
 * being done: "solve with problem lasso and optimizer adam". */
l2o_status settings_check_used(const l2o_settings *settings, const char *what, l2o_error *error);
/* The same for those values alone that came from `origin`: the options of one optimizer among several. */
l2o_status settings_check_origin(const l2o_settings *settings, const char *origin, l2o_error *error);
/* Marks in `to` what `from`, a copy of it, has read. */
void settings_share_use(const l2o_settings *from, const l2o_settings *to);
void settings_mark_used(const l2o_settings *settings, const char *name);

/* Visits every setting that has a value and was read, in table order: the echo. */
void settings_visit_used(const l2o_settings *settings,
                         void (*visit)(void *context, const char *name, const char *value), void *context);

/* Visits every setting that has been set, in table order, with where its value came from; `given` as of
 * settings_is_given(). */
void settings_visit_set(const l2o_settings *settings,
                        void (*visit)(void *context, const char *name, const char *value, const char *origin,
                                      bool given),
                        void *context);

int settings_table_count(const l2o_settings *settings);
const settings_table *settings_table_at(const l2o_settings *settings, int index);

#endif
