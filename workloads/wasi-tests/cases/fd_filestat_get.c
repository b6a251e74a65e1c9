// What an open file is.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  filestat stat, other;
  ANSWERS("it succeeds on a file", fd_filestat_get(fd, &stat), OK);
  claim("which is a regular file of ten bytes with one name", stat.kind == REGULAR_FILE && stat.size == 10 && stat.links == 1);
  claim("and has been changed after 2020", stat.mtim > 1577836800000000000);
  stat_of(dir, "file.txt", 0, &other);
  claim("by path it is the same file", stat.ino == other.ino && stat.dev == other.dev);
  ANSWERS("it succeeds on a directory", fd_filestat_get(dir, &stat), OK);
  claim("which is a directory", stat.kind == IS_DIRECTORY);
  claim("and another file", stat.ino != other.ino);
  ANSWERS("a closed descriptor is refused", fd_filestat_get(99, &stat), BADF);
}
