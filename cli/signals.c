/* Ctrl-C and SIGTERM cancel the context; a second one ends the program at once. The only state of the whole program. */
#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* A handler has nothing but variables of the whole program to work with. */
static l2o_context *volatile watched;
static volatile sig_atomic_t caught;

static void on_signal(int number) {
    if (caught != 0) _exit(128 + number);
    caught = number;
    if (watched != NULL) l2o_context_cancel(watched);
}

void signals_watch(l2o_context *context) {
    watched = context;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    if (context == NULL) action.sa_handler = SIG_DFL;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A file that grows past its limit is an error of write() with a sentence, not the end of the program. */
    action.sa_handler = context != NULL ? SIG_IGN : SIG_DFL;
    sigaction(SIGXFSZ, &action, NULL);
}

int signals_exit_code(void) { return 128 + (caught != 0 ? caught : SIGINT); }
