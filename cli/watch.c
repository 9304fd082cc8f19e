/* The watcher reads from a pipe until its parent writes a byte, which means that all is well, or is gone. */
#include "watch.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing but the pipe and standard error stays open: a launcher waits until its processes' files are closed. */
static void close_others(int pipe_end) {
    long most = sysconf(_SC_OPEN_MAX);
    if (most < 0 || most > 4096) most = 4096;
    for (int i = 0; i < most; i++)
        if (i != pipe_end && i != STDERR_FILENO) (void)close(i);
}

static void watch(int pipe_end, const char *sentence) {
    char byte;
    (void)setsid(); /* launchers kill the process groups that they know */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    close_others(pipe_end);
    if (read(pipe_end, &byte, 1) == 0) {
        ssize_t written = write(STDERR_FILENO, sentence, strlen(sentence));
        (void)written;
    }
    _exit(0);
}

int watch_begin(const char *sentence) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[1]);
        watch(ends[0], sentence);
    }
    (void)close(ends[0]);
    if (child > 0) return ends[1];
    (void)close(ends[1]);
    return -1;
}

void watch_end(int watch) {
    if (watch < 0) return;
    ssize_t written = write(watch, ".", 1);
    (void)written;
    (void)close(watch);
    (void)wait(NULL);
}
