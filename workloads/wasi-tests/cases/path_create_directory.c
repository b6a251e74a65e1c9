// Creating directories.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  filestat stat;
  ANSWERS("it succeeds", path_create_directory(dir, T("new")), OK);
  claim("and there is a directory", !stat_of(dir, "new", 0, &stat) && stat.kind == IS_DIRECTORY);
  ANSWERS("in another one too", path_create_directory(dir, T("new/inner")), OK);
  ANSWERS("through a link to a directory", path_create_directory(dir, T("dirlink/linked")), OK);
  claim("it is where the link points", !stat_of(dir, "dir/linked", 0, &stat));
  ANSWERS("what exists is refused", path_create_directory(dir, T("new")), EXIST);
  ANSWERS("even if it is a file", path_create_directory(dir, T("file.txt")), EXIST);
  ANSWERS("without a parent it is refused", path_create_directory(dir, T("no/where")), NOENT);
  ANSWERS("within a file it is refused", path_create_directory(dir, T("file.txt/x")), NOTDIR);
  ANSWERS("outside it is refused", path_create_directory(dir, T("../outside/x")), REFUSED);
}
