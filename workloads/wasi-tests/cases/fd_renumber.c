// A descriptor can take another's number.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  uint32_t a = open_at(dir, "file.txt", 0, R_FILE_READ, 0), b = open_at(dir, "dir/inner.txt", 0, R_FILE_READ, 0);
  char byte = 0;
  ANSWERS("it succeeds", fd_renumber(a, b), OK);
  claim("the new number is the old file", get(b, &byte, 1) == 1 && byte == '0');
  ANSWERS("the old number is closed", fd_close(a), BADF);
  ANSWERS("a closed descriptor cannot be moved", fd_renumber(a, b), BADF);
  ANSWERS("nor from far away", fd_renumber(4000000000, b), BADF);
  claim("the file is still there", get(b, &byte, 1) == 1 && byte == '1');
}
