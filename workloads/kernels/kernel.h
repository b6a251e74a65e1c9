// What every kernel shares: its generated input, the digest of its results, and the frame of a run.
// Floating results are digested bit for bit: both sides are compiled without contraction
// (`-ffp-contract=off`) and use only operations that IEEE 754 rounds exactly.
#ifndef KERNEL_H
#define KERNEL_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// SplitMix64 (Steele, Lea, Flood 2014).
static inline uint64_t next_u64(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// From 0 up to 1, all 53 bits.
static inline double next_unit(uint64_t *state) {
    return (double)(next_u64(state) >> 11) * 0x1p-53;
}

// FNV-1a over words instead of bytes: it is to see every result, not to take time of its own.
static const uint64_t DIGEST_OF_NOTHING = 0xcbf29ce484222325;

static inline uint64_t digest_u64(uint64_t digest, uint64_t value) {
    digest = (digest ^ value) * 0x100000001b3;
    return digest ^ (digest >> 29);
}

static inline uint64_t digest_double(uint64_t digest, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return digest_u64(digest, bits);
}

static inline uint64_t digest_doubles(uint64_t digest, const double *values, size_t count) {
    for (size_t at = 0; at < count; at++) {
        digest = digest_double(digest, values[at]);
    }
    return digest;
}

// Says what is about to be computed, so that there is a first byte of output to time.
static inline void begin(const char *what) {
    puts(what);
    fflush(stdout);
}

// What `main` returns: 0 if the digest was written.
static inline int end(uint64_t digest) {
    return printf("%016" PRIx64 "\n", digest) < 0 || fflush(stdout) != 0;
}

#endif
