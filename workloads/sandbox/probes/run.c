// Runs at all: what every other answer rests on.
#include "../probe.h"

static void probe(void) { text("granted: it ran and ended\n"); }
