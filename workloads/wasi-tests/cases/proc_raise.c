// A signal to itself ends the guest, as a shell tells it; an engine may know no signals (exit 3).
#include "check.h"

void test(void) {
  print("ok up to here\n");
  flush();
  uint32_t answer = proc_raise(6);
  proc_exit(answer == NOSYS || answer == NOTSUP ? 3 : 1);
}
