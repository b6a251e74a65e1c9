// Where the position is.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0);
  uint64_t position = 99;
  char four[4];
  ANSWERS("it succeeds", fd_tell(fd, &position), OK);
  claim("at the start", position == 0);
  get(fd, four, 4);
  fd_tell(fd, &position);
  claim("after reading it has moved", position == 4);
  put(fd, "xy");
  fd_tell(fd, &position);
  claim("after writing too", position == 6);
  ANSWERS("a closed descriptor is refused", fd_tell(99, &position), BADF);
}
