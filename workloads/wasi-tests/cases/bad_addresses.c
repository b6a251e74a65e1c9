// Addresses outside the memory are answered with an error; an engine may stop the guest instead.
#include "check.h"

#define FAR ((void *)0xfffffff0u)
enum { FAULT = 21 };

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0), done;
  iovec beyond = {FAR, 8}, wraps = {(void *)16, 0xffffffffu}, both[2] = {{"x", 1}, {FAR, 1}};
  ANSWERS("where to put the arguments", args_get(FAR, FAR), FAULT);
  ANSWERS("where to put random bytes", random_get(FAR, 1), FAULT);
  ANSWERS("more random bytes than there is memory", random_get((void *)16, 0xffffffffu), FAULT);
  ANSWERS("a buffer to read into", fd_read(fd, &beyond, 1, &done), FAULT);
  ANSWERS("a buffer that wraps around", fd_read(fd, &wraps, 1, &done), FAULT);
  ANSWERS("one bad buffer of two", fd_write(fd, both, 2, &done), FAULT);
  ANSWERS("a table of buffers", fd_write(fd, FAR, 1, &done), FAULT);
  ANSWERS("a table of too many", fd_write(fd, &beyond, 0xffffffffu, &done), FAULT);
  ANSWERS("where to put the count", fd_write(fd, both, 1, FAR), FAULT);
  ANSWERS("a path", path_open(dir, 0, FAR, 4, 0, R_READ, 0, 0, &done), FAULT);
  ANSWERS("where to put the descriptor", path_open(dir, 0, T("new"), CREAT, R_FILE, 0, 0, FAR), FAULT);
  filestat stat;
  ANSWERS("and then nothing is created", stat_of(dir, "new", 0, &stat), NOENT);
  claim("nor written", holds(dir, "file.txt", "0123456789"));
}
