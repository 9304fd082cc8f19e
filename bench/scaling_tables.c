/* Measured, predicted, sent: one table each, for the reference problem (n = 10, T = 20, three tasks in b and c). */
#include "scaling_tables.h"

#include <math.h>
#include <stdio.h>

#include "workload.h"

static const struct { int machines, cores; } places[] = {{1, 1}, {1, 8}, {1, 64}, {16, 64}};
static const int64_t batches[] = {128, 2048, 16384};
static const int rank_counts[] = {2, 4, 8, 16};
enum {
    PLACES = sizeof places / sizeof *places,
    BATCHES = sizeof batches / sizeof *batches,
    RANK_COUNTS = sizeof rank_counts / sizeof *rank_counts
};

static scaling_case case_of(const scaling_measured *measured, char workload, int64_t batch) {
    workload_options options = workload_reference(workload);
    options.batch = batch;
    return (scaling_case){.workload = workload,
                          .tasks = (int)workload_size(&options).tasks,
                          .batch = batch,
                          .dimension = options.dimension,
                          .row = measured->row,
                          .ranks = 1,
                          .threads = 1,
                          .cores = measured->machine.cores,
                          .exchange = NAN,
                          .updates_a_draw = INFINITY};
}

static scaling_time predict_run(const scaling_measured *measured, const scaling_run *run) {
    scaling_case of = case_of(measured, run->workload, workload_reference(run->workload).batch);
    of.ranks = run->ranks;
    of.threads = run->threads;
    of.exchange = run->exchange;
    /* One process on one thread leaves the other cores alone. */
    if (run->ranks * run->threads < of.cores) of.cores = run->ranks * run->threads;
    return scaling_predict(&measured->machine, &of);
}

static scaling_time predict_place(const scaling_measured *measured, char workload, int64_t batch, int place) {
    scaling_case of = case_of(measured, workload, batch);
    of.ranks = places[place].machines;
    of.threads = places[place].cores;
    of.cores = of.ranks * of.threads;
    of.updates_a_draw = SCALING_UPDATES_A_DRAW;
    return scaling_predict(&measured->machine, &of);
}

/* -------------------------------------------------------------------------------------------------------- as Markdown
 */

static void print_machine(const scaling_machine *machine) {
    printf("| measured here, %d cores | |\n|---|---|\n", machine->cores);
    printf("| a shard's gradient, τ_g | %.1f µs |\n", 1e6 * machine->gradient);
    printf("| a shard's Hessian-vector product, τ_h | %.1f µs |\n", 1e6 * machine->product);
    printf("| longer while all cores work, κ | %.3f |\n", machine->crowding);
    printf("| one number added in the tree, α: rows in cache, rows beyond | %.3f ns, %.3f ns |\n",
           1e9 * machine->add_near, 1e9 * machine->add_far);
    printf("| Adam and the loop, σ: a, b, c | %.1f, %.1f, %.1f µs |\n", 1e6 * machine->serial[0],
           1e6 * machine->serial[1], 1e6 * machine->serial[2]);
    printf("| an instance drawn, ψ | %.2f µs |\n", 1e6 * machine->draw);
    printf("| a parallel region of two threads, ω | %.2f µs |\n", 1e6 * machine->region);
    printf("| waiting: while it yields, Y; a sleep, ν | %.1f µs, %.1f µs |\n\n", 1e6 * machine->looks,
           1e6 * machine->nap);
}

static void print_runs(const scaling_measured *measured) {
    printf("| workload | ranks × threads | tree and exchange, each phase | predicted | measured | predicted / measured "
           "|\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < measured->count; i++) {
        const scaling_run *run = &measured->runs[i];
        scaling_time time = predict_run(measured, run);
        double phase = isnan(run->exchange) ? time.tree / scaling_phases(run->workload) : run->exchange;
        printf("| %c | %d × %d | %.3f ms | %.2f ms | %.2f ms | %.2f |\n", run->workload, run->ranks, run->threads,
               1e3 * phase, 1e3 * scaling_total(&time), 1e3 * run->step, scaling_total(&time) / run->step);
    }
    putchar('\n');
}

static void print_messages(const scaling_measured *measured) {
    printf("| a rank sends in one meta-step |");
    for (int i = 0; i < RANK_COUNTS; i++) printf(" %d ranks |", rank_counts[i]);
    printf("\n|---|");
    for (int i = 0; i < RANK_COUNTS; i++) printf("---|");
    putchar('\n');
    for (char workload = 'a'; workload < 'a' + SCALING_WORKLOADS; workload++) {
        printf("| %c |", workload);
        for (int i = 0; i < RANK_COUNTS; i++) {
            scaling_case of = case_of(measured, workload, workload_reference(workload).batch);
            of.ranks = rank_counts[i];
            scaling_messages sent = scaling_sent(&of);
            printf(" %d messages, %.0f kB |", (int)sent.count, 1e-3 * sent.bytes);
        }
        putchar('\n');
    }
    putchar('\n');
}

static void print_predictions(const scaling_measured *measured) {
    printf(
        "| workload | B | pieces | machines × cores | work | tree | exchange | serial | drawing | a step, ms | faster "
        "|\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (char workload = 'a'; workload < 'a' + SCALING_WORKLOADS; workload++)
        for (int b = 0; b < BATCHES; b++) {
            scaling_case of = case_of(measured, workload, batches[b]);
            double alone = NAN;
            for (int place = 0; place < PLACES; place++) {
                scaling_time time = predict_place(measured, workload, batches[b], place);
                double all = scaling_total(&time);
                if (place == 0) alone = all;
                printf("| %c | %d | %d | %d × %d | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.1f× |\n", workload,
                       (int)batches[b], (int)scaling_pieces(batches[b], of.dimension) * of.tasks,
                       places[place].machines, places[place].cores, 1e3 * time.work, 1e3 * time.tree,
                       1e3 * time.exchange, 1e3 * time.serial, 1e3 * time.drawing, 1e3 * all, alone / all);
            }
        }
    putchar('\n');
}

void scaling_print(const scaling_measured *measured) {
    print_machine(&measured->machine);
    print_runs(measured);
    print_messages(measured);
    print_predictions(measured);
}

/* ------------------------------------------------------------------------------------------------------------ as JSON
 */

static json_t *time_to_json(const scaling_time *time) {
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "work", time->work, "tree", time->tree, "exchange",
                     time->exchange, "serial", time->serial, "drawing", time->drawing, "step", scaling_total(time));
}

static json_t *runs_to_json(const scaling_measured *measured) {
    json_t *out = json_array();
    for (int i = 0; i < measured->count && out != NULL; i++) {
        const scaling_run *run = &measured->runs[i];
        scaling_time time = predict_run(measured, run);
        json_array_append_new(out, json_pack("{s:s, s:i, s:i, s:f, s:o}", "workload", (char[]){run->workload, '\0'},
                                             "ranks", run->ranks, "threads", run->threads, "measured", run->step,
                                             "predicted", time_to_json(&time)));
    }
    return out;
}

static json_t *predictions_to_json(const scaling_measured *measured) {
    json_t *out = json_array();
    for (char workload = 'a'; workload < 'a' + SCALING_WORKLOADS && out != NULL; workload++)
        for (int b = 0; b < BATCHES; b++)
            for (int place = 0; place < PLACES; place++) {
                scaling_time time = predict_place(measured, workload, batches[b], place);
                json_array_append_new(out,
                                      json_pack("{s:s, s:I, s:i, s:i, s:o}", "workload", (char[]){workload, '\0'},
                                                "batch", (json_int_t)batches[b], "machines", places[place].machines,
                                                "cores", places[place].cores, "predicted", time_to_json(&time)));
            }
    return out;
}

json_t *scaling_to_json(const scaling_measured *measured) {
    const scaling_machine *machine = &measured->machine;
    json_t *parameters =
        json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:[fff], s:f, s:f, s:f, s:f, s:f, s:f}", "cores", machine->cores,
                  "gradient", machine->gradient, "product", machine->product, "crowding", machine->crowding, "add_near",
                  machine->add_near, "add_far", machine->add_far, "serial", machine->serial[0], machine->serial[1],
                  machine->serial[2], "draw", machine->draw, "region", machine->region, "looks", machine->looks, "nap",
                  machine->nap, "latency", SCALING_LATENCY, "bandwidth", SCALING_BANDWIDTH);
    return json_pack("{s:s, s:o, s:o, s:o}", "unit", "seconds; bytes per second", "machine", parameters, "runs",
                     runs_to_json(measured), "predictions", predictions_to_json(measured));
}
