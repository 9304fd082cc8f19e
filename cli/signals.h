/* Ctrl-C and SIGTERM: the first asks the running computation to stop at its next safe point, the second ends the
 * program at once. */
#ifndef L2O_CLI_SIGNALS_H
#define L2O_CLI_SIGNALS_H

#include "l2o/context.h"

/* From now on signals cancel `context`; NULL: nothing, which is to be said before the context is freed. */
void signals_watch(l2o_context *context);
/* The exit code of a program that was stopped: 128 + the signal, 130 for Ctrl-C. */
int signals_exit_code(void);

#endif
