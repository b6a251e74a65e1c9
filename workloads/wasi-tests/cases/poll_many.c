// Several things at once: all that are due are told.
#include "check.h"

void test(void) {
  subscription wait[4] = {{1, 0, 1, 3600000000000, 0, 0}, {2, 0, 1, 1, 0, 0}, {3, 2, 1, 0, 0, 0}, {4, 2, 2, 0, 0, 0}};
  event events[4];
  uint32_t occurred = 0, seen = 0;
  ANSWERS("it succeeds", poll_oneoff(wait, events, 4, &occurred), OK);
  for (uint32_t i = 0; i < occurred && i < 4; i++) seen |= 1u << events[i].user_data;
  claim("both streams are ready", (seen & 24) == 24);
  claim("the hour is not over", !(seen & 2));
}
