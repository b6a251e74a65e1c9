// Jacobi's iteration over a plane: every point becomes the mean of itself and its four neighbours,
// out of one plane into another, so that no point waits for the one before it.
#include "kernel.h"

enum { N = 500, STEPS = 200 };

static double planes[2][N][N];

static void relax(const double from[N][N], double to[N][N]) {
    for (int i = 1; i < N - 1; i++) {
        for (int j = 1; j < N - 1; j++) {
            to[i][j] = 0.2 * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i - 1][j] + from[i + 1][j]);
        }
    }
}

int main(void) {
    begin("jacobi-2d");
    uint64_t state = 2;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            planes[0][i][j] = planes[1][i][j] = next_unit(&state);
        }
    }
    for (int step = 0; step < STEPS; step++) {
        relax(planes[step % 2], planes[(step + 1) % 2]);
    }
    return end(digest_doubles(DIGEST_OF_NOTHING, &planes[STEPS % 2][0][0], N * N));
}
