// Kind, flags and rights of a descriptor.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  fdstat stat;
  ANSWERS("it succeeds on a directory", fd_fdstat_get(dir, &stat), OK);
  claim("which is a directory", stat.kind == IS_DIRECTORY);
  claim("that cannot be read as a file", !(stat.base & (R_READ | R_SEEK | R_WRITE)));
  claim("and passes on reading and writing", (stat.inheriting & (R_READ | R_WRITE)) == (R_READ | R_WRITE));
  uint32_t fd = open_at(dir, "file.txt", 0, R_FILE, APPEND);
  ANSWERS("it succeeds on a file", fd_fdstat_get(fd, &stat), OK);
  claim("which is a regular file", stat.kind == REGULAR_FILE);
  claim("with the flag it was opened with", stat.flags == APPEND);
  claim("and the rights", (stat.base & (R_READ | R_WRITE)) == (R_READ | R_WRITE));
  fd = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  fd_fdstat_get(fd, &stat);
  claim("opened for reading it has no right to write", (stat.base & (R_READ | R_WRITE)) == R_READ);
  ANSWERS("a closed descriptor is refused", fd_fdstat_get(99, &stat), BADF);
}
