// Without variables given there are none: the host's do not leak.
#include "check.h"

void test(void) {
  uint32_t count = 7, bytes = 7;
  ANSWERS("environ_sizes_get succeeds", environ_sizes_get(&count, &bytes), OK);
  claim("no variable is inherited", count == 0 && bytes == 0);
}
