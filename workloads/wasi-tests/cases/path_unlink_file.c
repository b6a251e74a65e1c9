// Removing names of files.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  char buffer[16];
  filestat stat;
  ANSWERS("a file goes", path_unlink_file(dir, T("file.txt")), OK);
  ANSWERS("and is gone", stat_of(dir, "file.txt", 0, &stat), NOENT);
  claim("but stays readable where it is open", get(fd, buffer, 16) == 10);
  ANSWERS("a link goes", path_unlink_file(dir, T("dirlink")), OK);
  claim("and not what it points to", holds(dir, "dir/inner.txt", "inner"));
  ANSWERS("a directory is refused", path_unlink_file(dir, T("empty")), ISDIR, PERM);
  ANSWERS("what does not exist is refused", path_unlink_file(dir, T("nothing")), NOENT);
}
