// Cholesky's decomposition of a symmetric positive definite matrix, by inner products: sums that
// must be added up in order, and a square root a row.
#include <math.h>

#include "kernel.h"

enum { N = 600 };

static double a[N][N];

static int decompose(void) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j <= i; j++) {
            double sum = a[i][j];
            for (int k = 0; k < j; k++) {
                sum -= a[i][k] * a[j][k];
            }
            if (j < i) {
                a[i][j] = sum / a[j][j];
            } else if (sum > 0.0) {
                a[i][i] = sqrt(sum);
            } else {
                return 1;
            }
        }
    }
    return 0;
}

int main(void) {
    begin("cholesky");
    uint64_t state = 5;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            a[i][j] = a[j][i] = next_unit(&state) - 0.5;
        }
        a[i][i] = N;
    }
    if (decompose()) {
        puts("the matrix is not positive definite");
        return 1;
    }
    uint64_t digest = DIGEST_OF_NOTHING;
    for (int i = 0; i < N; i++) {
        digest = digest_doubles(digest, a[i], (size_t)i + 1);
    }
    return end(digest);
}
