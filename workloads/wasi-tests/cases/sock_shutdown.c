// Shutting down is for sockets; an engine may not support it.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0);
  ANSWERS("a file is refused", sock_shutdown(fd, 3), NOTSOCK, NOTSUP, NOSYS, BADF);
  ANSWERS("a closed descriptor is refused", sock_shutdown(99, 3), BADF, NOTSUP, NOSYS);
}
