// Accepting is for sockets; an engine may not support it.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0), accepted;
  ANSWERS("a file is refused", sock_accept(fd, 0, &accepted), NOTSOCK, NOTSUP, NOSYS, BADF);
  ANSWERS("a closed descriptor is refused", sock_accept(99, 0, &accepted), BADF, NOTSUP, NOSYS);
}
