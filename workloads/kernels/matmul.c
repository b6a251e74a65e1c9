// The product of two dense matrices of doubles, in the order of loops that walks rows.
#include "kernel.h"

enum { N = 480 };

static double a[N][N], b[N][N], c[N][N];

static void multiply(void) {
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++) {
            double factor = a[i][k];
            for (int j = 0; j < N; j++) {
                c[i][j] += factor * b[k][j];
            }
        }
    }
}

int main(void) {
    begin("matmul");
    uint64_t state = 1;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = next_unit(&state) - 0.5;
            b[i][j] = next_unit(&state) - 0.5;
        }
    }
    multiply();
    return end(digest_doubles(DIGEST_OF_NOTHING, &c[0][0], N * N));
}
