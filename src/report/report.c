/* Reports: which kind of file it is, and from there to the page. */
#include "l2o/report.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "dist/context.h"
#include "io/file.h"
#include "io/json.h"
#include "l2o/optimizer.h"
#include "report/page.h"
#include "report/training.h"

static const char *const results_name = "results.json", *const page_name = "report.html";
static const char *const weights_ending = ".safetensors", *const log_ending = ".log.jsonl";

static bool is_folder(const char *path) {
    struct stat information;
    return stat(path, &information) == 0 && S_ISDIR(information.st_mode);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static l2o_status join(buffer *out, const char *folder, const char *name, l2o_error *error) {
    return buffer_print(out, error, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", name);
}

/* The results file in a folder. */
static l2o_status read_folder(const char *folder, json_t **out, l2o_error *error) {
    buffer path = {0};
    l2o_status status = join(&path, folder, results_name, error);
    if (status == L2O_OK && !file_exists(buffer_text(&path)))
        status = error_set(error, L2O_ERROR_INPUT,
                           "%s: holds no %s; give the folder that `l2o experiment` wrote to, or a file", folder,
                           results_name);
    if (status == L2O_OK) status = json_read_file(buffer_text(&path), out, error);
    buffer_free(&path);
    return status;
}

/* Weights and log lie side by side and differ in their ending; either will do. */
static l2o_status read_training(const char *source, json_t **out, l2o_error *error) {
    bool is_log = ends_with(source, log_ending);
    const char *own = is_log ? log_ending : weights_ending, *others = is_log ? weights_ending : log_ending;
    const char *slash = strrchr(source, '/'), *name = slash == NULL ? source : slash + 1;
    buffer other = {0};
    TRY(buffer_print(&other, error, "%.*s%s", (int)(strlen(source) - strlen(own)), source, others));
    const char *beside = file_exists(buffer_text(&other)) ? buffer_text(&other) : NULL;
    l2o_status status = report_training(name, is_log ? beside : source, is_log ? source : beside, out, error);
    buffer_free(&other);
    return status;
}

static l2o_status read_source(const char *source, json_t **out, l2o_error *error) {
    if (is_folder(source)) return read_folder(source, out, error);
    if (ends_with(source, weights_ending) || ends_with(source, log_ending)) return read_training(source, out, error);
    return json_read_file(source, out, error);
}

static l2o_status write_page(const json_t *document, const char *source, const char *path, l2o_error *error) {
    arena arena = {0};
    buffer page = {0};
    results results;
    l2o_status status = results_read(document, source, &arena, &results, error);
    if (status == L2O_OK) status = report_page_write(&results, &page, error);
    if (status == L2O_OK) status = file_write(path, page.bytes, page.size, error);
    buffer_free(&page);
    arena_free(&arena);
    return status;
}

l2o_status l2o_report(l2o_context *context, const char *source, const char *path) {
    l2o_error *error = &context->error;
    error_clear(error);
    json_t *document = NULL;
    l2o_status status = read_source(source, &document, error);
    if (status == L2O_OK) status = write_page(document, source, path, error);
    json_decref(document);
    return status;
}

l2o_status l2o_report_results(l2o_context *context, const char *source, char **json) {
    l2o_error *error = &context->error;
    error_clear(error);
    *json = NULL;
    json_t *document = NULL;
    arena arena = {0};
    results results;
    l2o_status status = read_source(source, &document, error);
    if (status == L2O_OK) status = results_read(document, source, &arena, &results, error);
    if (status == L2O_OK && (*json = json_dumps(document, JSON_INDENT(1) | JSON_REAL_PRECISION(9))) == NULL)
        status = error_set(error, L2O_ERROR_MEMORY, "%s: out of memory while it was read", source);
    arena_free(&arena);
    json_decref(document);
    return status;
}

l2o_status l2o_report_path(l2o_context *context, const char *source, char **path) {
    const char *const endings[] = {weights_ending, log_ending, ".json"};
    l2o_error *error = &context->error;
    error_clear(error);
    *path = NULL;
    buffer out = {0};
    size_t stem = strlen(source);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(source, endings[i]) && stem == strlen(source)) stem -= strlen(endings[i]);
    l2o_status status = is_folder(source) ? join(&out, source, page_name, error)
                                          : buffer_print(&out, error, "%.*s.html", (int)stem, source);
    if (status == L2O_OK && (*path = memory_string(buffer_text(&out), error)) == NULL) status = error->status;
    buffer_free(&out);
    return status;
}
