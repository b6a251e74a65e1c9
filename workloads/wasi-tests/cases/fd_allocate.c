// Allocation makes a file larger, never smaller; an engine may not support it.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "new", CREAT, R_FILE, 0);
  filestat stat;
  uint32_t answer = fd_allocate(fd, 0, 100);
  ANSWERS("allocation succeeds or is not supported", answer, OK, NOTSUP);
  fd_filestat_get(fd, &stat);
  claim("the file has the length, or the call is not supported", answer || stat.size == 100);
  answer = fd_allocate(fd, 10, 10);
  fd_filestat_get(fd, &stat);
  claim("allocating within does not cut the file", answer || stat.size == 100);
  ANSWERS("a length of zero is refused", fd_allocate(fd, 0, 0), INVAL, NOTSUP);
  ANSWERS("a closed descriptor is refused", fd_allocate(99, 0, 1), BADF);
}
