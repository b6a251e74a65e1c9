// Listing a directory.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = open_at(dir, "many", DIRECTORY, R_READDIR | R_STAT, 0), used = 0;
  char buffer[1024];
  ANSWERS("it succeeds", fd_readdir(fd, buffer, sizeof buffer, 0, &used), OK);
  claim("and leaves room, for everything is there", used && used < sizeof buffer);
  uint32_t seen = 0, self = 0, parent = 0, kinds = 1;
  for (uint32_t at = 0; at + sizeof(dirent) <= used;) {
    dirent entry;
    for (uint32_t i = 0; i < sizeof entry; i++) ((char *)&entry)[i] = buffer[at + i];
    const char *name = buffer + at + sizeof entry;
    if (entry.name_len == 1 && *name == '.') self++, kinds &= entry.kind == IS_DIRECTORY;
    else if (entry.name_len == 2 && same(name, "..", 2)) parent++, kinds &= entry.kind == IS_DIRECTORY;
    else if (entry.name_len == 1 && *name >= 'a' && *name <= 'e') seen |= 1u << (*name - 'a'), kinds &= entry.kind == REGULAR_FILE;
    at += sizeof entry + entry.name_len;
  }
  claim("every file is listed", seen == 31);
  claim("and the directory and its parent, once", self == 1 && parent == 1);
  claim("each as what it is", kinds);
  ANSWERS("no buffer lists nothing", fd_readdir(fd, buffer, 0, 0, &used), OK);
  claim("and uses nothing", used == 0);
  uint32_t file = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  ANSWERS("a file is refused", fd_readdir(file, buffer, sizeof buffer, 0, &used), NOTDIR, BADF, NOTCAPABLE);
  ANSWERS("a closed descriptor is refused", fd_readdir(99, buffer, sizeof buffer, 0, &used), BADF);
}
