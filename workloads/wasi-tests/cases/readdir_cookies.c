// A listing in small pieces is the listing.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), used;
  static char name[] = "many/file-000";
  for (int i = 0; i < 200; i++) {
    name[10] = (char)('0' + i / 100), name[11] = (char)('0' + i / 10 % 10), name[12] = (char)('0' + i % 10);
    fd_close(open_at(dir, name, CREAT, R_FILE, 0));
  }
  uint32_t many = open_at(dir, "many", DIRECTORY, R_READDIR, 0);
  uint32_t entries = 0, names = 0, rounds = 0, full = 1;
  uint64_t cookie = 0, third = 0;
  char buffer[64], after_third[16] = "";
  for (; rounds < 1000; rounds++) {
    need("fd_readdir", fd_readdir(many, buffer, sizeof buffer, cookie, &used));
    uint32_t at = 0;
    while (at + sizeof(dirent) <= used) {
      dirent entry;
      for (uint32_t i = 0; i < sizeof entry; i++) ((char *)&entry)[i] = buffer[at + i];
      if (at + sizeof entry + entry.name_len > used) break;
      if (entries == 3) for (uint32_t i = 0; i < entry.name_len && i < 16; i++) after_third[i] = buffer[at + sizeof entry + i];
      names += entry.name_len == 8;
      cookie = entry.next;
      if (++entries == 3) third = cookie;
      at += (uint32_t)sizeof entry + entry.name_len;
    }
    if (used < sizeof buffer) break;
    if (at == 0) { full = 0; break; }
  }
  claim_with("every entry comes once", entries == 207 && names == 200, entries);
  claim("a buffer not filled is the end", full && rounds < 1000);
  need("fd_readdir", fd_readdir(many, buffer, sizeof buffer, third, &used));
  claim("a cookie can be used again", used > sizeof(dirent) && same(buffer + sizeof(dirent), after_third, 2));
  need("fd_readdir", fd_readdir(many, buffer, 10, 0, &used));
  claim("an entry is cut where the buffer ends", used == 10);
}
