/* Status codes: what every public function that can fail returns.
 *
 * The sentence that explains a failure (which file, key or value, the numbers, and what to do about it) is kept on
 * the context: l2o_context_error(). */
#ifndef L2O_STATUS_H
#define L2O_STATUS_H

#if defined(_WIN32)
#define L2O_API
#else
#define L2O_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Code, text. The order is part of the ABI: append only. */
#define L2O_STATUS_LIST(X)                                                                                             \
    X(L2O_OK, "success")                                                                                               \
    X(L2O_ERROR_INPUT, "a setting, a file or an argument is wrong")                                                    \
    X(L2O_ERROR_MEMORY, "out of memory")                                                                               \
    X(L2O_ERROR_IO, "reading or writing failed")                                                                       \
    X(L2O_ERROR_NUMERIC, "not a number or infinite")                                                                   \
    X(L2O_ERROR_UNSUPPORTED, "what was asked for needs something that is missing")                                     \
    X(L2O_ERROR_CANCELLED, "cancelled by the user")                                                                    \
    X(L2O_ERROR_INTERNAL, "an invariant of the library is broken")                                                     \
    X(L2O_ERROR_LOST, "another rank was killed, or cannot be reached")

typedef enum l2o_status {
#define L2O_STATUS_ENUM(code, text) code,
    L2O_STATUS_LIST(L2O_STATUS_ENUM)
#undef L2O_STATUS_ENUM
} l2o_status;

/* A short, constant English text for a status code; never NULL, also for codes that do not exist. */
L2O_API const char *l2o_status_text(l2o_status status);

#ifdef __cplusplus
}
#endif
#endif
