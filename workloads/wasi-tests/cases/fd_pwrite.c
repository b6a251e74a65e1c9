// Writing at an offset does not move the position.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0), done = 0;
  iovec two[2] = {{"ab", 2}, {"c", 1}};
  uint64_t position = 9;
  ANSWERS("it succeeds", fd_pwrite(fd, two, 2, 4, &done), OK);
  claim("and takes all or the first buffer", done == 3 || done == 2);
  if (done == 2) fd_pwrite(fd, two + 1, 1, 6, &done);
  fd_tell(fd, &position);
  claim("the position has not moved", position == 0);
  claim("the bytes are where they belong", holds(dir, "file.txt", "0123abc789"));
  ANSWERS("beyond the end it extends", fd_pwrite(fd, two, 1, 12, &done), OK);
  char buffer[32];
  claim("with zeros between", get(fd, buffer, 32) == 14 && same(buffer + 10, "\0\0ab", 4));
  uint32_t reader = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  ANSWERS("without the right it is refused", fd_pwrite(reader, two, 1, 0, &done), NOTCAPABLE, BADF);
}
