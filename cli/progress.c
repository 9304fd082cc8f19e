/* The progress line. On a terminal it is rewritten with a carriage return and an erase to the end of the line, and
 * never reaches the last column, where some terminals wrap. */
#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "table.h"

static const double redraw_interval = 0.1, least_line_interval = 2.0, line_interval = 60.0, smoothing_time = 8.0;

enum { LINE_BYTES = 1024, BAR_MOST = 40, BAR_LEAST = 8 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static size_t terminal_width(const progress *progress) {
    struct winsize size;
    int descriptor = fileno(progress->stream);
    if (descriptor >= 0 && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    long width = columns ? strtol(columns, NULL, 10) : 0;
    return width > 0 && width < LINE_BYTES / 4 ? (size_t)width : 80;
}

static bool speaks_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"}; /* the first that is set decides */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && value[0])
            return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "utf-8") || strstr(value, "UTF8");
    }
    return false;
}

/* Seconds as 8.3 s, 4:05 or 2:03:09. */
static void format_duration(char *text, size_t size, double seconds) {
    if (!(seconds >= 0.0 && seconds < 3.6e9)) {
        snprintf(text, size, "?");
    } else if (seconds < 59.95) {
        snprintf(text, size, "%.1f s", seconds);
    } else {
        long long whole = llround(seconds), hours = whole / 3600, minutes = whole / 60 % 60;
        if (hours > 0)
            snprintf(text, size, "%lld:%02lld:%02lld", hours, minutes, whole % 60);
        else
            snprintf(text, size, "%lld:%02lld", minutes, whole % 60);
    }
}

static void format_rate(char *text, size_t size, double rate) {
    if (rate >= 9.95)
        snprintf(text, size, "%.0f/s", rate);
    else if (rate >= 0.1 || rate <= 0.0)
        snprintf(text, size, "%.1f/s", rate);
    else
        snprintf(text, size, "%.1f/min", 60.0 * rate);
}

static double average_rate(const progress *progress, double time) {
    double elapsed = time - progress->begun;
    return elapsed > 0.0 ? (double)(progress->done - progress->start) / elapsed : 0.0;
}

/* An exponential average over the last seconds, for the rate may change: stages of a curriculum differ in cost. */
static void measure_rate(progress *progress, double time) {
    double elapsed = time - progress->rate_time;
    if (elapsed < 0.5 * redraw_interval) return;
    double rate = (double)(progress->done - progress->rate_done) / elapsed;
    double age = time - progress->begun, weight = fmin(1.0, elapsed / fmin(smoothing_time, fmax(age, elapsed)));
    progress->rate += weight * (rate - progress->rate);
    progress->rate_time = time;
    progress->rate_done = progress->done;
}

static int percent(const progress *progress) {
    if (progress->total <= 0) return 0;
    double share = (double)progress->done / (double)progress->total;
    return (int)(100.0 * fmin(fmax(share, 0.0), 1.0)); /* cut, not rounded: 100 % means done */
}

static void append(char *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char *line, const char *format, ...) {
    size_t used = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, LINE_BYTES - used, format, arguments);
    va_end(arguments);
}

/* "37 %  1500/4000  812/s  loss 0.01234  left 3:05" */
static void append_numbers(char *line, const progress *progress, double time) {
    char text[64];
    if (progress->total > 0)
        append(line, "%3d %%  %lld/%lld", percent(progress), (long long)progress->done, (long long)progress->total);
    else
        append(line, "%lld", (long long)progress->done);
    double rate = progress->rate > 0.0 ? progress->rate : average_rate(progress, time);
    if (rate > 0.0) {
        format_rate(text, sizeof text, rate);
        append(line, "  %s", text);
    }
    if (!isnan(progress->loss)) append(line, "  loss %.4g", progress->loss);
    if (progress->total > 0 && rate > 0.0 && progress->done < progress->total) {
        format_duration(text, sizeof text, (double)(progress->total - progress->done) / rate);
        append(line, "  left %s", text);
    }
}

static void append_bar(char *line, const progress *progress, size_t width) {
    static const char *const eighths[] = {"",
                                          "\xe2\x96\x8f",
                                          "\xe2\x96\x8e",
                                          "\xe2\x96\x8d",
                                          "\xe2\x96\x8c",
                                          "\xe2\x96\x8b",
                                          "\xe2\x96\x8a",
                                          "\xe2\x96\x89"};
    double share = fmin(fmax((double)progress->done / (double)progress->total, 0.0), 1.0);
    size_t filled = (size_t)(share * (double)(8 * width)), full = filled / 8, part = filled % 8;
    append(line, progress->blocks ? "\xe2\x96\x95" : "[");
    for (size_t i = 0; i < full; i++) append(line, progress->blocks ? "\xe2\x96\x88" : "#");
    if (!progress->blocks) part = 0;
    append(line, "%s", eighths[part]);
    for (size_t i = full + (part > 0); i < width; i++) append(line, progress->blocks ? " " : "-");
    append(line, progress->blocks ? "\xe2\x96\x8f" : "]");
}

static void draw(progress *progress, double time) {
    char line[LINE_BYTES] = "", numbers[LINE_BYTES] = "";
    append_numbers(numbers, progress, time);
    size_t room = terminal_width(progress) - 1, wanted = table_text_width(numbers);
    size_t label = table_text_width(progress->label);
    /* The numbers come first; the bar takes what the label leaves, or gives way altogether. */
    append(line, "%s", progress->label);
    if (label > 0) append(line, "  ");
    size_t used = table_text_width(line) + wanted + 4;
    if (progress->total > 0 && room >= used + BAR_LEAST) {
        append_bar(line, progress, room - used < BAR_MOST ? room - used : BAR_MOST);
        append(line, "  ");
    } else if (used - 4 > room) {
        line[0] = '\0';
    }
    append(line, "%s", numbers);
    fprintf(progress->stream, "\r%.*s\x1b[K", (int)table_text_fit(line, room), line);
    (void)fflush(progress->stream);
    progress->drawn = true;
}

static void print_line(progress *progress, double time) {
    char line[LINE_BYTES] = "";
    append_numbers(line, progress, time);
    const char *text = line + strspn(line, " ");
    fprintf(progress->stream, "%s%s%s\n", progress->label, progress->label[0] ? ": " : "", text);
    (void)fflush(progress->stream);
}

static void erase(progress *progress) {
    if (progress->drawn) fputs("\r\x1b[K", progress->stream);
    progress->drawn = false;
}

/* The next tenth of the total after what is done. */
static void set_next_line(progress *progress) {
    int64_t tenth = progress->total / 10 > 0 ? progress->total / 10 : 1;
    progress->next_line = progress->total > 0 ? (progress->done / tenth + 1) * tenth : INT64_MAX;
}

void progress_begin_on(progress *progress, int64_t total, const char *label, FILE *stream, bool terminal) {
    double time = now();
    *progress = (struct progress){.stream = stream,
                                  .label = label ? label : "",
                                  .total = total > 0 ? total : 0,
                                  .loss = NAN,
                                  .terminal = terminal,
                                  .blocks = speaks_utf8(),
                                  .begun = time,
                                  .rate_time = time,
                                  .shown = time};
    set_next_line(progress);
    if (terminal) draw(progress, time);
}

void progress_begin(progress *progress, int64_t total, const char *label) {
    const char *kind = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
    progress_begin_on(progress, total, label, stderr, terminal);
}

void progress_resume(progress *progress, int64_t done) {
    progress->start = progress->done = progress->rate_done = done;
    set_next_line(progress);
}

void progress_update(progress *progress, int64_t done, double loss) {
    progress->done = done;
    progress->loss = loss;
    double time = now(), waited = time - progress->shown;
    if (progress->terminal) {
        if (waited < redraw_interval) return;
        measure_rate(progress, time);
        draw(progress, time);
    } else {
        bool tenth = done >= progress->next_line && waited >= least_line_interval;
        if (!tenth && waited < line_interval) return;
        if (progress->total > 0 && done >= progress->total) return; /* progress_end() says it */
        measure_rate(progress, time);
        print_line(progress, time);
        set_next_line(progress);
    }
    progress->shown = time;
}

void progress_message(progress *progress, const char *format, ...) {
    bool redraw = progress->drawn;
    erase(progress);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(progress->stream, format, arguments);
    va_end(arguments);
    fputc('\n', progress->stream);
    if (redraw) draw(progress, now());
    (void)fflush(progress->stream);
}

void progress_end(progress *progress) {
    double time = now();
    char line[LINE_BYTES] = "", text[64];
    erase(progress);
    append(line, "%s%s%lld", progress->label, progress->label[0] ? ": " : "", (long long)progress->done);
    if (progress->total > 0) append(line, "/%lld", (long long)progress->total);
    format_duration(text, sizeof text, time - progress->begun);
    append(line, " in %s", text);
    if (progress->done > progress->start) {
        format_rate(text, sizeof text, average_rate(progress, time));
        append(line, " (%s)", text);
    }
    if (!isnan(progress->loss)) append(line, "  loss %.4g", progress->loss);
    fprintf(progress->stream, "%s\n", line);
    (void)fflush(progress->stream);
}
