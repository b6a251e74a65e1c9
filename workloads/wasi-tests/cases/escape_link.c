// Links that lead out, as the last component.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd, used;
  char buffer[64];
  filestat stat;
  ANSWERS("a link out does not open", path_open(dir, FOLLOW, T("escape"), 0, R_READ, 0, 0, &fd), REFUSED);
  ANSWERS("nor for writing", path_open(dir, FOLLOW, T("escape"), TRUNC, R_FILE, 0, 0, &fd), REFUSED);
  ANSWERS("nor is created through", path_open(dir, FOLLOW, T("escape"), CREAT, R_FILE, 0, 0, &fd), REFUSED);
  ANSWERS("an absolute one neither", path_open(dir, FOLLOW, T("absolute"), 0, R_READ, 0, 0, &fd), REFUSED);
  ANSWERS("one that starts deeper neither", path_open(dir, FOLLOW, T("dir/outward"), 0, R_READ, 0, 0, &fd), REFUSED);
  ANSWERS("it is not looked through", stat_of(dir, "escape", FOLLOW, &stat), REFUSED);
  ANSWERS("its target's times are not set", path_filestat_set_times(dir, FOLLOW, T("escape"), 1, 1, MTIM), REFUSED);
  ANSWERS("the link itself can be looked at", stat_of(dir, "escape", 0, &stat), OK);
  claim("as a link", stat.kind == SYMBOLIC_LINK);
  ANSWERS("and read", path_readlink(dir, T("escape"), buffer, sizeof buffer, &used), OK);
  ANSWERS("a slash after it does not help", stat_of(dir, "escapedir/", 0, &stat), REFUSED);
  ANSWERS("not even without following", path_open(dir, 0, T("escapedir/"), DIRECTORY, R_READDIR, 0, 0, &fd), REFUSED, LOOP, NOTDIR);
  ANSWERS("an absolute link is not made", path_symlink(T("/etc/passwd"), dir, T("made")), REFUSED);
  ANSWERS("a link within opens", path_open(dir, FOLLOW, T("dir/inward"), 0, R_READ, 0, 0, &fd), OK);
}
