// Random bytes.
#include "check.h"

void test(void) {
  static uint8_t a[70000], b[70000];
  ANSWERS("it succeeds", random_get(a, sizeof a), OK);
  ANSWERS("it succeeds again", random_get(b, sizeof b), OK);
  uint32_t equal = 0, seen = 0, last = 0;
  for (uint32_t i = 0; i < sizeof a; i++) equal += a[i] == b[i];
  for (uint32_t i = sizeof a - 4096; i < sizeof a; i++) last |= a[i];
  for (int value = 0; value < 256; value++)
    for (uint32_t i = 0; i < sizeof a; i++) if (a[i] == value) { seen++; break; }
  claim("differently", equal < 2000);
  claim("with every value", seen == 256);
  claim("to the last page", last != 0);
  ANSWERS("no bytes are fine", random_get(a, 0), OK);
}
