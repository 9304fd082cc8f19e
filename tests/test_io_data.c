/* A user's data: csv, Matrix Market, libsvm, the choice of a format, sparse matrices, and the refusal of NaN. */
#define _DEFAULT_SOURCE /* mkstemps */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/csv.h"
#include "io/data_file.h"
#include "io/file.h"
#include "io/libsvm.h"
#include "io/matrix_market.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/text.h"

static l2o_status parse(data_reader *reader, const char *text, data_file *out, l2o_error *error) {
    size_t size = strlen(text);
    char *exact = malloc(size == 0 ? 1 : size); /* not NUL-terminated, so that a sanitizer sees any step outside */
    memcpy(exact, text, size);
    *out = (data_file){0};
    *error = (l2o_error){0};
    data_source source = {exact, size, "data", NULL};
    l2o_status status = reader(&source, out, error);
    free(exact);
    return status;
}

static void assert_dense(data_reader *reader, const char *text, int64_t rows, int64_t columns, const double *expected) {
    data_file file;
    l2o_error error;
    if (parse(reader, text, &file, &error) != L2O_OK) fail_msg("'%s': %s", text, error.text);
    assert_false(file.is_sparse);
    assert_int_equal(file.dense.rank, 2);
    assert_int_equal(file.dense.shape[0], rows);
    assert_int_equal(file.dense.shape[1], columns);
    for (int64_t i = 0; i < rows * columns; i++) assert_true(file.dense.values[i] == expected[i]);
    data_file_free(&file);
}

/* Compares with a dense matrix, through the transpose as well. */
static void assert_sparse(data_reader *reader, const char *text, int64_t rows, int64_t columns, int64_t nonzeros,
                          const double *expected) {
    data_file file;
    l2o_error error;
    sparse_matrix transposed;
    if (parse(reader, text, &file, &error) != L2O_OK) fail_msg("'%s': %s", text, error.text);
    assert_true(file.is_sparse);
    assert_int_equal(file.sparse.rows, rows);
    assert_int_equal(file.sparse.columns, columns);
    assert_int_equal(file.sparse.nonzeros, nonzeros);
    double dense[64] = {0}, back[64] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = file.sparse.row_start[i]; k < file.sparse.row_start[i + 1]; k++) {
            assert_true(k == file.sparse.row_start[i] || file.sparse.column[k] > file.sparse.column[k - 1]);
            dense[i * columns + file.sparse.column[k]] = file.sparse.value[k];
        }
    assert_memory_equal(dense, expected, (size_t)(rows * columns) * sizeof(double));
    assert_int_equal(sparse_transpose(&file.sparse, &transposed, &error), L2O_OK);
    for (int64_t j = 0; j < columns; j++)
        for (int64_t k = transposed.row_start[j]; k < transposed.row_start[j + 1]; k++)
            back[transposed.column[k] * columns + j] = transposed.value[k];
    assert_memory_equal(back, expected, (size_t)(rows * columns) * sizeof(double));
    sparse_free(&transposed);
    data_file_free(&file);
}

static void assert_refused(data_reader *reader, const char *text, const char *reason) {
    data_file file;
    l2o_error error;
    assert_int_equal(parse(reader, text, &file, &error), L2O_ERROR_INPUT);
    if (strstr(error.text, reason) == NULL) fail_msg("'%s': '%s' does not mention '%s'", text, error.text, reason);
    data_file_free(&file);
}

static void numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        double value;
    } cases[] = {
        {"1", true, 1},      {"-1.5e3", true, -1500},   {"+.5", true, .5},   {"5.", true, 5},
        {"1E-2", true, .01}, {"inf", true, HUGE_VAL},   {"", false, 0},      {"-", false, 0},
        {".", false, 0},     {"1e", false, 0},          {"1e+", false, 0},   {"0x10", false, 0},
        {"1 ", false, 0},    {"--1", false, 0},         {"1.2.3", false, 0}, {"nan(1)", false, 0},
        {"0.1", true, 0.1},  {"1e999", true, HUGE_VAL}, {"1,5", false, 0},   {"-Infinity", true, -HUGE_VAL},
    };
    for (int round = 0; round < 2; round++) { /* the second time with a decimal comma, where the system has one */
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            double value = 0;
            bool valid = text_number((text_piece){cases[i].text, strlen(cases[i].text)}, &value);
            if (valid != cases[i].valid || value != cases[i].value) fail_msg("'%s' gives %g", cases[i].text, value);
        }
        if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) break;
    }
    setlocale(LC_NUMERIC, "C");
    char long_number[600];
    memset(long_number, '1', sizeof long_number);
    double value;
    int64_t whole;
    assert_false(text_number((text_piece){long_number, sizeof long_number}, &value));
    assert_true(text_integer((text_piece){"9223372036854775807", 19}, &whole));
    assert_int_equal(whole, INT64_MAX);
    assert_false(text_integer((text_piece){"9223372036854775808", 19}, &whole));
    assert_false(text_integer((text_piece){"1.0", 3}, &whole));
}

static void csv_good(void **state) {
    (void)state;
    const double expected[] = {1, 2, 3, 4};
    assert_dense(csv_parse, "1,2\n3,4\n", 2, 2, expected);
    assert_dense(csv_parse, "1,2\r\n3,4", 2, 2, expected);
    assert_dense(csv_parse,
                 "\xef\xbb\xbf"
                 "a , b\n1, 2\n\n 3 ,4\n",
                 2, 2, expected);
    assert_dense(csv_parse, "# note\n1;2 # more\n3;4\n#\n", 2, 2, expected);
    assert_dense(csv_parse, "1\t2\n3\t4\n", 2, 2, expected);
    assert_dense(csv_parse, "  1   2\n3 \t 4 \n", 2, 2, expected);
    assert_dense(csv_parse, "name\n1\n2\n3\n4\n", 4, 1, expected);
    assert_dense(csv_parse, "1e0 2 3e+0 4.0", 1, 4, expected);
}

static void csv_bad(void **state) {
    (void)state;
    assert_refused(csv_parse, "", "holds no numbers");
    assert_refused(csv_parse, "a,b\n", "holds no numbers");
    assert_refused(csv_parse, "1,2\n3\n", "line 2 has 1 numbers, but the first row has 2");
    assert_refused(csv_parse, "1,2\n\n3,4,5\n", "line 3 has 3 numbers");
    assert_refused(csv_parse, "1,2\n3,\n", "line 2, column 2: empty");
    assert_refused(csv_parse, "1,2\n3,x\n", "line 2, column 2: 'x' is not a number");
    assert_refused(csv_parse, "1,2\n3,\"4\"\n", "line 2, column 2: quoted");
    assert_refused(csv_parse, "1,5;2,5\n3;4\n", "line 1, column 1: '1,5' is not a number; write decimals");
    assert_refused(csv_parse, "1;2\n1,5;2\n", "write decimals with a point");
    assert_refused(csv_parse, "a,b\nc,d\n1,2\n", "line 2, column 1: 'c'");
    assert_refused(csv_parse, "1 2\n\x01 3\n", "line 2, column 1: '?'");
}

static void matrix_market_good(void **state) {
    (void)state;
#define BANNER "%%MatrixMarket matrix "
    assert_sparse(matrix_market_parse,
                  BANNER "coordinate real general\n% note\n\n2 3 4\n2 3 5\n1 1 1e1\n2 1 -2\n2 3 0.5\n", 2, 3, 3,
                  (double[]){10, 0, 0, -2, 0, 5.5});
    assert_sparse(matrix_market_parse, BANNER "coordinate pattern symmetric\n2 2 2\n1 1\n2 1\n", 2, 2, 3,
                  (double[]){1, 1, 1, 0});
    assert_sparse(matrix_market_parse, BANNER "Coordinate Integer Skew-Symmetric\r\n3 3 1\r\n3 1 7\r\n", 3, 3, 2,
                  (double[]){0, 0, -7, 0, 0, 0, 7, 0, 0});
    assert_sparse(matrix_market_parse, BANNER "coordinate real general\n2 2 0\n", 2, 2, 0, (double[]){0, 0, 0, 0});
    assert_dense(matrix_market_parse, BANNER "array real general\n2 3\n1\n2\n3\n4\n5\n6\n", 2, 3,
                 (double[]){1, 3, 5, 2, 4, 6});
    assert_dense(matrix_market_parse, BANNER "array integer symmetric\n2 2\n1\n2\n3\n", 2, 2, (double[]){1, 2, 2, 3});
    assert_dense(matrix_market_parse, BANNER "array real skew-symmetric\n2 2\n5\n", 2, 2, (double[]){0, -5, 5, 0});
}

static void matrix_market_bad(void **state) {
    (void)state;
    assert_refused(matrix_market_parse, "", "not a Matrix Market file");
    assert_refused(matrix_market_parse, "1 2 3\n", "not a Matrix Market file");
    assert_refused(matrix_market_parse, BANNER "coordinate complex general\n1 1 1\n1 1 1 1\n", "complex");
    assert_refused(matrix_market_parse, BANNER "coordinate real hermitian\n1 1 1\n", "symmetry");
    assert_refused(matrix_market_parse, BANNER "coordinate real\n1 1 1\n", "banner");
    assert_refused(matrix_market_parse, BANNER "sideways real general\n", "coordinate or array");
    assert_refused(matrix_market_parse, BANNER "array pattern general\n1 1\n", "pattern");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n", "before its sizes");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n2 2\n", "too few");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n2 2 1 1\n", "three whole numbers");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n-2 2 1\n", "line 2: the sizes");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n2 2 2\n1 1 1\n", "1 of the 2 entries");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n2 2 1\n1 1 1\n2 2 1\n",
                   "line 4: there are more");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n2 2 1\n3 1 1\n",
                   "(3, 1) is outside the 2 x 2");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n2 2 1\n0 1 1\n", "outside");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n2 2 1\n1 1\n", "a row, a column and a number");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n2 2 1\n1 1 1 1\n", "goes on");
    assert_refused(matrix_market_parse, BANNER "coordinate real symmetric\n2 2 1\n1 2 1\n", "lower triangle");
    assert_refused(matrix_market_parse, BANNER "coordinate real skew-symmetric\n2 2 1\n1 1 1\n", "diagonal");
    assert_refused(matrix_market_parse, BANNER "coordinate real symmetric\n2 3 1\n", "square");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n9223372036854775807 1 0\n",
                   "out of proportion");
    assert_refused(matrix_market_parse, BANNER "coordinate real general\n1 9999999999 0\n", "out of proportion");
    assert_refused(matrix_market_parse, BANNER "array real general\n4294967296 4294967296\n", "address");
    assert_refused(matrix_market_parse, BANNER "array real general\n100000 100000\n1\n", "more values than the file");
    assert_refused(matrix_market_parse, BANNER "array real general\n2 1\n1\n", "before its last value");
    assert_refused(matrix_market_parse, BANNER "array real general\n1 1\n1\n2\n", "more values");
    assert_refused(matrix_market_parse, BANNER "array real general\n1 2\n1 2\n", "one number");
#undef BANNER
}

static void libsvm_rows(void **state) {
    (void)state;
    data_file file;
    l2o_error error;
    const char *text = "+1 1:0.5 3:2 # note\n\n-1 2:1e-1\n0\n";
    assert_sparse(libsvm_parse, text, 3, 3, 3, (double[]){0.5, 0, 2, 0, 0.1, 0, 0, 0, 0});
    assert_int_equal(parse(libsvm_parse, text, &file, &error), L2O_OK);
    assert_int_equal(file.label_count, 3);
    assert_true(file.labels[0] == 1 && file.labels[1] == -1 && file.labels[2] == 0);
    data_file_free(&file);
    assert_refused(libsvm_parse, "", "holds no rows");
    assert_refused(libsvm_parse, "1 1:1\nx 1:1\n", "line 2: 'x' is not a label");
    assert_refused(libsvm_parse, "1,2 1:1\n", "not a label");
    assert_refused(libsvm_parse, "1 2:1 2:1\n", "line 1: '2:1' does not have a larger index");
    assert_refused(libsvm_parse, "1 0:1\n", "no index from 1");
    assert_refused(libsvm_parse, "1 -1:1\n", "no index from 1");
    assert_refused(libsvm_parse, "1 1:\n", "no number after");
    assert_refused(libsvm_parse, "1 1\n", "index:value");
    assert_refused(libsvm_parse, "1 qid:1 1:1\n", "ranking");
    assert_refused(libsvm_parse, "1 9223372036854775807:1\n", "out of proportion");
}

static void write_text(const char *path, const char *text) {
    l2o_error error = {0};
    assert_int_equal(file_write(path, text, strlen(text), &error), L2O_OK);
}

static void formats_by_name(void **state) {
    (void)state;
    static const char *const yes[] = {"a.npy", "dir.x/a.npz", "a.npz:A",  "A.NPZ:x", "a.csv",
                                      "a.mtx", "a.svm",       "a.libsvm", "a.tsv"};
    static const char *const no[] = {"", "0.5", ".npy", "a.npz:", "a.csv:b", "npz:A", "random", "a.npy.gz", "a.json"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) assert_true(data_file_recognised(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) assert_false(data_file_recognised(no[i]));

    data_file file;
    l2o_error error = {0};
    assert_int_equal(data_file_read("tests/data/symmetric.mtx", &file, &error), L2O_OK);
    assert_true(file.is_sparse);
    data_file_free(&file);
    assert_int_equal(data_file_read("tests/data/table.csv", &file, &error), L2O_OK);
    assert_int_equal(file.dense.shape[1], 3);
    data_file_free(&file);
    assert_int_equal(data_file_read("tests/data/rows.svm", &file, &error), L2O_OK);
    assert_int_equal(file.label_count, 2);
    data_file_free(&file);
    assert_int_equal(data_file_read("tests/data/array.npy", &file, &error), L2O_OK);
    assert_true(file.dense.rank == 2 && file.dense.values[1] == 2);
    data_file_free(&file);
    assert_int_equal(data_file_read("data.unknown", &file, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, ".npy .npz .csv"));
    assert_int_equal(data_file_read("/nonexistent/a.npy", &file, &error), L2O_ERROR_IO);
}

static void members_of_archives(void **state) {
    (void)state;
    data_file file;
    l2o_error error = {0};
    array arrays[2];
    char path[] = "/tmp/l2o-test-XXXXXX.npz", named[64];
    close(mkstemps(path, 4));
    assert_int_equal(array_create(&arrays[0], "A", 1, (int64_t[]){2}, &error), L2O_OK);
    assert_int_equal(array_create(&arrays[1], "y", 2, (int64_t[]){2, 2}, &error), L2O_OK);
    arrays[1].values[3] = 1.0 / 0.0;
    assert_int_equal(npz_write(path, arrays, 2, true, &error), L2O_OK);
    assert_int_equal(data_file_read(path, &file, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "has 2 members; name one"));
    assert_non_null(strstr(error.text, "its members are: A, y"));
    snprintf(named, sizeof named, "%s:A", path);
    assert_int_equal(data_file_read(named, &file, &error), L2O_OK);
    assert_int_equal(file.dense.count, 2);
    data_file_free(&file);
    snprintf(named, sizeof named, "%s:B", path);
    assert_int_equal(data_file_read(named, &file, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "no member 'B'"));
    snprintf(named, sizeof named, "%s:y", path);
    assert_int_equal(data_file_read(named, &file, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, ":y: element [1, 1] is infinite"));
    assert_null(file.dense.values);
    assert_int_equal(npz_write(path, arrays, 1, false, &error), L2O_OK);
    assert_int_equal(data_file_read(path, &file, &error), L2O_OK);
    data_file_free(&file);
    /* An archive without members is its end record only. */
    buffer empty = {0};
    assert_int_equal(buffer_append(&empty, "xPK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 23, &error), L2O_OK);
    assert_int_equal(file_write(path, empty.bytes, empty.size, &error), L2O_OK);
    buffer_free(&empty);
    assert_int_equal(data_file_read(path, &file, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "archive is empty"));
    array_free(&arrays[0]);
    array_free(&arrays[1]);
    unlink(path);
}

static void refuses_what_is_not_finite(void **state) {
    (void)state;
    static const struct {
        const char *extension, *text, *reason;
    } cases[] = {
        {".csv", "1,2\n3,nan\n", "element [1, 1] is not a number"},
        {".txt", "1 1e999\n", "element [0, 1] is infinite"},
        {".mtx", "%%MatrixMarket matrix coordinate real general\n2 2 1\n2 1 nan\n", "element [1, 0] is not a number"},
        {".svm", "inf 1:1\n", "element [0] of the labels is infinite"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64];
        data_file file;
        l2o_error error = {0};
        snprintf(path, sizeof path, "/tmp/l2o-test-XXXXXX%s", cases[i].extension);
        close(mkstemps(path, 4));
        write_text(path, cases[i].text);
        assert_int_equal(data_file_read(path, &file, &error), L2O_ERROR_INPUT);
        if (strstr(error.text, cases[i].reason) == NULL || strstr(error.text, path) == NULL) fail_msg("%s", error.text);
        assert_null(file.labels);
        unlink(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(csv_good),
        cmocka_unit_test(csv_bad),
        cmocka_unit_test(matrix_market_good),
        cmocka_unit_test(matrix_market_bad),
        cmocka_unit_test(libsvm_rows),
        cmocka_unit_test(formats_by_name),
        cmocka_unit_test(members_of_archives),
        cmocka_unit_test(refuses_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
