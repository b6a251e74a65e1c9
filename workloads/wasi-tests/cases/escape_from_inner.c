// A directory opened deeper is a border of its own.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd;
  uint32_t inner = open_at(dir, "dir", DIRECTORY, R_READDIR | R_OPEN | R_PATH_STAT | R_FILE_READ, 0);
  filestat stat;
  claim("its own files open", holds(inner, "inner.txt", "inner"));
  ANSWERS("its parent's do not", path_open(inner, FOLLOW, T("../file.txt"), 0, R_READ, 0, 0, &fd), REFUSED);
  ANSWERS("not through a link either", path_open(inner, FOLLOW, T("inward"), 0, R_READ, 0, 0, &fd), REFUSED);
  ANSWERS("its parent is not looked at", stat_of(inner, "..", FOLLOW, &stat), REFUSED);
}
