// Sending is for sockets; an engine may not support it.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0), sent;
  iovec one = {"x", 1};
  ANSWERS("a file is refused", sock_send(fd, &one, 1, 0, &sent), NOTSOCK, NOTSUP, NOSYS, BADF);
  claim("and not written to", holds(dir, "file.txt", "0123456789"));
  ANSWERS("a closed descriptor is refused", sock_send(99, &one, 1, 0, &sent), BADF, NOTSUP, NOSYS);
}
