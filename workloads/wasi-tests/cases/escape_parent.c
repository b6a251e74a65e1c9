// `..` above the granted directory, in every call that takes a path.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd, used;
  char buffer[64];
  filestat stat;
  ANSWERS("`../outside/secret.txt` does not open", path_open(dir, FOLLOW, T("../outside/secret.txt"), 0, R_READ, 0, 0, &fd), REFUSED);
  ANSWERS("`../outside/secret.txt` is not created", path_open(dir, FOLLOW, T("../outside/secret.txt.new"), CREAT, R_FILE, 0, 0, &fd), REFUSED);
  ANSWERS("`../outside/secret.txt` is not looked at", stat_of(dir, "../outside/secret.txt", FOLLOW, &stat), REFUSED);
  ANSWERS("`../outside/secret.txt` is not touched", path_filestat_set_times(dir, FOLLOW, T("../outside/secret.txt"), 1, 1, ATIM | MTIM), REFUSED);
  ANSWERS("`../outside/secret.txt` is not removed", path_unlink_file(dir, T("../outside/secret.txt")), REFUSED);
  ANSWERS("`../outside/secret.txt` is not removed as a directory", path_remove_directory(dir, T("../outside/secret.txt")), REFUSED);
  ANSWERS("`../outside/secret.txt` is not moved in", path_rename(dir, T("../outside/secret.txt"), dir, T("stolen")), REFUSED);
  ANSWERS("nothing moves to `../outside/secret.txt`", path_rename(dir, T("file.txt"), dir, T("../outside/secret.txt")), REFUSED);
  ANSWERS("`../outside/secret.txt` gets no second name", path_link(dir, 0, T("../outside/secret.txt"), dir, T("stolen")), REFUSED);
  ANSWERS("nothing is linked to `../outside/secret.txt`", path_link(dir, 0, T("file.txt"), dir, T("../outside/secret.txt.new")), REFUSED);
  ANSWERS("`../outside/secret.txt` becomes no directory", path_create_directory(dir, T("../outside/secret.txt.new")), REFUSED);
  ANSWERS("`../outside/secret.txt` becomes no link", path_symlink(T("x"), dir, T("../outside/secret.txt.new")), REFUSED);
  ANSWERS("`../outside/secret.txt` is not read as a link", path_readlink(dir, T("../outside/secret.txt"), buffer, sizeof buffer, &used), REFUSED);
  claim("what is inside is untouched", holds(dir, "file.txt", "0123456789"));
}
