// Moving names.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  filestat stat;
  ANSWERS("a file moves", path_rename(dir, T("file.txt"), dir, T("dir/moved")), OK);
  claim("with its content", holds(dir, "dir/moved", "0123456789"));
  ANSWERS("and is gone from where it was", stat_of(dir, "file.txt", 0, &stat), NOENT);
  ANSWERS("it replaces a file", path_rename(dir, T("dir/moved"), dir, T("dir/inner.txt")), OK);
  claim("wholly", holds(dir, "dir/inner.txt", "0123456789"));
  ANSWERS("but not a directory", path_rename(dir, T("dir/inner.txt"), dir, T("empty")), ISDIR, EXIST);
  ANSWERS("a directory moves", path_rename(dir, T("many"), dir, T("empty")), OK);
  claim("with its files, onto an empty one", holds(dir, "empty/c", "c"));
  ANSWERS("but not onto one with files", path_rename(dir, T("empty"), dir, T("dir")), NOTEMPTY, EXIST);
  ANSWERS("nor onto a file", path_rename(dir, T("empty"), dir, T("dir/inner.txt")), NOTDIR);
  ANSWERS("nor into itself", path_rename(dir, T("dir"), dir, T("dir/sub")), INVAL);
  ANSWERS("what does not exist is refused", path_rename(dir, T("nothing"), dir, T("x")), NOENT);
}
