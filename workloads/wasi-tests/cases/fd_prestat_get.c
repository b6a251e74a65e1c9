// Which descriptors are granted directories.
#include "check.h"

void test(void) {
  struct { uint32_t kind, name_len; } prestat = {7, 7};
  uint32_t dir = sandbox();
  ANSWERS("it succeeds on the granted directory", fd_prestat_get(dir, &prestat), OK);
  claim("which has a name of that length", prestat.kind == 0 && prestat.name_len >= 7 && prestat.name_len <= 8);
  ANSWERS("standard output is none", fd_prestat_get(1, &prestat), BADF, NOTSUP, INVAL);
  ANSWERS("a closed descriptor is none", fd_prestat_get(99, &prestat), BADF);
  uint32_t fd = open_at(dir, "dir", DIRECTORY, R_READDIR, 0);
  ANSWERS("a directory opened by the guest is none", fd_prestat_get(fd, &prestat), BADF, NOTSUP);
}
