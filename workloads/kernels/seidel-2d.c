// Gauss-Seidel's iteration over a plane, in place: every point becomes the mean of the nine around
// it, four of which are already new. Each waits for the one before it: latency, not throughput.
#include "kernel.h"

enum { N = 240, STEPS = 60 };

static double plane[N][N];

int main(void) {
    begin("seidel-2d");
    uint64_t state = 3;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            plane[i][j] = next_unit(&state);
        }
    }
    for (int step = 0; step < STEPS; step++) {
        for (int i = 1; i < N - 1; i++) {
            for (int j = 1; j < N - 1; j++) {
                double above = plane[i - 1][j - 1] + plane[i - 1][j] + plane[i - 1][j + 1];
                double beside = plane[i][j - 1] + plane[i][j] + plane[i][j + 1];
                double below = plane[i + 1][j - 1] + plane[i + 1][j] + plane[i + 1][j + 1];
                plane[i][j] = (above + beside + below) / 9.0;
            }
        }
    }
    return end(digest_doubles(DIGEST_OF_NOTHING, &plane[0][0], N * N));
}
