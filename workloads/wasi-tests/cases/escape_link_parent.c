// A link to the parent directory, as a path's middle.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd, used;
  char buffer[64];
  filestat stat;
  ANSWERS("`up/outside/secret.txt` does not open", path_open(dir, FOLLOW, T("up/outside/secret.txt"), 0, R_READ, 0, 0, &fd), REFUSED);
  ANSWERS("`up/outside/secret.txt` is not created", path_open(dir, FOLLOW, T("up/outside/secret.txt.new"), CREAT, R_FILE, 0, 0, &fd), REFUSED);
  ANSWERS("`up/outside/secret.txt` is not looked at", stat_of(dir, "up/outside/secret.txt", FOLLOW, &stat), REFUSED);
  ANSWERS("`up/outside/secret.txt` is not touched", path_filestat_set_times(dir, FOLLOW, T("up/outside/secret.txt"), 1, 1, ATIM | MTIM), REFUSED);
  ANSWERS("`up/outside/secret.txt` is not removed", path_unlink_file(dir, T("up/outside/secret.txt")), REFUSED);
  ANSWERS("`up/outside/secret.txt` is not removed as a directory", path_remove_directory(dir, T("up/outside/secret.txt")), REFUSED);
  ANSWERS("`up/outside/secret.txt` is not moved in", path_rename(dir, T("up/outside/secret.txt"), dir, T("stolen")), REFUSED);
  ANSWERS("nothing moves to `up/outside/secret.txt`", path_rename(dir, T("file.txt"), dir, T("up/outside/secret.txt")), REFUSED);
  ANSWERS("`up/outside/secret.txt` gets no second name", path_link(dir, 0, T("up/outside/secret.txt"), dir, T("stolen")), REFUSED);
  ANSWERS("nothing is linked to `up/outside/secret.txt`", path_link(dir, 0, T("file.txt"), dir, T("up/outside/secret.txt.new")), REFUSED);
  ANSWERS("`up/outside/secret.txt` becomes no directory", path_create_directory(dir, T("up/outside/secret.txt.new")), REFUSED);
  ANSWERS("`up/outside/secret.txt` becomes no link", path_symlink(T("x"), dir, T("up/outside/secret.txt.new")), REFUSED);
  ANSWERS("`up/outside/secret.txt` is not read as a link", path_readlink(dir, T("up/outside/secret.txt"), buffer, sizeof buffer, &used), REFUSED);
  claim("what is inside is untouched", holds(dir, "file.txt", "0123456789"));
}
