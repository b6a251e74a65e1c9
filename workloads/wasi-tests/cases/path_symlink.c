// Creating links.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), used;
  char buffer[32];
  filestat stat;
  ANSWERS("it succeeds", path_symlink(T("file.txt"), dir, T("new")), OK);
  claim("and can be followed", holds(dir, "new", "0123456789"));
  path_readlink(dir, T("new"), buffer, sizeof buffer, &used);
  claim("and has its text", used == 8 && same(buffer, "file.txt", 8));
  ANSWERS("it need not lead anywhere", path_symlink(T("no/where"), dir, T("dir/lost")), OK);
  ANSWERS("and is there all the same", stat_of(dir, "dir/lost", 0, &stat), OK);
  ANSWERS("what exists is refused", path_symlink(T("file.txt"), dir, T("dir")), EXIST);
}
