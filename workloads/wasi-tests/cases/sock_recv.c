// Receiving is for sockets; an engine may not support it.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0), received;
  uint16_t flags;
  char byte;
  iovec one = {&byte, 1};
  ANSWERS("a file is refused", sock_recv(fd, &one, 1, 0, &received, &flags), NOTSOCK, NOTSUP, NOSYS, BADF);
  ANSWERS("a closed descriptor is refused", sock_recv(99, &one, 1, 0, &received, &flags), BADF, NOTSUP, NOSYS);
}
