// Without following, a link is not opened.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd;
  ANSWERS("a link to a file", path_open(dir, 0, T("link"), 0, R_READ, 0, 0, &fd), LOOP);
  ANSWERS("a link to a directory", path_open(dir, 0, T("dirlink"), DIRECTORY, R_READDIR, 0, 0, &fd), LOOP, NOTDIR);
  ANSWERS("a link to nothing, creating", path_open(dir, 0, T("dangling"), CREAT, R_FILE, 0, 0, &fd), LOOP, EXIST);
  ANSWERS("in the middle links are followed", path_open(dir, 0, T("dirlink/inner.txt"), 0, R_READ, 0, 0, &fd), OK);
  ANSWERS("with following a link opens", path_open(dir, FOLLOW, T("link"), 0, R_READ, 0, 0, &fd), OK);
}
