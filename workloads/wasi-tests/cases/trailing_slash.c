// A name that ends in a slash means a directory.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  ANSWERS("a directory is made", path_create_directory(dir, T("new/")), OK);
  ANSWERS("and moved", path_rename(dir, T("new/"), dir, T("newer/")), OK);
  uint32_t answer = path_remove_directory(dir, T("newer/"));
  ANSWERS("and removed, or only without the slash", answer, OK, INVAL);
  if (answer) need("removing without the slash", path_remove_directory(dir, T("newer")));
  ANSWERS("a file is not removed", path_unlink_file(dir, T("file.txt/")), NOTDIR, NOENT);
  ANSWERS("nor moved", path_rename(dir, T("file.txt/"), dir, T("x")), NOTDIR, NOENT);
  ANSWERS("nor moved to one", path_rename(dir, T("file.txt"), dir, T("x/")), NOTDIR, NOENT);
  ANSWERS("a link is not made", path_symlink(T("file.txt"), dir, T("x/")), NOENT, NOTDIR);
  claim("the file is still there", holds(dir, "file.txt", "0123456789"));
}
