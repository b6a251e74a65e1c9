// Appending can be turned on and off on an open file.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0);
  uint64_t position;
  fdstat stat;
  ANSWERS("append can be set", fd_fdstat_set_flags(fd, APPEND), OK);
  fd_fdstat_get(fd, &stat);
  claim("and is then seen", stat.flags == APPEND);
  put(fd, "ab");
  claim("writes go to the end", holds(dir, "file.txt", "0123456789ab"));
  ANSWERS("append can be cleared", fd_fdstat_set_flags(fd, 0), OK);
  fd_seek(fd, 0, SET, &position);
  put(fd, "AB");
  claim("writes go to the position again", holds(dir, "file.txt", "AB23456789ab"));
  ANSWERS("a closed descriptor is refused", fd_fdstat_set_flags(99, 0), BADF);
}
