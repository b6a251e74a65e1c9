// The variables given, and none of the host's.
#include "check.h"

void test(void) {
  uint32_t count = 0, bytes = 0;
  char strings[256];
  char *table[8];
  need("environ_sizes_get", environ_sizes_get(&count, &bytes));
  claim("there are two variables", count == 2 && bytes == 12 + 13);
  ANSWERS("environ_get succeeds", environ_get(table, strings), OK);
  int first = same(table[0], "COLOUR=blue", 12) || same(table[1], "COLOUR=blue", 12);
  int second = same(table[0], "EQUALS=a=b=c", 13) || same(table[1], "EQUALS=a=b=c", 13);
  claim("a variable has its name and value", first);
  claim("a value may hold equals signs", second);
}
