// The granted directory's name, without a NUL.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox();
  struct { uint32_t kind, name_len; } prestat;
  char name[16] = "...............";
  fd_prestat_get(dir, &prestat);
  ANSWERS("it succeeds", fd_prestat_dir_name(dir, name, prestat.name_len), OK);
  claim("and writes the name", same(name + prestat.name_len - 7, "sandbox", 7));
  claim("and no NUL after it", name[prestat.name_len] == '.');
  ANSWERS("too small a buffer is refused", fd_prestat_dir_name(dir, name, 3), NAMETOOLONG, INVAL);
  ANSWERS("a larger one is fine", fd_prestat_dir_name(dir, name, sizeof name), OK);
  ANSWERS("a closed descriptor is refused", fd_prestat_dir_name(99, name, 8), BADF);
}
