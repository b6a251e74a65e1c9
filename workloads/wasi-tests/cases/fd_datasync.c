// Data can be flushed to storage.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "new", CREAT, R_FILE, 0);
  put(fd, "x");
  ANSWERS("it succeeds on a file", fd_datasync(fd), OK);
  ANSWERS("a closed descriptor is refused", fd_datasync(99), BADF);
}
