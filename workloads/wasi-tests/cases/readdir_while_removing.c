// Removing what has been listed loses nothing of the rest.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), used, removed = 0;
  uint32_t many = open_at(dir, "many", DIRECTORY, R_READDIR | R_UNLINK, 0);
  uint64_t cookie = 0;
  char buffer[32];
  for (int rounds = 0; rounds < 100; rounds++) {
    need("fd_readdir", fd_readdir(many, buffer, sizeof buffer, cookie, &used));
    dirent entry;
    if (used < sizeof entry) break;
    for (uint32_t i = 0; i < sizeof entry; i++) ((char *)&entry)[i] = buffer[i];
    if (sizeof entry + entry.name_len > used) break;
    cookie = entry.next;
    if (entry.kind == REGULAR_FILE && !path_unlink_file(many, buffer + sizeof entry, entry.name_len)) removed++;
  }
  claim_with("all five files are removed", removed == 5, removed);
  ANSWERS("and the directory is empty", path_remove_directory(dir, T("many")), OK);
}
