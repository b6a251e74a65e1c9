// Dots, doubled and trailing slashes, and what is no path.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd;
  filestat stat;
  claim("dots and doubled slashes mean nothing", holds(dir, "./dir//.././dir/./inner.txt", "inner"));
  ANSWERS("a slash after a directory is fine", stat_of(dir, "dir/", 0, &stat), OK);
  ANSWERS("a slash after a file is not", path_open(dir, 0, T("file.txt/"), 0, R_READ, 0, 0, &fd), NOTDIR, NOENT);
  ANSWERS("no path is none", path_open(dir, 0, T(""), 0, R_READ, 0, 0, &fd), NOENT, INVAL);
  ANSWERS("a NUL is no part of a path", path_open(dir, 0, T("file.txt\0"), 0, R_READ, 0, 0, &fd), INVAL, ILSEQ, NOENT);
  ANSWERS("nor are bytes that are no text", path_open(dir, 0, T("\xff\xfe"), CREAT, R_FILE, 0, 0, &fd), INVAL, ILSEQ, NOENT);
  static char path[5000];
  for (int i = 0; i < 5000; i++) path[i] = 'x';
  ANSWERS("a component can be too long", path_open(dir, 0, path, 300, 0, R_READ, 0, 0, &fd), NAMETOOLONG, NOENT);
  ANSWERS("and a path", path_open(dir, 0, path, 5000, 0, R_READ, 0, 0, &fd), NAMETOOLONG, NOENT);
}
