/* The watcher reads from a pair of sockets until its parent writes a byte, which means that all is well, or is gone. */
#include "watch.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing but the socket and standard error stays open: a launcher waits until its processes' files are closed. */
static void close_others(int own_end) {
    long most = sysconf(_SC_OPEN_MAX);
    if (most < 0 || most > 4096) most = 4096;
    for (int i = 0; i < most; i++)
        if (i != own_end && i != STDERR_FILENO) (void)close(i);
}

static void watch(int own_end, const char *sentence) {
    char byte;
    (void)setsid(); /* launchers kill the process groups that they know */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    close_others(own_end);
    if (read(own_end, &byte, 1) == 0) {
        ssize_t written = write(STDERR_FILENO, sentence, strlen(sentence));
        (void)written;
    }
    _exit(0);
}

int watch_begin(const char *sentence) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return -1;
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
    (void)send(watch, ".", 1, MSG_NOSIGNAL); /* the watcher may have been killed: no reason to die of it */
    (void)close(watch);
    (void)wait(NULL);
}
