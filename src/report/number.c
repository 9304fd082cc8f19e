/* Numbers in reports, without the locale. */
#include <math.h>
#include <stdio.h>

#include "report/page.h"

static const double smallest = 5e-4, largest = 1e9;
static const char *const minus = "\xe2\x88\x92";

int report_decimals(double value) {
    double size = fabs(value);
    return size < 100 ? 3 : size < 1e4 ? 1 : 0;
}

report_number report_number_of(double value, int decimals) {
    report_number out;
    double size = fabs(value);
    const char *sign = value < 0 ? minus : "";
    if (!isfinite(value)) {
        snprintf(out.text, sizeof out.text, "not finite");
    } else if (size == 0 || (size >= smallest && size < largest)) {
        static const long long powers[] = {1, 10, 100, 1000};
        long long power = powers[decimals < 0   ? 0
                                 : decimals > 3 ? 3
                                                : decimals],
                  scaled = llround(size * (double)power);
        int digits = decimals > 3 ? 3 : decimals;
        if (power == 1)
            snprintf(out.text, sizeof out.text, "%s%lld", scaled == 0 ? "" : sign, scaled);
        else
            snprintf(out.text, sizeof out.text, "%s%lld.%0*lld", scaled == 0 ? "" : sign, scaled / power, digits,
                     scaled % power);
    } else {
        int exponent = (int)floor(log10(size));
        long long hundredths = llround(size / pow(10, exponent / 2) / pow(10, exponent - exponent / 2) * 100);
        if (hundredths >= 1000) {
            hundredths /= 10;
            exponent++;
        }
        snprintf(out.text, sizeof out.text, "%s%lld.%02llde%s%d", sign, hundredths / 100, hundredths % 100,
                 exponent < 0 ? minus : "", exponent < 0 ? -exponent : exponent);
    }
    return out;
}
