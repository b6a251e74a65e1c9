// Rights can be given up and never won back.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0), done;
  char byte;
  iovec one = {&byte, 1};
  fdstat stat;
  fd_fdstat_get(fd, &stat);
  ANSWERS("writing can be given up", fd_fdstat_set_rights(fd, stat.base & ~(uint64_t)R_WRITE, stat.inheriting & ~(uint64_t)R_WRITE), OK);
  ANSWERS("and is then refused", fd_write(fd, &one, 1, &done), NOTCAPABLE, BADF);
  ANSWERS("reading still works", fd_read(fd, &one, 1, &done), OK);
  ANSWERS("winning it back is refused", fd_fdstat_set_rights(fd, stat.base, stat.inheriting), NOTCAPABLE);
  fd_fdstat_get(fd, &stat);
  claim("the refusal changed nothing", !(stat.base & R_WRITE) && (stat.base & R_READ));
  fd_fdstat_get(dir, &stat);
  ANSWERS("a directory can give up opening", fd_fdstat_set_rights(dir, stat.base & ~(uint64_t)R_OPEN, stat.inheriting), OK);
  ANSWERS("and opens nothing more", path_open(dir, 0, T("file.txt"), 0, R_READ, 0, 0, &fd), NOTCAPABLE);
}
