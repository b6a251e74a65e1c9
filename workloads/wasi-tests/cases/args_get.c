// The arguments given on the command line, in order.
#include "check.h"

void test(void) {
  uint32_t count = 0, bytes = 0;
  char strings[256];
  char *table[8];
  need("args_sizes_get", args_sizes_get(&count, &bytes));
  claim("there are three arguments", count == 3 && bytes < sizeof strings);
  ANSWERS("args_get succeeds", args_get(table, strings), OK);
  claim("the second is `one`", same(table[1], "one", 4));
  claim("the third holds its space and is not cut", same(table[2], "two words", 10));
  claim("each starts where the one before ended", table[2] == table[1] + 4);
  claim("the first is the program's name, and not empty", table[0] == strings && *table[0]);
}
