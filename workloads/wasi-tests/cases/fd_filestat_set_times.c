// The times of an open file.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0);
  filestat stat;
  ANSWERS("setting both succeeds", fd_filestat_set_times(fd, 1000000001, 2000000002, ATIM | MTIM), OK);
  fd_filestat_get(fd, &stat);
  claim("to the nanosecond", stat.atim == 1000000001 && stat.mtim == 2000000002);
  ANSWERS("setting one succeeds", fd_filestat_set_times(fd, 5, 3000000003, MTIM), OK);
  fd_filestat_get(fd, &stat);
  claim("and leaves the other", stat.atim == 1000000001 && stat.mtim == 3000000003);
  ANSWERS("setting to now succeeds", fd_filestat_set_times(fd, 5, 5, MTIM_NOW), OK);
  fd_filestat_get(fd, &stat);
  claim("and is after 2020", stat.mtim > 1577836800000000000);
  ANSWERS("a value and now together are refused", fd_filestat_set_times(fd, 5, 5, MTIM | MTIM_NOW), INVAL);
}
