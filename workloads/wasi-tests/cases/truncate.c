// Cutting a file under an open descriptor.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), reader = open_at(dir, "file.txt", 0, R_FILE_READ, 0), fd;
  char buffer[16];
  uint64_t position;
  get(reader, buffer, 8);
  need("opening with TRUNC", path_open(dir, 0, T("file.txt"), TRUNC, R_FILE, 0, 0, &fd));
  claim("the reader is then beyond the end", get(reader, buffer, 16) == 0);
  put(fd, "new");
  fd_seek(reader, 0, SET, &position);
  claim("and sees what is written anew", get(reader, buffer, 16) == 3 && same(buffer, "new", 3));
  ANSWERS("TRUNC creates nothing", path_open(dir, 0, T("nothing"), TRUNC, R_FILE, 0, 0, &fd), NOENT);
  ANSWERS("with CREAT it does", path_open(dir, 0, T("nothing"), CREAT | TRUNC, R_FILE, 0, 0, &fd), OK);
}
