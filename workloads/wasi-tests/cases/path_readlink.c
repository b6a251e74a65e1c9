// The text of a link.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), used = 99;
  char buffer[32] = "...............................";
  ANSWERS("it succeeds", path_readlink(dir, T("link"), buffer, sizeof buffer, &used), OK);
  claim("and gives the text without a NUL", used == 8 && same(buffer, "file.txt.", 9));
  ANSWERS("a small buffer cuts it", path_readlink(dir, T("link"), buffer, 4, &used), OK);
  claim("to its size", used == 4 && same(buffer, "file", 4));
  ANSWERS("a file is no link", path_readlink(dir, T("file.txt"), buffer, sizeof buffer, &used), INVAL, NOTSUP);
  ANSWERS("what does not exist is none either", path_readlink(dir, T("nothing"), buffer, sizeof buffer, &used), NOENT);
}
