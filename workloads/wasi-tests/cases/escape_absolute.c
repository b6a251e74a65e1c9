// Absolute paths.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd, used;
  char buffer[64];
  filestat stat;
  ANSWERS("`/etc/passwd` does not open", path_open(dir, FOLLOW, T("/etc/passwd"), 0, R_READ, 0, 0, &fd), REFUSED);
  ANSWERS("`/etc/passwd` is not created", path_open(dir, FOLLOW, T("/etc/passwd.new"), CREAT, R_FILE, 0, 0, &fd), REFUSED);
  ANSWERS("`/etc/passwd` is not looked at", stat_of(dir, "/etc/passwd", FOLLOW, &stat), REFUSED);
  ANSWERS("`/etc/passwd` is not touched", path_filestat_set_times(dir, FOLLOW, T("/etc/passwd"), 1, 1, ATIM | MTIM), REFUSED);
  ANSWERS("`/etc/passwd` is not removed", path_unlink_file(dir, T("/etc/passwd")), REFUSED);
  ANSWERS("`/etc/passwd` is not removed as a directory", path_remove_directory(dir, T("/etc/passwd")), REFUSED);
  ANSWERS("`/etc/passwd` is not moved in", path_rename(dir, T("/etc/passwd"), dir, T("stolen")), REFUSED);
  ANSWERS("nothing moves to `/etc/passwd`", path_rename(dir, T("file.txt"), dir, T("/etc/passwd")), REFUSED);
  ANSWERS("`/etc/passwd` gets no second name", path_link(dir, 0, T("/etc/passwd"), dir, T("stolen")), REFUSED);
  ANSWERS("nothing is linked to `/etc/passwd`", path_link(dir, 0, T("file.txt"), dir, T("/etc/passwd.new")), REFUSED);
  ANSWERS("`/etc/passwd` becomes no directory", path_create_directory(dir, T("/etc/passwd.new")), REFUSED);
  ANSWERS("`/etc/passwd` becomes no link", path_symlink(T("x"), dir, T("/etc/passwd.new")), REFUSED);
  ANSWERS("`/etc/passwd` is not read as a link", path_readlink(dir, T("/etc/passwd"), buffer, sizeof buffer, &used), REFUSED);
  claim("what is inside is untouched", holds(dir, "file.txt", "0123456789"));
}
