// Does not end.
#include "../probe.h"

static volatile uint32_t turns;

static void probe(void) {
  for (;;) turns++;
}
