/* The table for the terminal: one line of wall-clock medians for each workload, one of least times below it. */
#include <math.h>
#include <stdio.h>

#include "report.h"

static const struct {
    char workload;
    const char *name;
} names[] = {{'a', "a  plain step"},
             {'b', "b  first-order MAML"},
             {'c', "c  exact MAML"},
             {'d', "d  1000 steps"},
             {'e', "e  10^6 coordinates"}};
static const struct {
    const char *form, *title;
} peers[] = {{"manual", "PyTorch, by hand"}, {"folded", "autograd, folded"}, {"plain", "autograd, plain"}};
enum { WORKLOADS = sizeof names / sizeof *names, PEERS = sizeof peers / sizeof *peers };

static double time_of(const report_row *row, bool least) {
    return row == NULL ? NAN : least ? row->processor : row->median;
}

static void print_ratio(double time, double ratio) {
    if (isfinite(time))
        printf(" %9.2f ms %5.2fx", time, ratio);
    else
        printf(" %12s %6s", "-", "");
}

static void print_line(const report_rows *rows, int index, const report_row *ours, bool least) {
    char workload = names[index].workload;
    double own = time_of(ours, least);
    printf("%-20s %-5s %9.2f ms", least ? "" : names[index].name, least ? "least" : "wall", own);
    for (int i = 0; i < PEERS; i++) {
        double theirs = time_of(report_find(rows, peers[i].form, workload, 1), least);
        print_ratio(theirs, theirs / own);
    }
    double limit = report_limit(rows, workload, BOUND_SUM, least);
    print_ratio(limit, own / limit);
    double two = least ? NAN : time_of(report_find(rows, "l2o", workload, 2), false);
    print_ratio(two, own / two);
    putchar('\n');
}

static void print_limits(const report_rows *rows) {
    const double *seconds = rows->limit.seconds;
    if (rows->limit_count == 0) return;
    printf("The machine, one thread, float32: %.0f Gflop/s of multiply-adds; tanh %.3f, sigmoid %.3f, exp %.3f, ELU "
           "%.3f ns;\nmemory copied at %.1f and updated at %.1f GB/s (bytes read and written).\n",
           1e-9 / seconds[LIMIT_FMA], 1e9 * seconds[LIMIT_TANH], 1e9 * seconds[LIMIT_SIGMOID], 1e9 * seconds[LIMIT_EXP],
           1e9 * seconds[LIMIT_ELU], 1e-9 / seconds[LIMIT_COPY], 1e-9 / seconds[LIMIT_UPDATE]);
    const report_row *vector = report_find(rows, "l2o", 'e', 1);
    double overlapped = report_limit(rows, 'e', BOUND_GREATER, false);
    if (vector != NULL)
        printf("e, had moving bytes and arithmetic overlapped perfectly: limit %.2f ms, ratio %.2fx.\n", overlapped,
               vector->median / overlapped);
}

static void print_memory(const report_rows *rows) {
    const report_row *ours = report_find(rows, "l2o", 'a', 1);
    if (ours == NULL) return;
    printf("Peak memory of a: %.0f MiB", (double)ours->memory / 1024);
    for (int i = 0; i < PEERS; i++) {
        const report_row *peer = report_find(rows, peers[i].form, 'a', 1);
        if (peer != NULL) printf("; %s %.0f MiB", peers[i].title, (double)peer->memory / 1024);
    }
    printf(".\n");
}

void report_print(const report_rows *rows) {
    printf("%-26s %12s", "", "l2o");
    for (int i = 0; i < PEERS; i++) printf(" %19s", peers[i].title);
    printf(" %19s %19s\n", "limit", "two threads");
    for (int index = 0; index < WORKLOADS; index++) {
        const report_row *ours = report_find(rows, "l2o", names[index].workload, 1);
        if (ours == NULL) continue;
        print_line(rows, index, ours, false);
        print_line(rows, index, ours, true);
    }
    printf(
        "wall: medians of all samples. least: the least processor time, and the best that was measured of the limits: "
        "a busy\nmachine disturbs both less. Peers run on one thread; above 1x l2o is faster. Limit: how many times "
        "that time l2o takes.\n");
    print_limits(rows);
    print_memory(rows);
}
