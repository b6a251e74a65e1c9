// Moving the position.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0);
  uint64_t position = 99;
  char byte;
  ANSWERS("from the start", fd_seek(fd, 3, SET, &position), OK);
  claim("to the fourth byte", position == 3 && get(fd, &byte, 1) == 1 && byte == '3');
  ANSWERS("from here", fd_seek(fd, 2, CUR, &position), OK);
  claim("by two", position == 6);
  ANSWERS("from the end", fd_seek(fd, -1, END, &position), OK);
  claim("to the last byte", position == 9 && get(fd, &byte, 1) == 1 && byte == '9');
  ANSWERS("before the start is refused", fd_seek(fd, -11, END, &position), INVAL);
  ANSWERS("and from the start too", fd_seek(fd, -1, SET, &position), INVAL);
  ANSWERS("beyond the end is allowed", fd_seek(fd, 20, SET, &position), OK);
  claim("and reads nothing", position == 20 && get(fd, &byte, 1) == 0);
  ANSWERS("a directory is refused", fd_seek(dir, 0, CUR, &position), ISDIR, BADF, NOTCAPABLE);
  ANSWERS("a closed descriptor is refused", fd_seek(99, 0, SET, &position), BADF);
}
