// Reads a file of the host by its absolute path, argument 1.
#include "../probe.h"

#ifdef __wasm__

CALL(path_open)(uint32_t fd, uint32_t lookup, const char *path, uint32_t len, uint32_t open,
                uint64_t base, uint64_t inheriting, uint32_t flags, uint32_t *opened);
CALL(fd_read)(uint32_t fd, const iovec *iovs, uint32_t count, uint32_t *done);

enum { BADF = 8, FIRST_DESCRIPTOR = 3, LAST_DESCRIPTOR = 9, READ = 1 << 1 };

static uint32_t try(uint32_t fd, const char *path) {
  uint32_t opened, done = 0;
  uint32_t error = path_open(fd, 1, path, (uint32_t)length(path), 0, READ, 0, 0, &opened);
  if (error) return error;
  char content[64];
  iovec room = {content, sizeof content};
  error = fd_read(opened, &room, 1, &done);
  if (error) return error;
  text("granted: read ");
  number(done);
  text(" bytes through descriptor ");
  number(fd);
  text("\n");
  return 0;
}

static void probe(void) {
  const char *path = argument(1);
  static char up[4096 + 64];
  size_t at = 0;
  for (int i = 0; i < 20; i++) { up[at++] = '.'; up[at++] = '.'; if (i < 19) up[at++] = '/'; }
  for (size_t i = 0; path[i] && at + 1 < sizeof up; i++) up[at++] = path[i];
  up[at] = 0;
  uint32_t met = BADF;
  // As it is, below what was granted, and up from there.
  const char *ways[] = {path, path + 1, up};
  for (uint32_t fd = FIRST_DESCRIPTOR; fd <= LAST_DESCRIPTOR; fd++)
    for (int way = 0; way < 3; way++) {
      uint32_t error = try(fd, ways[way]);
      if (!error) return;
      if (error != BADF) met = error;
    }
  refused(met == BADF ? "there is no directory to open it from" : "no directory leads to it", met);
}

#else

#include <fcntl.h>

static void probe(void) {
  char content[64];
  int fd = open(argument(1), O_RDONLY);
  if (fd < 0) { refused("it cannot be opened", (uint32_t)errno); return; }
  ssize_t done = read(fd, content, sizeof content);
  if (done < 0) { refused("it cannot be read", (uint32_t)errno); return; }
  text("granted: read ");
  number((uint64_t)done);
  text(" bytes\n");
}

#endif
