// Writing: standard output, files, several buffers.
#include "check.h"

void test(void) {
  uint32_t done = 0, dir = sandbox();
  iovec three[3] = {{"ok these ", 9}, {"", 0}, {"buffers\n", 8}};
  uint32_t answer = fd_write(1, three, 3, &done);
  if (done == 9) fd_write(1, three + 2, 1, &done), done += 9;
  ANSWERS("standard output takes several buffers", answer, OK);
  claim("all of them, at once or one by one", done == 17);
  uint32_t fd = open_at(dir, "new", CREAT, R_FILE, 0);
  claim("a file takes bytes", put(fd, "abc") == 3 && put(fd, "def") == 3);
  claim("one after the other", holds(dir, "new", "abcdef"));
  ANSWERS("no buffer at all is fine", fd_write(fd, three, 0, &done), OK);
  claim("and writes nothing", done == 0);
  ANSWERS("standard error takes bytes", fd_write(2, three, 2, &done), OK);
  ANSWERS("a directory is refused", fd_write(dir, three, 3, &done), ISDIR, BADF, NOTCAPABLE);
  uint32_t reader = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  ANSWERS("a file opened for reading is refused", fd_write(reader, three, 1, &done), BADF, NOTCAPABLE);
  ANSWERS("a closed descriptor is refused", fd_write(99, three, 3, &done), BADF);
}
