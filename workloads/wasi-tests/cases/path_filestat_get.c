// What a path names.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  filestat stat, target;
  ANSWERS("a file", stat_of(dir, "file.txt", 0, &stat), OK);
  claim("is a regular file of ten bytes", stat.kind == REGULAR_FILE && stat.size == 10);
  ANSWERS("a directory", stat_of(dir, "dir", 0, &stat), OK);
  claim("is a directory", stat.kind == IS_DIRECTORY);
  ANSWERS("a link not followed", stat_of(dir, "link", 0, &stat), OK);
  claim("is a link", stat.kind == SYMBOLIC_LINK);
  ANSWERS("a link followed", stat_of(dir, "link", FOLLOW, &stat), OK);
  stat_of(dir, "file.txt", 0, &target);
  claim("is what it points to", stat.kind == REGULAR_FILE && stat.ino == target.ino);
  ANSWERS("what does not exist is refused", stat_of(dir, "nothing", 0, &stat), NOENT);
  ANSWERS("so is a link to it", stat_of(dir, "dangling", FOLLOW, &stat), NOENT);
  ANSWERS("which itself is there", stat_of(dir, "dangling", 0, &stat), OK);
  ANSWERS("a file is no directory", stat_of(dir, "file.txt/x", 0, &stat), NOTDIR);
  ANSWERS("the directory itself", stat_of(dir, ".", 0, &stat), OK);
}
