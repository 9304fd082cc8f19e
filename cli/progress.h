/* How far a long computation has come, on standard error: one line redrawn in place on a terminal, plain lines at
 * intervals elsewhere (a log file, a pipe). Nothing is ever written to standard output. Not for several threads. */
#ifndef L2O_CLI_PROGRESS_H
#define L2O_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct progress {
    FILE *stream;
    const char *label; /* the caller's, valid until progress_end() */
    int64_t total;     /* 0: unknown */
    int64_t start;     /* where this run began: not 0 when it resumes an earlier one */
    int64_t done;
    double loss;
    bool terminal, blocks; /* redraw in place; draw the bar with block characters */
    bool drawn;            /* a line is on the screen and has to be overwritten or finished */
    double begun, shown;   /* seconds on a clock that never goes back */
    double rate;           /* updates per second, smoothed; 0 as long as unknown */
    double rate_time;
    int64_t rate_done, next_line; /* plain: a line is due from this many updates on */
} progress;

/* `total` updates are to come, 0 when nobody knows. A run that resumes says what was done before by progress_resume(),
 * so that rate and time left are those of this run. */
void progress_begin(progress *progress, int64_t total, const char *label);
void progress_resume(progress *progress, int64_t done);
/* After any number of updates; `loss` is NaN when there is none to show. Cheap: draws at most ten times a second. */
void progress_update(progress *progress, int64_t done, double loss);
/* Prints a line above the bar. */
void progress_message(progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Leaves one line that says what was done and how long it took, also when the work was cut short. */
void progress_end(progress *progress);

/* progress_begin() onto another stream, which is taken for a terminal or not. */
void progress_begin_on(progress *progress, int64_t total, const char *label, FILE *stream, bool terminal);

#endif
