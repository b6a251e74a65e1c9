// The times of what a path names.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  filestat stat, file;
  ANSWERS("of a file", path_filestat_set_times(dir, 0, T("file.txt"), 1000000001, 2000000002, ATIM | MTIM), OK);
  stat_of(dir, "file.txt", 0, &stat);
  claim("both, to the nanosecond", stat.atim == 1000000001 && stat.mtim == 2000000002);
  ANSWERS("of a link itself", path_filestat_set_times(dir, 0, T("link"), 0, 3000000003, MTIM), OK);
  stat_of(dir, "link", 0, &stat);
  stat_of(dir, "file.txt", 0, &file);
  claim("and not of what it points to", stat.mtim == 3000000003 && file.mtim == 2000000002);
  ANSWERS("of what a link points to", path_filestat_set_times(dir, FOLLOW, T("link"), 0, 4000000004, MTIM), OK);
  stat_of(dir, "file.txt", 0, &file);
  claim("and then it is that", file.mtim == 4000000004);
  ANSWERS("a value and now together are refused", path_filestat_set_times(dir, 0, T("file.txt"), 1, 1, ATIM | ATIM_NOW), INVAL);
  ANSWERS("what does not exist is refused", path_filestat_set_times(dir, 0, T("nothing"), 1, 1, ATIM), NOENT);
}
