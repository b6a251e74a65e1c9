// Links that never end.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd;
  filestat stat;
  ANSWERS("following one stops", path_open(dir, FOLLOW, T("loop"), 0, R_READ, 0, 0, &fd), LOOP, MLINK);
  ANSWERS("as a directory too", path_open(dir, FOLLOW, T("loop/x"), 0, R_READ, 0, 0, &fd), LOOP, MLINK);
  ANSWERS("looking too", stat_of(dir, "loop", FOLLOW, &stat), LOOP, MLINK);
  ANSWERS("the link itself is there", stat_of(dir, "loop", 0, &stat), OK);
}
