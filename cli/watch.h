/* A small process beside rank 0 of a training on several ranks. When a rank is killed, MPI launchers kill the others
 * at once, so nobody is left to say what that means for the user: this process is, and says it. */
#ifndef L2O_CLI_WATCH_H
#define L2O_CLI_WATCH_H

/* Starts the watcher; call it before MPI or threads are started. Returns what watch_end() takes, -1 when there is no
 * watcher. `sentence` is printed when this process ends without watch_end(). */
int watch_begin(const char *sentence);
void watch_end(int watch);

#endif
