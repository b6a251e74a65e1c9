// A closed descriptor is closed, and its number can be used again.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE_READ, 0), done;
  char byte;
  iovec one = {&byte, 1};
  ANSWERS("closing succeeds", fd_close(fd), OK);
  ANSWERS("closing again is refused", fd_close(fd), BADF);
  ANSWERS("reading from it is refused", fd_read(fd, &one, 1, &done), BADF);
  ANSWERS("a number never given is refused", fd_close(4000000000), BADF);
  fd = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  claim("another file can be opened", get(fd, &byte, 1) == 1 && byte == '0');
  ANSWERS("a granted directory can be closed", fd_close(dir), OK);
  ANSWERS("and is then gone", path_open(dir, 0, T("file.txt"), 0, R_READ, 0, 0, &fd), BADF);
}
