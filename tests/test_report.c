/* Reports without a browser: reading results files, what is refused and with which sentence, numbers, escaping, and
 * the reading of training logs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "io/file.h"
#include "io/json.h"
#include "l2o/l2o.h"
#include "meta/training_log.h"
#include "report/page.h"

static l2o_status read_text(const char *text, arena *arena, results *out, json_t **document, l2o_error *error) {
    *error = (l2o_error){.status = L2O_OK};
    if (json_parse(text, strlen(text), "r.json", document, error) != L2O_OK) return error->status;
    return results_read(*document, "r.json", arena, out, error);
}

/* `text` is refused with a sentence that holds `file` and `sentence`. */
static void assert_refused(const char *text, const char *sentence) {
    arena arena = {0};
    results results;
    json_t *document = NULL;
    l2o_error error;
    assert_int_equal(read_text(text, &arena, &results, &document, &error), L2O_ERROR_INPUT);
    if (strstr(error.text, "r.json") == NULL || strstr(error.text, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, error.text);
    json_decref(document);
    arena_free(&arena);
}

#define HEAD "{\"format\": \"l2o results 1\", \"title\": \"t\", "

static void test_what_is_refused(void **state) {
    (void)state;
    assert_refused("[1]", "\"format\" is not \"l2o results 1\"");
    assert_refused("{\"format\": \"l2o results 2\", \"title\": \"t\"}", "not a results file");
    assert_refused("{\"format\": \"l2o results 1\"}", "title is missing or not a text");
    assert_refused(HEAD "\"summary\": 3}", "summary is missing or not a text");
    assert_refused(HEAD "\"ran\": []}", "ran is missing or not an object");
    assert_refused(HEAD "\"notes\": [\"a\", 3]}", "notes[1] is missing or not a text");
    assert_refused(HEAD "\"notes\": {}}", "notes is missing or not an array");
    assert_refused(HEAD "\"claims\": [{\"text\": \"a\"}]}", "claims[0].holds is missing or not true or false");
    assert_refused(HEAD "\"claims\": [{\"text\": \"a\", \"holds\": true, \"bound\": \"low\"}]}",
                   "claims[0].bound is missing or not a number or null");
    assert_refused(HEAD "\"tables\": [3]}", "tables[0] is missing or not an object");
    assert_refused(HEAD "\"tables\": [{\"title\": \"a\", \"rows\": []}]}", "tables[0].columns is missing");
    assert_refused(HEAD "\"tables\": [{\"title\": \"a\", \"columns\": [\"x\", \"y\"], \"rows\": [{\"label\": \"r\", "
                        "\"cells\": [null]}]}]}",
                   "tables[0].rows[0].cells has 1 entries for 2 columns");
    assert_refused(HEAD "\"tables\": [{\"title\": \"a\", \"columns\": [\"x\"], \"rows\": [{\"label\": \"r\", "
                        "\"cells\": [{\"verdict\": \"fine\"}]}]}]}",
                   "tables[0].rows[0].cells[0].verdict is missing or not agrees, better or worse");
    assert_refused(HEAD "\"figures\": [{\"title\": \"a\", \"series\": [{\"label\": \"s\", \"x\": [1, 2], \"mean\": "
                        "[1]}]}]}",
                   "figures[0].series[0].mean has 1 numbers where x has 2");
    assert_refused(HEAD "\"figures\": [{\"title\": \"a\", \"series\": [{\"label\": \"s\", \"x\": [2, 1], \"mean\": "
                        "[1, 1]}]}]}",
                   "figures[0].series[0].x must be numbers that do not descend");
    assert_refused(HEAD "\"figures\": [{\"title\": \"a\", \"series\": [{\"label\": \"s\", \"x\": [1, null], \"mean\": "
                        "[1, 1]}]}]}",
                   "figures[0].series[0].x must be numbers");
    assert_refused(HEAD "\"figures\": [{\"title\": \"a\", \"series\": [{\"label\": \"s\", \"x\": [1], \"mean\": [1], "
                        "\"low\": [0]}]}]}",
                   "one end of a band without the other");
    assert_refused(HEAD "\"figures\": [{\"title\": \"a\", \"series\": [], \"spans\": [{\"low\": 2, \"high\": 1}]}]}",
                   "figures[0].spans[0] must have numbers low and high");
    assert_refused(HEAD "\"figures\": [{\"title\": \"a\", \"series\": [], \"x\": {\"log\": 1}}]}",
                   "figures[0].x.log is missing or not true or false");
    assert_refused(HEAD "\"title\"}", "not valid JSON");
    char many[8192] = HEAD "\"figures\": [{\"title\": \"a\", \"series\": [{}";
    for (int i = 0; i < RESULTS_SERIES_MAX; i++) strcat(many, ", {}");
    assert_refused(strcat(many, "]}]}"), "figures[0].series has 513 entries; spread them over figures of at most 512");
    char deep[256] = HEAD "\"ran\": {\"a\": ";
    for (int i = 0; i < 40; i++) strcat(deep, "[");
    for (int i = 0; i < 40; i++) strcat(deep, "]");
    assert_refused(strcat(deep, "}}"), "ran nests more than 32 levels deep");
}

static void test_sample(void **state) {
    (void)state;
    arena arena = {0};
    l2o_error error = {0};
    json_t *document;
    results results;
    assert_int_equal(json_read_file("tests/data/report/results.json", &document, &error), L2O_OK);
    assert_int_equal(results_read(document, "sample", &arena, &results, &error), L2O_OK);
    assert_int_equal(results.table_count, 2);
    assert_int_equal(results.figure_count, 5);
    assert_int_equal(results.claim_count, 4);
    const results_cell *cell = &results.tables[0].rows[2].cells[3];
    assert_true(cell->present && cell->mean == -3.34 && cell->paper == -3.3 && cell->verdict == RESULTS_AGREES);
    assert_false(results.tables[0].rows[0].cells[5].present);
    const results_cell *lost = &results.tables[0].rows[4].cells[1];
    assert_true(lost->has_mean && isnan(lost->mean) && lost->verdict == RESULTS_WORSE);
    assert_ptr_equal(results.figures[0].series[1].x, results.figures[0].series[0].x);
    assert_null(results.figures[0].series[7].low);

    buffer first = {0}, second = {0};
    assert_int_equal(report_page_write(&results, &first, &error), L2O_OK);
    assert_int_equal(report_page_write(&results, &second, &error), L2O_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.bytes, second.bytes, first.size);
    assert_non_null(strstr(first.bytes, "\xe2\x88\x92"
                                        "3.340 <span class=\"half\">"));
    assert_non_null(strstr(first.bytes, "worse\">worse</span>"));
    assert_non_null(strstr(first.bytes, "Permission is hereby granted, free of charge"));
    assert_null(strstr(first.bytes, "sourceMappingURL"));
    buffer_free(&first);
    buffer_free(&second);
    json_decref(document);
    arena_free(&arena);
}

/* No tag begins that the page did not write itself. */
static void test_hostile_text(void **state) {
    (void)state;
    arena arena = {0};
    l2o_error error = {0};
    json_t *document;
    results results;
    assert_int_equal(json_read_file("tests/data/report/hostile.json", &document, &error), L2O_OK);
    assert_int_equal(results_read(document, "hostile", &arena, &results, &error), L2O_OK);
    buffer page = {0};
    markup_writer writer = {.out = &page, .error = &error, .status = L2O_OK};
    report_body_write(&writer, &results, &arena);
    assert_int_equal(writer.status, L2O_OK);
    assert_null(strstr(page.bytes, "<script>"));
    assert_null(strstr(page.bytes, "<img"));
    assert_null(strstr(page.bytes, "<!--"));
    assert_null(strstr(page.bytes, "\xe2\x80\xa8\\u"));
    size_t opened = 0, closed = 0;
    for (const char *at = page.bytes; (at = strstr(at, "<script")) != NULL; at++) opened++;
    for (const char *at = page.bytes; (at = strstr(at, "</script")) != NULL; at++) closed++;
    assert_int_equal(opened, results.figure_count);
    assert_int_equal(closed, results.figure_count);
    const char *data = strstr(page.bytes, "<script type=\"application/json\">");
    for (; *data != '\0' && strncmp(data, "</script", 8) != 0; data++) assert_true((unsigned char)*data < 0x80);
    assert_null(strstr(page.bytes, "nan"));
    assert_null(strstr(page.bytes, "inf,"));
    buffer_free(&page);
    json_decref(document);
    arena_free(&arena);
}

static void assert_number(double value, int decimals, const char *expected) {
    assert_string_equal(report_number_of(value, decimals).text, expected);
}

#define MINUS "\xe2\x88\x92"

static void test_numbers(void **state) {
    (void)state;
    assert_number(-3.7125, 3, MINUS "3.713");
    assert_number(0.0, 3, "0.000");
    assert_number(-0.0, 3, "0.000");
    assert_number(1234.56, 1, "1234.6");
    assert_number(40000, 0, "40000");
    assert_number(-0.25, 1, MINUS "0.3");
    assert_number(9.999e-5, 3, "1.00e" MINUS "4");
    assert_number(1.5e12, 3, "1.50e12");
    assert_number(-9.999e307, 3, MINUS "1.00e308");
    assert_number(5e-324, 3, "4.94e" MINUS "324");
    assert_number(NAN, 3, "not finite");
    assert_number(-INFINITY, 3, "not finite");
    assert_int_equal(report_decimals(99.9), 3);
    assert_int_equal(report_decimals(-100), 1);
    assert_int_equal(report_decimals(1e6), 0);
}

static void test_training_log(void **state) {
    (void)state;
    training_log log;
    l2o_error error = {0};
    assert_int_equal(training_log_read("tests/data/report/training.log.jsonl", &log, &error), L2O_OK);
    assert_int_equal(log.draw_count, 30);
    assert_int_equal(log.evaluation_count, 7);
    assert_int_equal(log.recovery_count, 1);
    assert_string_equal(log.recoveries[0].reason, "the loss of task 2 is not a number");
    assert_true(log.recoveries[0].rate_factor == 0.5);
    training_curve curve;
    assert_int_equal(training_log_group(&log, TRAINING_LOSS, &curve, &error), L2O_OK);
    assert_int_equal(curve.count, 30);
    size_t lost = 0;
    for (size_t i = 0; i < curve.count; i++)
        if (isnan(curve.mean[i])) lost++;
    assert_int_equal(lost, 1);
    training_log_free(&log);
}

/* 200 draws make groups of 3; none spans two stages. */
static void test_groups(void **state) {
    (void)state;
    char path[] = "/tmp/test_report_XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    for (int i = 0; i < 200; i++)
        fprintf(file, "{\"event\":\"draw\",\"stage\":%d,\"updates\":%d,\"loss\":%d,\"last\":2}\n", i >= 100, i + 1,
                i % 3);
    fclose(file);
    training_log log;
    training_curve curve;
    l2o_error error = {0};
    assert_int_equal(training_log_read(path, &log, &error), L2O_OK);
    assert_int_equal(training_log_group(&log, TRAINING_LOSS, &curve, &error), L2O_OK);
    assert_int_equal(curve.count, 34 + 34);
    assert_true(curve.x[32] == 99 && curve.x[33] == 100 && curve.x[34] == 103);
    assert_true(curve.mean[0] == 1 && fabs(curve.high[0] - 1 - 1.96 / sqrt(3)) < 1e-12);
    assert_int_equal(training_log_group(&log, TRAINING_LAST, &curve, &error), L2O_OK);
    assert_true(curve.mean[5] == 2 && curve.low[5] == 2 && curve.high[5] == 2);
    training_log_free(&log);
    assert_int_equal(file_write(path, "{\"a\": 1}\n", 9, &error), L2O_OK);
    assert_int_equal(training_log_read(path, &log, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "line 1 has no \"event\""));
    training_log_free(&log);
    unlink(path);
}

static void test_paths(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"a/b.json", "a/b.html"},       {"w.safetensors", "w.html"},
                                           {"w.log.jsonl", "w.html"},      {"noending", "noending.html"},
                                           {".json", ".json.html"},        {"tests/data", "tests/data/report.html"},
                                           {"tests/", "tests/report.html"}};
    l2o_context *context;
    assert_int_equal(l2o_context_create(1, "portable", &context), L2O_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path;
        assert_int_equal(l2o_report_path(context, cases[i][0], &path), L2O_OK);
        assert_string_equal(path, cases[i][1]);
        l2o_string_free(path);
    }
    assert_int_equal(l2o_report(context, "tests/data", "/dev/null"), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "holds no results.json"));
    assert_int_equal(l2o_report(context, "tests/data/report/missing.json", "/dev/null"), L2O_ERROR_IO);
    assert_int_equal(l2o_report(context, "tests/data/report/results.json", "/nowhere/page.html"), L2O_ERROR_IO);
    assert_int_equal(l2o_report(context, "tests/data/report", "/dev/null"), L2O_OK);
    assert_int_equal(l2o_report(context, "tests/data/report/training.log.jsonl", "/dev/null"), L2O_OK);
    l2o_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused), cmocka_unit_test(test_sample),
        cmocka_unit_test(test_hostile_text),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_training_log),    cmocka_unit_test(test_groups),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
