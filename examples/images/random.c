/* Random numbers of this example: SplitMix64 (Steele, Lea and Flood, 2014), started at a place that seed and stream
 * decide, and normal numbers by Box and Muller. */
#include <math.h>

#include "images.h"

static uint64_t next(random_source *source) {
    uint64_t z = source->state += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

random_source random_start(int64_t seed, random_stream stream) {
    random_source source = {(uint64_t)seed * 8 + (uint64_t)stream};
    source.state = next(&source); /* neighbouring seeds end up far apart */
    return source;
}

int64_t random_below(random_source *source, int64_t limit) { return (int64_t)(next(source) % (uint64_t)limit); }

double random_normal(random_source *source) {
    double radius = sqrt(-2 * log(((double)(next(source) >> 11) + 0.5) * 0x1p-53));
    return radius * cos(6.283185307179586 * ((double)(next(source) >> 11) * 0x1p-53));
}
