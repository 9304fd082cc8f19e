/* Scales and ticks. A tick is a whole number of units of a power of ten, so labels are exact decimals and never pass
 * through the locale's printf. */
#include "io/plot_scale.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MINUS      "\xe2\x88\x92"
#define THIN_SPACE "\xe2\x80\x89"
#define TIMES_TEN                                                                                                      \
    "\xc3\x97"                                                                                                         \
    "10"

bool plot_drawable(double value, bool logarithmic) {
    return logarithmic ? value >= 1e-300 && value <= 1e300 : fabs(value) <= 1e300;
}

void plot_range_include(plot_range *range, double value) {
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

plot_scale plot_scale_over(plot_range range, bool logarithmic, double padding) {
    plot_scale scale = {.logarithmic = logarithmic, .low = range.low, .high = range.high};
    if (!(range.low <= range.high)) return (plot_scale){.logarithmic = logarithmic, .low = 0.0, .high = 1.0};
    if (logarithmic) {
        scale.low = log10(range.low);
        scale.high = log10(range.high);
        if (scale.high - scale.low < 1e-6) { /* one value: a decade around it */
            scale.low -= 0.5;
            scale.high += 0.5;
            return scale;
        }
    }
    /* Ticks closer together than doubles would all read the same. */
    double magnitude = fmax(fabs(scale.low), fabs(scale.high));
    if (scale.high - scale.low <= 1e-9 * magnitude || scale.high - scale.low < 1e-290) {
        double around = magnitude < 1e-280 ? 1.0 : 0.1 * magnitude;
        scale.low -= around;
        scale.high += around;
        return scale;
    }
    double pad = padding * (scale.high - scale.low);
    scale.low -= pad;
    scale.high += pad;
    return scale;
}

double plot_scale_position(const plot_scale *scale, double value) {
    return ((scale->logarithmic ? log10(value) : value) - scale->low) / (scale->high - scale->low);
}

static plot_tick *add_tick(plot_ticks *ticks, double position, bool major) {
    if (ticks->count == PLOT_TICKS_MAX || position < -1e-6 || position > 1.0 + 1e-6) return NULL;
    plot_tick *tick = &ticks->tick[ticks->count++];
    *tick = (plot_tick){.position = position, .major = major};
    return tick;
}

static void append(char *text, size_t capacity, const char *more) {
    size_t used = strlen(text);
    snprintf(text + used, capacity - used, "%s", more);
}

/* `units` / 10^decimals, with thin spaces between groups of three digits from 10 000 on. */
static void append_decimal(char *text, size_t capacity, int64_t units, int decimals) {
    char digits[32];
    int count = snprintf(digits, sizeof digits, "%0*lld", decimals + 1, (long long)(units < 0 ? -units : units));
    if (units < 0) append(text, capacity, MINUS);
    int whole = count - decimals;
    for (int i = 0; i < count; i++) {
        if (i == whole) append(text, capacity, ".");
        if (i > 0 && i < whole && whole > 4 && (whole - i) % 3 == 0) append(text, capacity, THIN_SPACE);
        append(text, capacity, (char[2]){digits[i], '\0'});
    }
}

static void set_exponent(plot_tick *tick, int exponent) {
    snprintf(tick->exponent, sizeof tick->exponent, "%s%d", exponent < 0 ? MINUS : "",
             exponent < 0 ? -exponent : exponent);
}

static int digits_of(int64_t value) {
    int digits = 1;
    for (uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value; rest >= 10; rest /= 10) digits++;
    return digits;
}

/* A tick at `units` 10^exponent; `largest` is the axis's largest number of units, which decides for all its labels. */
static void label_tick(plot_tick *tick, int64_t units, int exponent, int64_t largest) {
    int magnitude = digits_of(largest) - 1 + exponent;
    if (units == 0) {
        append(tick->label, sizeof tick->label, "0");
    } else if (magnitude >= 6 || magnitude < -3 || exponent < -9) {
        append_decimal(tick->label, sizeof tick->label, units, magnitude - exponent);
        append(tick->label, sizeof tick->label, TIMES_TEN);
        set_exponent(tick, magnitude);
    } else {
        for (int i = 0; i < exponent; i++) units *= 10;
        append_decimal(tick->label, sizeof tick->label, units, exponent < 0 ? -exponent : 0);
    }
}

static double power_of_ten(int exponent) { return exponent < 0 ? 1.0 / pow(10.0, -exponent) : pow(10.0, exponent); }

/* units 10^exponent, correctly rounded where 10^|exponent| is exact. */
static double tick_value(int64_t units, int exponent) {
    return exponent < 0 ? (double)units / pow(10.0, -exponent) : (double)units * pow(10.0, exponent);
}

/* Evenly spaced values; on a logarithmic axis of short range their positions are not even, but the labels are easy. */
static void linear_ticks(const plot_scale *scale, double low, double high, int target, plot_ticks *ticks) {
    double raw = (high - low) / target;
    int exponent = (int)floor(log10(raw));
    /* The step whose ratio to the raw one is nearest to 1: thresholds are sqrt(2), sqrt(10) and sqrt(50). */
    double mantissa = raw / power_of_ten(exponent);
    int multiple = mantissa < 1.41 ? 1 : mantissa < 3.16 ? 2 : mantissa < 7.07 ? 5 : 10;
    if (multiple == 10) {
        multiple = 1;
        exponent++;
    }
    double step = tick_value(multiple, exponent);
    int64_t first = (int64_t)ceil(low / step - 1e-6), last = (int64_t)floor(high / step + 1e-6);
    int64_t largest = (first < 0 && -first > last ? -first : last) * multiple;
    for (int64_t i = first; i <= last; i++) {
        double value = tick_value(i * multiple, exponent);
        if (!plot_drawable(value, scale->logarithmic)) continue;
        plot_tick *tick = add_tick(ticks, plot_scale_position(scale, value), true);
        if (tick) label_tick(tick, i * multiple, exponent, largest);
    }
}

/* Powers of ten, one label every `stride` decades. */
static void decade_ticks(const plot_scale *scale, int first, int last, int target, plot_ticks *ticks) {
    double length = scale->high - scale->low;
    static const int strides[] = {1, 2, 5, 10, 20, 50, 100, 200};
    int count = last - first + 1, stride = 1;
    for (size_t i = 0; i < sizeof strides / sizeof *strides && count > target * stride; i++) stride = strides[i];
    bool plain = first >= 0 && last <= 4 && stride == 1; /* 1, 10, 100 need no exponents */
    for (int decade = first - 1; decade <= last; decade++) {
        bool labelled = ((decade % stride) + stride) % stride == 0;
        plot_tick *tick = NULL;
        if (labelled || count <= 60) tick = add_tick(ticks, (decade - scale->low) / length, labelled);
        if (tick && labelled && plain) {
            label_tick(tick, 1, decade, 1);
        } else if (tick && labelled) {
            append(tick->label, sizeof tick->label, "10");
            set_exponent(tick, decade);
        }
        if (stride > 1 || count > 10) continue;
        for (int multiple = 2; multiple <= 9; multiple++)
            add_tick(ticks, (decade + log10(multiple) - scale->low) / length, false);
    }
}

void plot_scale_ticks(const plot_scale *scale, int target, plot_ticks *ticks) {
    ticks->count = 0;
    if (target < 2) target = 2;
    if (!scale->logarithmic) {
        linear_ticks(scale, scale->low, scale->high, target, ticks);
        return;
    }
    int first = (int)ceil(scale->low - 1e-9), last = (int)floor(scale->high + 1e-9);
    if (last - first + 1 >= 2) {
        decade_ticks(scale, first, last, target, ticks);
        return;
    }
    /* At most one power of ten in range: 1, 2 and 5 times it, and when even those are few, evenly spaced values. */
    static const int multiples[] = {1, 2, 5};
    for (int decade = first - 1; decade <= last; decade++) {
        for (size_t i = 0; i < sizeof multiples / sizeof *multiples; i++) {
            double position = (decade + log10(multiples[i]) - scale->low) / (scale->high - scale->low);
            plot_tick *tick = add_tick(ticks, position, true);
            if (tick) label_tick(tick, multiples[i], decade, multiples[i]);
        }
    }
    if (ticks->count >= 3) return;
    ticks->count = 0;
    linear_ticks(scale, pow(10.0, scale->low), pow(10.0, scale->high), target, ticks);
}
