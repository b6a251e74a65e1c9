// Reading: standard input, files, several buffers, the end.
#include "check.h"

void test(void) {
  char a[8], b[8];
  uint32_t done = 0, dir = sandbox();
  iovec two[2] = {{a, 3}, {b, 8}};
  ANSWERS("standard input can be read", fd_read(0, two, 2, &done), OK);
  claim("into several buffers, all or the first", same(a, "hel", 3) && (done == 5 || done == 3));
  if (done == 3) fd_read(0, two + 1, 1, &done);
  claim("to its last byte", same(b, "lo", 2));
  ANSWERS("at its end there is nothing", fd_read(0, two, 2, &done), OK);
  claim("and that is no error", done == 0);
  uint32_t fd = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  claim("a file is read", get(fd, a, 4) == 4 && same(a, "0123", 4));
  claim("from where the last read ended", get(fd, a, 8) == 6 && same(a, "456789", 6));
  claim("until its end", get(fd, a, 8) == 0);
  ANSWERS("no buffer at all is fine", fd_read(fd, two, 0, &done), OK);
  ANSWERS("a directory is refused", fd_read(dir, two, 2, &done), ISDIR, BADF, NOTCAPABLE);
  ANSWERS("standard output is refused", fd_read(1, two, 2, &done), BADF, NOTCAPABLE);
  ANSWERS("a closed descriptor is refused", fd_read(99, two, 2, &done), BADF);
}
