// Shortest paths between all pairs of a graph: sums and minima of integers, a third of which are of
// places that no edge joins. The triangle inequality is checked where the digest is made.
#include "kernel.h"

enum { N = 380, FAR = 1 << 28 };

static int32_t path[N][N];

static void shorten(void) {
    for (int k = 0; k < N; k++) {
        for (int i = 0; i < N; i++) {
            int32_t to = path[i][k];
            for (int j = 0; j < N; j++) {
                int32_t through = to + path[k][j];
                path[i][j] = through < path[i][j] ? through : path[i][j];
            }
        }
    }
}

int main(void) {
    begin("floyd-warshall");
    uint64_t state = 6;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            uint64_t drawn = next_u64(&state);
            path[i][j] = i == j ? 0 : drawn % 3 == 0 ? FAR : (int32_t)(1 + drawn / 3 % 1000);
        }
    }
    shorten();
    uint64_t digest = DIGEST_OF_NOTHING;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            if (path[i][j] > path[i][(i + j) % N] + path[(i + j) % N][j]) {
                puts("a path is longer than one of two parts");
                return 1;
            }
            digest = digest_u64(digest, (uint64_t)path[i][j]);
        }
    }
    return end(digest);
}
