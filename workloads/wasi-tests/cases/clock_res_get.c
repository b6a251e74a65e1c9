// Resolutions are positive and finer than a second.
#include "check.h"

void test(void) {
  uint64_t resolution = 0;
  ANSWERS("the realtime clock has a resolution", clock_res_get(0, &resolution), OK);
  claim("of less than a second", resolution > 0 && resolution < 1000000000);
  resolution = 0;
  ANSWERS("the monotonic clock has a resolution", clock_res_get(1, &resolution), OK);
  claim("of less than a second", resolution > 0 && resolution < 1000000000);
}
