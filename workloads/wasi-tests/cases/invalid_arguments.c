// Numbers without a meaning are answered with an error; an engine may stop the guest instead.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "file.txt", 0, R_FILE, 0), other, occurred;
  uint64_t number;
  filestat stat;
  subscription wait = {1, 9, 99, 0, 0, 0};
  event events;
  ANSWERS("a clock", clock_time_get(17, 0, &number), INVAL);
  ANSWERS("a clock's resolution", clock_res_get(17, &number), INVAL);
  ANSWERS("advice", fd_advise(fd, 0, 0, 6), INVAL);
  ANSWERS("a base to seek from", fd_seek(fd, 0, 3, &number), INVAL);
  ANSWERS("flags of a descriptor", fd_fdstat_set_flags(fd, 1 << 9), INVAL);
  ANSWERS("flags of opening", path_open(dir, 0, T("file.txt"), 1 << 9, R_READ, 0, 0, &other), INVAL);
  ANSWERS("flags of what is opened", path_open(dir, 0, T("file.txt"), 0, R_READ, 0, 1 << 9, &other), INVAL);
  ANSWERS("flags of looking up", path_filestat_get(dir, 1 << 9, T("file.txt"), &stat), INVAL);
  ANSWERS("flags of times", fd_filestat_set_times(fd, 0, 0, 1 << 9), INVAL);
  ANSWERS("what to wait for", poll_oneoff(&wait, &events, 1, &occurred), INVAL);
  ANSWERS("a signal", proc_raise(99), INVAL, NOSYS, NOTSUP);
  claim("nothing happened to the file", holds(dir, "file.txt", "0123456789"));
}
