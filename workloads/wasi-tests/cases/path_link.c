// A second name for a file.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  filestat a, b;
  ANSWERS("it succeeds", path_link(dir, 0, T("file.txt"), dir, T("dir/second")), OK);
  stat_of(dir, "file.txt", 0, &a);
  stat_of(dir, "dir/second", 0, &b);
  claim("and is the same file with two names", a.ino == b.ino && a.links == 2);
  ANSWERS("an existing name is refused", path_link(dir, 0, T("file.txt"), dir, T("dir/inner.txt")), EXIST);
  ANSWERS("a directory is refused", path_link(dir, 0, T("dir"), dir, T("d2")), PERM, ACCES, ISDIR);
  ANSWERS("what does not exist is refused", path_link(dir, 0, T("nothing"), dir, T("n2")), NOENT);
  ANSWERS("a link is linked itself", path_link(dir, 0, T("dangling"), dir, T("dangling2")), OK);
  stat_of(dir, "dangling2", 0, &a);
  claim("and stays a link", a.kind == SYMBOLIC_LINK);
}
