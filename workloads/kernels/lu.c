// LU decomposition of a dense matrix in place, without pivoting: its diagonal dominates, so that
// none is needed. The triangles are multiplied back at some places and held against the matrix.
#include "kernel.h"

enum { N = 600, CHECKED = 500 };

static double original[N][N], a[N][N];

static void decompose(void) {
    for (int k = 0; k < N; k++) {
        double pivot = a[k][k];
        for (int i = k + 1; i < N; i++) {
            double factor = a[i][k] /= pivot;
            for (int j = k + 1; j < N; j++) {
                a[i][j] -= factor * a[k][j];
            }
        }
    }
}

// The entry (i, j) of L times U, where L's diagonal is of ones.
static double product(int i, int j) {
    double sum = 0.0;
    for (int k = 0; k <= (i < j ? i : j); k++) {
        sum += (k == i ? 1.0 : a[i][k]) * a[k][j];
    }
    return sum;
}

int main(void) {
    begin("lu");
    uint64_t state = 4;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            original[i][j] = next_unit(&state) - 0.5 + (i == j ? N : 0);
        }
    }
    memcpy(a, original, sizeof a);
    decompose();
    for (int n = 0; n < CHECKED; n++) {
        int i = (int)(next_u64(&state) % N), j = (int)(next_u64(&state) % N);
        double off = product(i, j) - original[i][j];
        if (!(off > -1e-9 && off < 1e-9)) {
            printf("L times U is off by %g at %d, %d\n", off, i, j);
            return 1;
        }
    }
    return end(digest_doubles(DIGEST_OF_NOTHING, &a[0][0], N * N));
}
