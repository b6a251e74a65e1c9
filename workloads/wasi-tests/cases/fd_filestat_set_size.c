// A file can be cut and extended with zeros.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0);
  char buffer[16];
  uint64_t position;
  ANSWERS("cutting succeeds", fd_filestat_set_size(fd, 4), OK);
  claim("and keeps the start", holds(dir, "file.txt", "0123"));
  ANSWERS("extending succeeds", fd_filestat_set_size(fd, 8), OK);
  fd_seek(fd, 0, SET, &position);
  claim("and adds zeros", get(fd, buffer, 16) == 8 && same(buffer, "0123\0\0\0\0", 8));
  ANSWERS("a size beyond any is refused", fd_filestat_set_size(fd, 1ull << 63), INVAL, 22, 61);
  uint32_t reader = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  ANSWERS("without the right it is refused", fd_filestat_set_size(reader, 0), NOTCAPABLE, BADF, INVAL, PERM);
  ANSWERS("a directory is refused", fd_filestat_set_size(dir, 0), ISDIR, BADF, NOTCAPABLE, INVAL);
}
