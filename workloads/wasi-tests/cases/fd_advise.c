// Advice changes nothing that can be seen.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  for (uint32_t advice = 0; advice < 6; advice++)
    ANSWERS("advice is taken", fd_advise(fd, 0, 10, advice), OK);
  claim("the content stays", holds(dir, "file.txt", "0123456789"));
  ANSWERS("a closed descriptor is refused", fd_advise(99, 0, 0, 0), BADF);
}
