// Removing empty directories.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  filestat stat;
  ANSWERS("an empty one goes", path_remove_directory(dir, T("empty")), OK);
  ANSWERS("and is gone", stat_of(dir, "empty", 0, &stat), NOENT);
  ANSWERS("one with files stays", path_remove_directory(dir, T("dir")), NOTEMPTY);
  ANSWERS("a file is none", path_remove_directory(dir, T("file.txt")), NOTDIR);
  ANSWERS("nor is a link to one", path_remove_directory(dir, T("dirlink")), NOTDIR, NOTEMPTY);
  claim("which still points there", holds(dir, "dirlink/inner.txt", "inner"));
  ANSWERS("what does not exist is refused", path_remove_directory(dir, T("nothing")), NOENT);
}
