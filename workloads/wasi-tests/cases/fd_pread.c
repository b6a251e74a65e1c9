// Reading at an offset does not move the position.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE_READ, 0), done = 0;
  char a[4], b[4];
  iovec two[2] = {{a, 3}, {b, 4}};
  uint64_t position = 9;
  ANSWERS("it succeeds", fd_pread(fd, two, 2, 2, &done), OK);
  claim("and fills the buffers in order, all or the first", (done == 7 && same(b, "5678", 4)) || done == 3);
  claim("from the offset on", same(a, "234", 3));
  fd_tell(fd, &position);
  claim("the position has not moved", position == 0);
  ANSWERS("near the end it is short", fd_pread(fd, two, 2, 9, &done), OK);
  claim("by what is missing", done == 1 && a[0] == '9');
  ANSWERS("beyond the end it is empty", fd_pread(fd, two, 2, 100, &done), OK);
  claim("and no error", done == 0);
  ANSWERS("an offset beyond any is refused", fd_pread(fd, two, 2, ~0ull, &done), INVAL, 22, 61);
  ANSWERS("a directory is refused", fd_pread(dir, two, 2, 0, &done), ISDIR, BADF, NOTCAPABLE);
}
