// Writes to a file opened for appending go to its end.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, APPEND);
  uint64_t position;
  fd_seek(fd, 0, SET, &position);
  put(fd, "ab");
  claim("wherever the position was", holds(dir, "file.txt", "0123456789ab"));
  uint32_t other = open_at(dir, "file.txt", 0, R_FILE, APPEND);
  put(other, "cd");
  put(fd, "ef");
  claim("and wherever another has written", holds(dir, "file.txt", "0123456789abcdef"));
  fd_tell(fd, &position);
  claim("the position is then the end", position == 16);
  char byte;
  fd_seek(fd, 1, SET, &position);
  claim("reading is from the position", get(fd, &byte, 1) == 1 && byte == '1');
}
