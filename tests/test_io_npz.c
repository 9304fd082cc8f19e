/* .npy and .npz: round trips, element types, byte orders and layouts, hostile headers, damaged archives, zip bombs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/npy.h"
#include "io/npz.h"

/* An .npy file of version 1 from its dictionary and data. */
static void make_npy(buffer *out, const char *dictionary, const void *data, size_t size) {
    l2o_error error = {0};
    buffer_clear(out);
    size_t length = strlen(dictionary);
    unsigned char start[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)length, (unsigned char)(length >> 8)};
    assert_int_equal(buffer_append(out, start, sizeof start, &error), L2O_OK);
    assert_int_equal(buffer_append(out, dictionary, length, &error), L2O_OK);
    assert_int_equal(buffer_append(out, data, size, &error), L2O_OK);
}

static void assert_parses(const char *dictionary, const void *data, size_t size, const double *expected, int count) {
    buffer file = {0};
    array a;
    l2o_error error = {0};
    make_npy(&file, dictionary, data, size);
    if (npy_parse(file.bytes, file.size, "test.npy", &a, &error) != L2O_OK) fail_msg("%s: %s", dictionary, error.text);
    assert_int_equal(a.count, count);
    for (int i = 0; i < count; i++) assert_true(a.values[i] == expected[i]);
    array_free(&a);
    buffer_free(&file);
}

static void assert_refuses(const char *dictionary, size_t size, const char *reason) {
    static const char zeros[64];
    buffer file = {0};
    array a;
    l2o_error error = {0};
    make_npy(&file, dictionary, zeros, size);
    assert_int_equal(npy_parse(file.bytes, file.size, "test.npy", &a, &error), L2O_ERROR_INPUT);
    assert_null(a.values);
    assert_non_null(strstr(error.text, "test.npy: "));
    if (strstr(error.text, reason) == NULL) fail_msg("'%s' does not mention '%s'", error.text, reason);
    buffer_free(&file);
}

static void npy_element_types(void **state) {
    (void)state;
#define DICTIONARY(type) "{'descr': '" type "', 'fortran_order': False, 'shape': (2,), }\n"
    assert_parses(DICTIONARY("<f8"), "\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\xc0", 16, (double[]){1.5, -2}, 2);
    assert_parses(DICTIONARY(">f8"), "\x3f\xf8\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0", 16, (double[]){1.5, -2}, 2);
    assert_parses(DICTIONARY("<f4"), "\0\0\xc0\x3f\0\0\0\xc0", 8, (double[]){1.5, -2}, 2);
    assert_parses(DICTIONARY("<f2"), "\0\x3e\x01\x00", 4, (double[]){1.5, 0x1p-24}, 2);
    assert_parses(DICTIONARY("<f2"), "\0\xfc\x00\xc0", 4, (double[]){-(double)INFINITY, -2}, 2);
    assert_parses(DICTIONARY("|i1"), "\xff\x7f", 2, (double[]){-1, 127}, 2);
    assert_parses(DICTIONARY("|u1"), "\xff\x7f", 2, (double[]){255, 127}, 2);
    assert_parses(DICTIONARY("<i2"), "\xfe\xff\x01\x02", 4, (double[]){-2, 513}, 2);
    assert_parses(DICTIONARY(">u2"), "\xfe\xff\x01\x02", 4, (double[]){65279, 258}, 2);
    assert_parses(DICTIONARY("<i4"), "\xff\xff\xff\xff\0\0\1\0", 8, (double[]){-1, 65536}, 2);
    assert_parses(DICTIONARY("<u4"), "\xff\xff\xff\xff\0\0\1\0", 8, (double[]){4294967295.0, 65536}, 2);
    assert_parses(DICTIONARY(">i8"), "\xff\xff\xff\xff\xff\xff\xff\xfd\0\0\0\0\0\0\0\7", 16, (double[]){-3, 7}, 2);
    assert_parses(DICTIONARY("<u8"), "\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80", 16, (double[]){7, 0x1p63}, 2);
    assert_parses(DICTIONARY("|b1"), "\0\1", 2, (double[]){0, 1}, 2);
#undef DICTIONARY
}

static void npy_layouts(void **state) {
    (void)state;
    assert_parses("{'descr':'|u1','fortran_order':True,'shape':(2,3)}", "\1\4\2\5\3\6", 6, (double[]){1, 2, 3, 4, 5, 6},
                  6);
    assert_parses("{'shape': (2, 1, 3), 'fortran_order': True, 'descr': '|u1'}", "\1\4\2\5\3\6", 6,
                  (double[]){1, 2, 3, 4, 5, 6}, 6);
    assert_parses("{'descr': '|u1', 'fortran_order': False, 'shape': (), }  \n", "\7", 1, (double[]){7}, 1);
    assert_parses("{'descr': '|u1', 'fortran_order': True, 'shape': (3, 0), }", "", 0, NULL, 0);
    assert_parses("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 9223372036854775807)}", "", 0, NULL, 0);
}

static void npy_hostile_headers(void **state) {
    (void)state;
#define SHAPED(shape) "{'descr': '<f8', 'fortran_order': False, 'shape': " shape "}"
    assert_refuses(SHAPED("(2,)"), 15, "promises 2 elements (16 bytes), but 15");
    assert_refuses(SHAPED("(2,)"), 17, "but 17");
    assert_refuses(SHAPED("(4294967296, 4294967296)"), 8, "address");
    assert_refuses(SHAPED("(9223372036854775807,)"), 8, "address");
    assert_refuses(SHAPED("(99999999999999999999,)"), 8, "too large");
    assert_refuses(SHAPED("(1000000000000,)"), 8, "promises");
    assert_refuses(SHAPED("(-1,)"), 8, "whole numbers");
    assert_refuses(SHAPED("(1.5,)"), 8, "unfinished");
    assert_refuses(SHAPED("(1,1,1,1,1,1,1,1,1)"), 8, "more than 8 dimensions");
    assert_refuses(SHAPED("[1]"), 8, "not a tuple");
    assert_refuses(SHAPED("(1"), 8, "unfinished");
    assert_refuses(SHAPED("(1,), 'shape': (1,)"), 8, "repeated key");
    assert_refuses(SHAPED("(1,), 'more': 1"), 8, "unknown");
    assert_refuses(SHAPED("(1,)") "x", 8, "goes on");
    assert_refuses("{'descr': '<f8', 'fortran_order': False}", 8, "lacks");
    assert_refuses("{'descr': '<f8', 'fortran_order': Maybe, 'shape': ()}", 8, "True or False");
    assert_refuses("{'descr': '|O', 'fortran_order': False, 'shape': ()}", 8, "'|O'");
    assert_refuses("{'descr': '<c16', 'fortran_order': False, 'shape': ()}", 16, "'<c16'");
    assert_refuses("{'descr': '|f8', 'fortran_order': False, 'shape': ()}", 8, "'|f8'");
    assert_refuses("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': ()}", 8, "structured");
    assert_refuses("{'descr': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 8, "overlong");
    assert_refuses("{'descr", 0, "ends within");
    assert_refuses("", 0, "not a dictionary");
#undef SHAPED
}

static void npy_truncated_anywhere(void **state) {
    (void)state;
    l2o_error error = {0};
    array a, back;
    buffer file = {0};
    assert_int_equal(array_create(&a, NULL, 2, (int64_t[]){3, 2}, &error), L2O_OK);
    for (int i = 0; i < 6; i++) a.values[i] = i / 7.0;
    assert_int_equal(npy_format(&a, &file, &error), L2O_OK);
    assert_int_equal(file.size, 128 + 48);
    for (size_t size = 0; size < file.size; size++) {
        char *exact = malloc(size == 0 ? 1 : size); /* so that a sanitizer sees any step outside */
        memcpy(exact, file.bytes, size);
        assert_int_equal(npy_parse(exact, size, "cut.npy", &back, &error), L2O_ERROR_INPUT);
        free(exact);
    }
    assert_int_equal(npy_parse(file.bytes, file.size, "whole.npy", &back, &error), L2O_OK);
    assert_int_equal(back.rank, 2);
    assert_memory_equal(back.values, a.values, 48);
    array_free(&a);
    array_free(&back);
    buffer_free(&file);
}

static void make_arrays(array arrays[3]) {
    l2o_error error = {0};
    assert_int_equal(array_create(&arrays[0], "A", 2, (int64_t[]){40, 50}, &error), L2O_OK);
    assert_int_equal(array_create(&arrays[1], "scalar", 0, NULL, &error), L2O_OK);
    assert_int_equal(array_create(&arrays[2], "b", 1, (int64_t[]){3}, &error), L2O_OK);
    for (int i = 0; i < 2000; i++) arrays[0].values[i] = sin(i);
    arrays[1].values[0] = -7;
    for (int i = 0; i < 3; i++) arrays[2].values[i] = i;
}

static void npz_round_trip(void **state) {
    (void)state;
    l2o_error error = {0};
    array arrays[3], one;
    npz back;
    make_arrays(arrays);
    for (int deflate = 0; deflate < 2; deflate++) {
        char path[] = "/tmp/l2o-test-XXXXXX";
        close(mkstemp(path));
        assert_int_equal(npz_write(path, arrays, 3, deflate == 1, &error), L2O_OK);
        assert_int_equal(npz_read(path, &back, &error), L2O_OK);
        assert_int_equal(back.count, 3);
        assert_string_equal(back.arrays[1].name, "scalar");
        assert_int_equal(back.arrays[1].rank, 0);
        assert_true(back.arrays[1].values[0] == -7);
        assert_memory_equal(npz_find(&back, "A")->values, arrays[0].values, 2000 * sizeof(double));
        assert_null(npz_find(&back, "C"));
        npz_free(&back);
        assert_int_equal(npz_read_member(path, "b", &one, &error), L2O_OK);
        assert_int_equal(one.count, 3);
        array_free(&one);
        assert_int_equal(npz_read_member(path, "b.npy", &one, &error), L2O_OK);
        array_free(&one);
        assert_int_equal(npz_read_member(path, "nothing", &one, &error), L2O_ERROR_INPUT);
        assert_non_null(strstr(error.text, "no member 'nothing'; its members are: A, scalar, b"));
        unlink(path);
    }
    for (int i = 0; i < 3; i++) array_free(&arrays[i]);
}

/* Whatever byte is changed or missing, reading ends with an answer; damage to data is always noticed. */
static void npz_damaged(void **state) {
    (void)state;
    l2o_error error = {0};
    array arrays[3];
    npz back;
    make_arrays(arrays);
    for (int deflate = 0; deflate < 2; deflate++) {
        buffer file = {0};
        assert_int_equal(npz_format(arrays + 1, 2, deflate == 1, &file, &error), L2O_OK);
        for (size_t size = 0; size < file.size; size++) {
            assert_int_equal(npz_parse(file.bytes, size, "cut.npz", NULL, 0, &back, &error), L2O_ERROR_INPUT);
            assert_int_equal(back.count, 0);
        }
        for (size_t i = 0; i < file.size; i++) {
            file.bytes[i] = (char)(file.bytes[i] ^ 0x55);
            if (npz_parse(file.bytes, file.size, "bad.npz", NULL, 1 << 20, &back, &error) == L2O_OK) {
                for (size_t k = 0; k < back.count; k++)
                    assert_memory_equal(back.arrays[k].values, arrays[1 + k].values,
                                        (size_t)back.arrays[k].count * sizeof(double));
                npz_free(&back);
            }
            file.bytes[i] = (char)(file.bytes[i] ^ 0x55);
        }
        buffer_free(&file);
    }
    for (int i = 0; i < 3; i++) array_free(&arrays[i]);
}

static void npz_refuses_bombs_and_strangers(void **state) {
    (void)state;
    l2o_error error = {0};
    npz back;
    array zeros;
    buffer file = {0};
    assert_int_equal(array_create(&zeros, "zeros", 1, (int64_t[]){1000000}, &error), L2O_OK);
    assert_int_equal(npz_format(&zeros, 1, true, &file, &error), L2O_OK);
    assert_true(file.size < 20000);
    assert_int_equal(npz_parse(file.bytes, file.size, "bomb.npz", NULL, 1 << 20, &back, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "limit of unpacked bytes"));
    assert_int_equal(npz_parse(file.bytes, file.size, "large.npz", NULL, 0, &back, &error), L2O_OK);
    npz_free(&back);
    buffer_clear(&file);

    array twins[2];
    assert_int_equal(array_create(&twins[0], "x", 0, NULL, &error), L2O_OK);
    assert_int_equal(array_create(&twins[1], "x", 0, NULL, &error), L2O_OK);
    assert_int_equal(npz_format(twins, 2, false, &file, &error), L2O_OK);
    assert_int_equal(npz_parse(file.bytes, file.size, "twins.npz", NULL, 0, &back, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "two members named 'x'"));
    assert_int_equal(npz_parse("PK\5\6", 4, "short.npz", NULL, 0, &back, &error), L2O_ERROR_INPUT);
    assert_int_equal(npz_read("/nonexistent/a.npz", &back, &error), L2O_ERROR_IO);
    array_free(&zeros);
    array_free(&twins[0]);
    array_free(&twins[1]);
    buffer_free(&file);
}

/* Reference data, where they are at hand: every member of every file is read, and is as long as its shape says. */
static void npz_reference_files(void **state) {
    (void)state;
    static const char *const paths[] = {
        "../shared/golden/lasso_small.npz",      "../shared/golden/lasso_full.npz",
        "../shared/golden/rosen_small.npz",      "../shared/golden/maml_lasso_small.npz",
        "../shared/golden/maml_rosen_small.npz",
    };
    int present = 0;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!file_exists(paths[i])) continue;
        present++;
        npz file;
        l2o_error error = {0};
        if (npz_read(paths[i], &file, &error) != L2O_OK) fail_msg("%s", error.text);
        const array *weights = npz_find(&file, "phi_flat");
        assert_non_null(weights);
        assert_int_equal(weights->rank, 1);
        assert_int_equal(weights->count, weights->shape[0]);
        for (int64_t k = 0; k < weights->count; k++) assert_true(isfinite(weights->values[k]));
        assert_int_equal(npz_find(&file, "T")->type, ELEMENT_INT64);
        assert_int_equal(npz_find(&file, "T")->rank, 0);
        npz_free(&file);
    }
    if (present == 0) skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_element_types),
        cmocka_unit_test(npy_layouts),
        cmocka_unit_test(npy_hostile_headers),
        cmocka_unit_test(npy_truncated_anywhere),
        cmocka_unit_test(npz_round_trip),
        cmocka_unit_test(npz_damaged),
        cmocka_unit_test(npz_refuses_bombs_and_strangers),
        cmocka_unit_test(npz_reference_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
