// Returning from `_start` is success.
#include "check.h"

void test(void) {
  claim("this is the only claim", 1);
}
