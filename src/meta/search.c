/* Scattered candidates, and the pattern search over single weights: brackets of two, steps that are halved. */
#include "meta/search.h"

#include <math.h>

static const double FIRST_STEP = 0.69314718055994530942; /* ln 2 */
static const double FIRST_FROM_ZERO = 1e-3;
static const double SCATTER = 2.77258872223978123767; /* ln 16 */

static bool is_searched(const weight_layout *layout, bool all) { return all || layout->without_gradient; }

int64_t search_weights_without_gradient(const optimizer *optimizer) {
    int64_t count = 0;
    for (int k = 0; k < optimizer->weight_count; k++)
        if (is_searched(&optimizer->layout[k], false))
            count += optimizer->layout[k].rows * optimizer->layout[k].columns;
    return count;
}

l2o_status search_create(const optimizer *optimizer, bool all, int64_t candidates, search *search, l2o_error *error) {
    int64_t total = all ? optimizer->weight_total : search_weights_without_gradient(optimizer);
    if (total > MOST_SEARCHED)
        return error_set(error, L2O_ERROR_INPUT,
                         "a search tries weight by weight and is for at most %d, but '%s' has %lld%s; move them by "
                         "their gradient (adaptation-optimizer = adam%s)",
                         (int)MOST_SEARCHED, optimizer->ops->name, (long long)total,
                         all ? "" : " that no gradient tells of", all ? "" : ", adaptation-search = 0");
    *search = (struct search){.brackets = (int)(candidates / 2)};
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        int64_t size = layout->rows * layout->columns;
        for (int64_t i = 0; i < size && is_searched(layout, all); i++)
            search->place[search->count++] = layout->offset + i;
    }
    search_reset(search);
    return L2O_OK;
}

void search_reset(search *search) {
    for (int k = 0; k < search->count; k++) search->step[k] = FIRST_STEP;
}

static double candidate(double weight, double step) {
    return weight == 0 ? FIRST_FROM_ZERO * step / FIRST_STEP : weight * exp(step);
}

static l2o_status bracket(search *search, int k, const search_loss *loss_of, double *weights, double *loss,
                          l2o_error *error) {
    double *weight = &weights[search->place[k]], from = *weight, best = from, least = *loss;
    for (int side = 1; side >= -1; side -= 2) {
        double found;
        *weight = candidate(from, side * search->step[k]);
        l2o_status status = loss_of->evaluate(loss_of->argument, weights, &found, error);
        if (status != L2O_OK) {
            *weight = from;
            return status;
        }
        search->candidates++;
        if (!(found < least)) continue;
        least = found;
        best = *weight;
    }
    *weight = best;
    if (best == from)
        search->step[k] /= 2;
    else if (from == 0)
        search->step[k] = FIRST_STEP; /* until now it was a size, not a factor */
    *loss = least;
    return L2O_OK;
}

static l2o_status evaluate_first(const search_loss *loss_of, const double *weights, double *loss, l2o_error *error) {
    return isnan(*loss) ? loss_of->evaluate(loss_of->argument, weights, loss, error) : L2O_OK;
}

/* The root above 1 of x^(d+1) = x + 1, by a contraction. */
static double golden_ratio(int d) {
    double ratio = 2;
    for (int i = 0; i < 64; i++) ratio = pow(1 + ratio, 1.0 / (d + 1));
    return ratio;
}

l2o_status search_scatter(search *search, const search_loss *loss_of, int64_t count, double *weights, double *loss,
                          l2o_error *error) {
    double from[MOST_SEARCHED], best[MOST_SEARCHED], ratio = golden_ratio(search->count);
    l2o_status status = evaluate_first(loss_of, weights, loss, error);
    for (int k = 0; k < search->count; k++) best[k] = from[k] = weights[search->place[k]];
    for (int64_t i = 1; i <= count && status == L2O_OK; i++) {
        double found, whole;
        for (int k = 0; k < search->count; k++) {
            double place = modf(0.5 + (double)i * pow(ratio, -(k + 1)), &whole);
            weights[search->place[k]] = candidate(from[k], SCATTER * (2 * place - 1));
        }
        status = loss_of->evaluate(loss_of->argument, weights, &found, error);
        if (status != L2O_OK) break;
        search->candidates++;
        if (!(found < *loss)) continue;
        *loss = found;
        for (int k = 0; k < search->count; k++) best[k] = weights[search->place[k]];
    }
    for (int k = 0; k < search->count; k++) weights[search->place[k]] = best[k];
    return status;
}

l2o_status search_sweep(search *search, const search_loss *loss_of, double *weights, double *loss, l2o_error *error) {
    TRY(evaluate_first(loss_of, weights, loss, error));
    for (int k = 0; k < search->count; k++)
        for (int b = 0; b < search->brackets; b++) TRY(bracket(search, k, loss_of, weights, loss, error));
    return L2O_OK;
}
