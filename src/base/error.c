/* The error value: a status and one sentence. A later error replaces an earlier one. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

l2o_status error_set(l2o_error *error, l2o_status status, const char *format, ...) {
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

void error_clear(l2o_error *error) {
    error->status = L2O_OK;
    error->text[0] = '\0';
}

const char *l2o_status_text(l2o_status status) {
    switch (status) {
#define STATUS_CASE(code, text)                                                                                        \
    case code: return text;
        L2O_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}
