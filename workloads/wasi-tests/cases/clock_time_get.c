// Time passes, and only forward where it is promised.
#include "check.h"

void test(void) {
  uint64_t now = 0, before = 0, after = 0;
  ANSWERS("the realtime clock tells the time", clock_time_get(0, 1, &now), OK);
  claim("it is after 2020 and before 2200", now > 1577836800000000000 && now < 7258118400000000000);
  ANSWERS("the monotonic clock tells the time", clock_time_get(1, 1, &before), OK);
  int forward = 1;
  for (int i = 0; i < 1000; i++) {
    clock_time_get(1, 0, &after);
    if (after < before) forward = 0;
    before = after;
  }
  claim("it never goes back", forward);
}
