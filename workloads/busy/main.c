// A calibrated busy loop. How often the unit of work is done stands in the program as seven digits
// after a mark, so that a copy of the module in which only these digits differ does a known share
// more: the same code at the same addresses. `scripts/gate-check` makes such copies.
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

// Volatile: read when it runs, so that no compiler knows the digits or the seed.
static const volatile char units[] = "units of work: 0002000";
static volatile uint64_t seed = 0x9e3779b97f4a7c15;

enum { MARK = 15, DIGITS = 7, ROUNDS = 2000 };

// xorshift64 (Marsaglia 2003), a few microseconds of it.
static uint64_t work(uint64_t x) {
    for (int round = 0; round < ROUNDS; round++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

int main(void) {
    uint32_t asked = 0;
    for (int at = MARK; at < MARK + DIGITS; at++) {
        asked = asked * 10 + (uint32_t)(units[at] - '0');
    }
    if (puts("busy") < 0 || fflush(stdout) != 0) {
        return 1;
    }
    // Every unit comes to the same, so the output does not tell how many there were; a unit that
    // came to anything else would show in it.
    uint64_t all = 0, any = UINT64_MAX;
    for (uint32_t unit = 0; unit < asked; unit++) {
        uint64_t came_to = work(seed);
        all |= came_to;
        any &= came_to;
    }
    return printf("%016" PRIx64 " %016" PRIx64 "\n", all, any) < 0;
}
