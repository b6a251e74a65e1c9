// How soon each point of a grid over the Mandelbrot set escapes: short loops of floating arithmetic
// that end when nobody can foresee it.
#include "kernel.h"

enum { WIDTH = 480, HEIGHT = 320, MOST = 200 };

static uint64_t escape(double cx, double cy) {
    double x = 0.0, y = 0.0;
    uint64_t round = 0;
    while (round < MOST) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 4.0) {
            break;
        }
        y = 2.0 * x * y + cy;
        x = xx - yy + cx;
        round++;
    }
    return round;
}

int main(void) {
    begin("mandelbrot");
    uint64_t digest = DIGEST_OF_NOTHING;
    for (int row = 0; row < HEIGHT; row++) {
        for (int column = 0; column < WIDTH; column++) {
            uint64_t rounds = escape(-2.0 + 3.0 * column / WIDTH, -1.0 + 2.0 * row / HEIGHT);
            digest = digest_u64(digest, rounds);
        }
    }
    return end(digest);
}
