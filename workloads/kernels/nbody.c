// Bodies that attract each other, moved by the leapfrog method: square roots and divisions in long
// chains. The forces are softened, so that energy is kept well enough to be checked at the end.
#include <math.h>

#include "kernel.h"

enum { BODIES = 8, STEPS = 150000 };

static const double STEP = 1e-4, SOFTENING = 0.05;

struct body {
    double x, y, z, vx, vy, vz, mass;
};

static struct body bodies[BODIES];

static void pull(double step) {
    for (int i = 0; i < BODIES; i++) {
        struct body *one = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            struct body *other = &bodies[j];
            double x = one->x - other->x, y = one->y - other->y, z = one->z - other->z;
            double square = x * x + y * y + z * z + SOFTENING;
            double by = step / (square * sqrt(square));
            one->vx -= x * other->mass * by;
            one->vy -= y * other->mass * by;
            one->vz -= z * other->mass * by;
            other->vx += x * one->mass * by;
            other->vy += y * one->mass * by;
            other->vz += z * one->mass * by;
        }
    }
}

static void move(double step) {
    for (int i = 0; i < BODIES; i++) {
        bodies[i].x += step * bodies[i].vx;
        bodies[i].y += step * bodies[i].vy;
        bodies[i].z += step * bodies[i].vz;
    }
}

static double energy(void) {
    double sum = 0.0;
    for (int i = 0; i < BODIES; i++) {
        const struct body *one = &bodies[i];
        sum += 0.5 * one->mass * (one->vx * one->vx + one->vy * one->vy + one->vz * one->vz);
        for (int j = i + 1; j < BODIES; j++) {
            const struct body *other = &bodies[j];
            double x = one->x - other->x, y = one->y - other->y, z = one->z - other->z;
            sum -= one->mass * other->mass / sqrt(x * x + y * y + z * z + SOFTENING);
        }
    }
    return sum;
}

int main(void) {
    begin("nbody");
    uint64_t state = 7;
    for (int i = 0; i < BODIES; i++) {
        bodies[i] = (struct body){
            .x = next_unit(&state), .y = next_unit(&state), .z = next_unit(&state),
            .vx = next_unit(&state) - 0.5, .vy = next_unit(&state) - 0.5, .vz = next_unit(&state) - 0.5,
            .mass = 0.1 + next_unit(&state),
        };
    }
    double before = energy();
    for (int step = 0; step < STEPS; step++) {
        pull(STEP);
        move(STEP);
    }
    double lost = (energy() - before) / before;
    if (!(lost > -1e-2 && lost < 1e-2)) {
        printf("energy is off by a share of %g\n", lost);
        return 1;
    }
    uint64_t digest = digest_double(DIGEST_OF_NOTHING, energy());
    for (int i = 0; i < BODIES; i++) {
        double at[] = {bodies[i].x, bodies[i].y, bodies[i].z, bodies[i].vx, bodies[i].vy, bodies[i].vz};
        digest = digest_doubles(digest, at, sizeof at / sizeof *at);
    }
    return end(digest);
}
