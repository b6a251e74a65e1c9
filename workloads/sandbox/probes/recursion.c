// Calls itself without end.
#include "../probe.h"

static volatile uint32_t zero;

static __attribute__((noinline)) uint32_t deeper(uint32_t depth) {
  // Never true, which the compiler cannot know; and there is something to do on the way back.
  if (zero) return depth;
  return deeper(depth + 1) ^ zero;
}

static void probe(void) {
  number(deeper(0));
  text("\nrefused: it came back\n");
}
