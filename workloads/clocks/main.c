// Asks what time it is, again and again: natively a read of memory that the kernel shares, on
// WebAssembly a call of the host. What it says is different every time, so that is not printed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now(clockid_t which) {
    struct timespec time;
    if (clock_gettime(which, &time) != 0) {
        perror("reading the clock");
        exit(1);
    }
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int main(int argc, char **argv) {
    int readings = argc > 1 ? atoi(argv[1]) : 0;
    if (readings <= 0) {
        fputs("usage: clocks READINGS\n", stderr);
        return 2;
    }
    printf("%d readings\n", readings);
    fflush(stdout);
    uint64_t first = now(CLOCK_MONOTONIC);
    uint64_t last = first;
    int back = 0;
    int this_century = 0;
    for (int reading = 0; reading < readings; reading++) {
        // One in four is of the time of day.
        if (reading % 4 == 3) {
            this_century += now(CLOCK_REALTIME) > 946684800000000000;
        } else {
            uint64_t time = now(CLOCK_MONOTONIC);
            back += time < last;
            last = time;
        }
    }
    printf("%d of this century, %d went back, time %s\n", this_century, back, last > first ? "passed" : "stood still");
    return 0;
}
