// The end, at once and with its number.
#include "check.h"

void test(void) {
  print("ok up to here\n");
  flush();
  proc_exit(42);
  print("FAILED this cannot be reached\n");
}
