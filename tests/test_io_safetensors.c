/* Safetensors: round trips, the exact bytes written, and every way in which a file can lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "io/safetensors.h"

static safetensors *make_example(void) {
    l2o_error error = {0};
    safetensors *file = safetensors_create(&error);
    assert_non_null(file);
    const float narrow[6] = {1, -2, 3.5F, 0, 1e-30F, 6};
    const double wide[2] = {0.1, -1e300};
    const int64_t whole = -5;
    const uint8_t flags[3] = {1, 0, 1};
    assert_int_equal(safetensors_add(file, "flags", ELEMENT_BOOL, 1, (int64_t[]){3}, flags, &error), L2O_OK);
    assert_int_equal(safetensors_add(file, "narrow", ELEMENT_FLOAT32, 2, (int64_t[]){2, 3}, narrow, &error), L2O_OK);
    assert_int_equal(safetensors_add(file, "wide", ELEMENT_FLOAT64, 1, (int64_t[]){2}, wide, &error), L2O_OK);
    assert_int_equal(safetensors_add(file, "whole", ELEMENT_INT64, 0, NULL, &whole, &error), L2O_OK);
    assert_int_equal(safetensors_add(file, "none", ELEMENT_FLOAT32, 2, (int64_t[]){0, 4}, NULL, &error), L2O_OK);
    assert_int_equal(safetensors_set_metadata(file, "recipe", "first", &error), L2O_OK);
    assert_int_equal(safetensors_set_metadata(file, "name", "quotes \" and \n caf\xc3\xa9", &error), L2O_OK);
    assert_int_equal(safetensors_set_metadata(file, "recipe", "[train]\nsteps = 100\n", &error), L2O_OK);
    return file;
}

static void assert_example(const safetensors *file) {
    double values[6];
    assert_int_equal(file->count, 5);
    assert_int_equal(file->metadata_count, 2);
    assert_string_equal(safetensors_metadata(file, "recipe"), "[train]\nsteps = 100\n");
    assert_string_equal(safetensors_metadata(file, "name"), "quotes \" and \n caf\xc3\xa9");
    assert_null(safetensors_metadata(file, "nothing"));
    const safetensors_tensor *narrow = safetensors_find(file, "narrow");
    assert_int_equal(narrow->type, ELEMENT_FLOAT32);
    assert_int_equal(narrow->rank, 2);
    assert_int_equal(narrow->shape[1], 3);
    assert_int_equal(narrow->bytes, 24);
    assert_int_equal((uintptr_t)narrow->data % 64, 0);
    safetensors_values(narrow, values);
    assert_true(values[2] == 3.5 && values[4] == (double)1e-30F);
    safetensors_values(safetensors_find(file, "wide"), values);
    assert_true(values[0] == 0.1 && values[1] == -1e300);
    safetensors_values(safetensors_find(file, "whole"), values);
    assert_true(values[0] == -5);
    assert_int_equal(safetensors_find(file, "none")->count, 0);
    safetensors_values(safetensors_find(file, "flags"), values);
    assert_true(values[0] == 1 && values[1] == 0);
    assert_null(safetensors_find(file, "nothing"));
}

static void round_trip(void **state) {
    (void)state;
    l2o_error error = {0};
    safetensors *file = make_example(), *back;
    assert_example(file);
    char path[] = "/tmp/l2o-test-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(safetensors_write(file, path, &error), L2O_OK);
    back = safetensors_read(path, &error);
    if (back == NULL) fail_msg("%s", error.text);
    assert_example(back);
    unlink(path);

    buffer bytes = {0}, again = {0};
    assert_int_equal(safetensors_format(file, &bytes, &error), L2O_OK);
    assert_int_equal(safetensors_format(file, &again, &error), L2O_OK);
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.bytes, again.bytes, bytes.size);
    buffer_free(&bytes);
    buffer_free(&again);
    safetensors_free(file);
    safetensors_free(back);
    safetensors_free(NULL);
}

/* Another program's reader depends on these bytes: length, padding with spaces to 8, larger elements first. */
static void exact_bytes(void **state) {
    (void)state;
    l2o_error error = {0};
    safetensors *file = safetensors_create(&error);
    buffer bytes = {0};
    assert_int_equal(safetensors_add(file, "b", ELEMENT_UINT8, 1, (int64_t[]){1}, "\x07", &error), L2O_OK);
    assert_int_equal(safetensors_add(file, "a", ELEMENT_FLOAT32, 1, (int64_t[]){1}, &(float){1}, &error), L2O_OK);
    assert_int_equal(safetensors_format(file, &bytes, &error), L2O_OK);
    const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                          "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4,5]}}";
    size_t length = strlen(header), padded = (length + 7) / 8 * 8;
    assert_int_equal(bytes.size, 8 + padded + 5);
    assert_memory_equal(bytes.bytes, ((const unsigned char[8]){(unsigned char)padded}), 8);
    assert_memory_equal(bytes.bytes + 8, header, length);
    for (size_t i = length; i < padded; i++) assert_int_equal(bytes.bytes[8 + i], ' ');
    assert_memory_equal(bytes.bytes + 8 + padded, "\0\0\x80\x3f\x07", 5);
    buffer_free(&bytes);
    safetensors_free(file);
}

static void refuses_bad_additions(void **state) {
    (void)state;
    l2o_error error = {0};
    safetensors *file = make_example();
    const int64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, negative[1] = {-1}, huge[2] = {INT64_MAX / 2, 9};
    const double x = 0;
    assert_int_equal(safetensors_add(file, "wide", ELEMENT_FLOAT64, 0, NULL, &x, &error), L2O_ERROR_INPUT);
    assert_int_equal(safetensors_add(file, "__metadata__", ELEMENT_FLOAT64, 0, NULL, &x, &error), L2O_ERROR_INPUT);
    assert_int_equal(safetensors_add(file, "r", ELEMENT_FLOAT64, 9, shape, &x, &error), L2O_ERROR_INPUT);
    assert_int_equal(safetensors_add(file, "n", ELEMENT_FLOAT64, 1, negative, &x, &error), L2O_ERROR_INPUT);
    assert_int_equal(safetensors_add(file, "h", ELEMENT_FLOAT64, 2, huge, &x, &error), L2O_ERROR_INPUT);
    assert_example(file);
    buffer bytes = {0};
    assert_int_equal(safetensors_set_metadata(file, "bad", "\xff", &error), L2O_OK);
    assert_int_equal(safetensors_format(file, &bytes, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "'bad' cannot be saved: it is not UTF-8"));
    buffer_free(&bytes);
    safetensors_free(file);
}

static void assert_refused(const char *header, size_t data_size, const char *reason) {
    l2o_error error = {0};
    size_t length = strlen(header), size = 8 + length + data_size;
    unsigned char *bytes = calloc(size, 1); /* exact, so that a sanitizer sees any step outside */
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, length);
    assert_null(safetensors_parse((const char *)bytes, size, "x.safetensors", &error));
    assert_int_equal(error.status, L2O_ERROR_INPUT);
    if (strstr(error.text, reason) == NULL || strstr(error.text, "x.safetensors") == NULL)
        fail_msg("'%s' does not mention '%s'", error.text, reason);
    free(bytes);
}

static void refuses_lies(void **state) {
    (void)state;
#define TENSOR(name, type, shape, offsets)                                                                             \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
    assert_refused("{" TENSOR("a", "F32", "[2]", "[0,8]") "}", 7, "outside the file");
    assert_refused("{" TENSOR("a", "F32", "[2]", "[0,8]") "}", 9, "1 bytes of data follow");
    assert_refused("{" TENSOR("a", "F32", "[2]", "[0,4]") "}", 4, "do not fit");
    assert_refused("{" TENSOR("a", "F32", "[2]", "[8,0]") "}", 8, "outside the file");
    assert_refused("{" TENSOR("a", "F32", "[2]", "[-8,0]") "}", 8, "outside the file");
    assert_refused("{" TENSOR("a", "F32", "[2]", "[0]") "}", 8, "data_offsets");
    assert_refused("{" TENSOR("a", "F32", "[2]", "[0,8.0]") "}", 8, "data_offsets");
    assert_refused("{" TENSOR("a", "F32", "[2]", "[4,12]") "}", 12, "hole");
    assert_refused("{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[2]", "[4,12]") "}", 12, "overlaps");
    assert_refused("{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[8,12]") "}", 12, "hole");
    assert_refused("{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, "duplicate");
    assert_refused("{" TENSOR("a", "Q4", "[1]", "[0,4]") "}", 4, "'Q4'");
    assert_refused("{" TENSOR("a", "F32", "[-1]", "[0,4]") "}", 4, "dimension");
    assert_refused("{" TENSOR("a", "F32", "[1.0]", "[0,4]") "}", 4, "dimension");
    assert_refused("{" TENSOR("a", "F32", "1", "[0,4]") "}", 4, "no shape");
    assert_refused("{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "more dimensions");
    assert_refused("{" TENSOR("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "address");
    assert_refused("{" TENSOR("a", "F32", "[9223372036854775807]", "[0,4]") "}", 4, "address");
    assert_refused("{" TENSOR("a", "F32", "[9223372036854775808]", "[0,4]") "}", 4, "not valid JSON");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "exactly");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":1}}", 4, "exactly");
    assert_refused("{\"a\":{\"dtype\":32,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "no dtype");
    assert_refused("{\"a\":[]}", 0, "exactly");
    assert_refused("{\"__metadata__\":{\"k\":1}}", 0, "'k' is not a text");
    assert_refused("{\"__metadata__\":[]}", 0, "no table");
    assert_refused("{\"a\":", 0, "not valid JSON");
    assert_refused("{} x", 0, "not valid JSON");
    assert_refused("[]", 0, "not a safetensors file");
    assert_refused(" {}", 0, "not a safetensors file");
#undef TENSOR
}

static void refuses_truncation_and_long_headers(void **state) {
    (void)state;
    l2o_error error = {0};
    buffer bytes = {0};
    safetensors *file = make_example();
    assert_int_equal(safetensors_format(file, &bytes, &error), L2O_OK);
    safetensors_free(file);
    for (size_t size = 0; size < bytes.size; size++) {
        char *exact = malloc(size == 0 ? 1 : size);
        memcpy(exact, bytes.bytes, size);
        assert_null(safetensors_parse(exact, size, "cut.safetensors", &error));
        assert_int_equal(error.status, L2O_ERROR_INPUT);
        free(exact);
    }
    memset(bytes.bytes, 0xff, 8); /* a header of 2^64 - 1 bytes */
    assert_null(safetensors_parse(bytes.bytes, bytes.size, "long.safetensors", &error));
    buffer_free(&bytes);
    assert_null(safetensors_read("/nonexistent/x.safetensors", &error));
    assert_int_equal(error.status, L2O_ERROR_IO);

    assert_int_equal(buffer_append_text(&bytes, "12345678{", &error), L2O_OK);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buffer_print(&bytes, &error, "%s\"%d\":{}", i == 0 ? "" : ",", i), L2O_OK);
    assert_int_equal(buffer_append_text(&bytes, "}", &error), L2O_OK);
    uint64_t length = bytes.size - 8;
    memcpy(bytes.bytes, &length, 8);
    assert_null(safetensors_parse(bytes.bytes, bytes.size, "many.safetensors", &error));
    assert_non_null(strstr(error.text, "has 20000 tensors and metadata"));
    buffer_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(exact_bytes),
        cmocka_unit_test(refuses_lies),
        cmocka_unit_test(refuses_bad_additions),
        cmocka_unit_test(refuses_truncation_and_long_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
