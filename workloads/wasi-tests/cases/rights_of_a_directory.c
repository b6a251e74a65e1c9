// A directory passes on no right that it has given up.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd;
  fdstat stat;
  need("fd_fdstat_get", fd_fdstat_get(dir, &stat));
  need("fd_fdstat_set_rights", fd_fdstat_set_rights(dir, stat.base, stat.inheriting & ~(uint64_t)(R_WRITE | R_ALLOCATE | R_SET_SIZE)));
  ANSWERS("opening for reading is allowed", path_open(dir, 0, T("file.txt"), 0, R_READ, 0, 0, &fd), OK);
  ANSWERS("opening for writing is not", path_open(dir, 0, T("file.txt"), 0, R_READ | R_WRITE, 0, 0, &fd), NOTCAPABLE);
  fd_fdstat_get(dir, &stat);
  need("fd_fdstat_set_rights", fd_fdstat_set_rights(dir, stat.base & ~(uint64_t)R_CREATE_FILE, stat.inheriting));
  ANSWERS("without the right nothing is created", path_open(dir, 0, T("new"), CREAT, R_READ, 0, 0, &fd), NOTCAPABLE);
  need("fd_fdstat_set_rights", fd_fdstat_set_rights(dir, stat.base & ~(uint64_t)(R_CREATE_FILE | R_UNLINK), stat.inheriting));
  ANSWERS("without the right nothing is removed", path_unlink_file(dir, T("file.txt")), NOTCAPABLE);
}
