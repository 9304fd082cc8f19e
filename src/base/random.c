/* Philox 4x32-10 (Salmon et al., SC 2011) and the distributions made from it, addressed by key and index. */
#include "base/random.h"

#include <math.h>

void random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t product0 = (uint64_t)0xD2511F53u * c0;
        uint64_t product1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)product1;
        c3 = (uint32_t)product0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The counter: 48 bits of block index, 16 of task | 32 of draw | 8 of stream, 8 of field, 16 of attempt. */
static void block(random_key key, uint64_t index, uint32_t attempt, uint32_t out[4]) {
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32) << 16 | key.task, key.draw,
                                 (uint32_t)key.stream << 24 | (uint32_t)key.field << 16 | (attempt & 0xffffu)};
    const uint32_t words[2] = {(uint32_t)key.seed, (uint32_t)(key.seed >> 32)};
    random_philox(counter, words, out);
}

static double unit(uint32_t high, uint32_t low) { /* 53 bits to [0, 1) */
    uint64_t bits = ((uint64_t)high << 32 | low) >> 11;
    return (double)bits * 0x1p-53;
}

double random_uniform(random_key key, uint64_t index) {
    uint32_t words[4];
    block(key, index / 2, 0, words);
    return index % 2 == 0 ? unit(words[0], words[1]) : unit(words[2], words[3]);
}

void random_fill_uniform(random_key key, uint64_t first, int64_t count, double *out) {
    for (int64_t i = 0; i < count; i++) {
        uint64_t index = first + (uint64_t)i;
        if (index % 2 == 1 || i + 1 == count) {
            out[i] = random_uniform(key, index);
            continue;
        }
        uint32_t words[4];
        block(key, index / 2, 0, words);
        out[i++] = unit(words[0], words[1]);
        out[i] = unit(words[2], words[3]);
    }
}

/* The two numbers of a block are radius cos(angle) and radius sin(angle). */
static void polar(random_key key, uint64_t index, uint32_t attempt, double *radius, double *angle) {
    uint32_t words[4];
    block(key, index, attempt, words);
    *radius = sqrt(-2.0 * log(1.0 - unit(words[0], words[1]))); /* 1 - u lies in (0, 1] */
    *angle = 6.283185307179586476925 * unit(words[2], words[3]);
}

static double normal_attempt(random_key key, uint64_t index, uint32_t attempt) {
    double radius, angle;
    polar(key, index / 2, attempt, &radius, &angle);
    return radius * (index % 2 == 0 ? cos(angle) : sin(angle));
}

double random_normal(random_key key, uint64_t index) { return normal_attempt(key, index, 1); }

void random_fill_normal(random_key key, uint64_t first, int64_t count, double *out) {
    for (int64_t i = 0; i < count; i++) {
        uint64_t index = first + (uint64_t)i;
        if (index % 2 == 1 || i + 1 == count) {
            out[i] = random_normal(key, index);
            continue;
        }
        double radius, angle;
        polar(key, index / 2, 1, &radius, &angle);
        out[i++] = radius * cos(angle);
        out[i] = radius * sin(angle);
    }
}

double random_truncated_normal(random_key key, uint64_t index) {
    /* 4.6 % of the draws are repeated; 65,000 repeats in a row do not happen. */
    for (uint32_t attempt = 1; attempt < 0xffffu; attempt++) {
        double z = normal_attempt(key, index, attempt);
        if (fabs(z) <= 2.0) return z;
    }
    return 0.0;
}
