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

static const char *const results_name = "results.json", *const page_name = "report.html";

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

/* The results file that `source` names. */
static l2o_status find_results(const char *source, buffer *out, l2o_error *error) {
    if (!is_folder(source)) return buffer_append_text(out, source, error);
    TRY(join(out, source, results_name, error));
    if (file_exists(buffer_text(out))) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "%s: holds no %s; give the folder that `l2o experiment` wrote to, or a file", source,
                     results_name);
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
    buffer file = {0};
    json_t *document = NULL;
    l2o_status status = find_results(source, &file, error);
    if (status == L2O_OK) status = json_read_file(buffer_text(&file), &document, error);
    if (status == L2O_OK) status = write_page(document, buffer_text(&file), path, error);
    json_decref(document);
    buffer_free(&file);
    return status;
}

l2o_status l2o_report_path(l2o_context *context, const char *source, char **path) {
    static const char *const endings[] = {".safetensors", ".log.jsonl", ".json"};
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
