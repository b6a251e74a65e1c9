// How many arguments, and how many bytes with their NULs.
#include "check.h"

void test(void) {
  uint32_t count = 0, bytes = 0;
  ANSWERS("args_sizes_get succeeds", args_sizes_get(&count, &bytes), OK);
  claim("the program's name alone is one argument", count == 1);
  claim("the bytes include a NUL", bytes >= 2);
}
