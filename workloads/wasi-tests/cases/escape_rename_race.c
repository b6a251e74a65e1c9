// Moving a directory away while paths through it lead up.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd;
  uint32_t leaked = 0, opened = 0;
  need("a directory", path_create_directory(dir, T("dir/deep")));
  need("a directory in it", path_create_directory(dir, T("dir/deep/deeper")));
  uint32_t deeper = open_at(dir, "dir/deep/deeper", DIRECTORY, R_READDIR | R_OPEN | R_FILE_READ, 0);
  for (int i = 0; i < 200; i++) {
    need("moving up", path_rename(dir, T("dir/deep"), dir, T("deep")));
    if (!path_open(dir, FOLLOW, T("deep/deeper/../../../outside/secret.txt"), 0, R_READ, 0, 0, &fd)) leaked++;
    if (!path_open(deeper, FOLLOW, T("../../outside/secret.txt"), 0, R_READ, 0, 0, &fd)) leaked++;
    if (!path_open(deeper, FOLLOW, T("../../file.txt"), 0, R_READ, 0, 0, &fd)) leaked++;
    need("moving back", path_rename(dir, T("deep"), dir, T("dir/deep")));
    if (!path_open(dir, FOLLOW, T("dir/deep/deeper/../../../file.txt"), 0, R_READ, 0, 0, &fd)) opened++, fd_close(fd);
  }
  claim_with("nothing outside ever opened", leaked == 0, leaked);
  claim_with("what is inside always did", opened == 200, opened);
}
