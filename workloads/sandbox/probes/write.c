// Creates a file at an absolute path, argument 1, or failing that one of its last name.
#include "../probe.h"

#ifdef __wasm__

CALL(path_open)(uint32_t fd, uint32_t lookup, const char *path, uint32_t len, uint32_t open,
                uint64_t base, uint64_t inheriting, uint32_t flags, uint32_t *opened);

enum { BADF = 8, FIRST_DESCRIPTOR = 3, LAST_DESCRIPTOR = 9, CREATE = 1, WRITE = 1 << 6 };

static void probe(void) {
  const char *path = argument(1), *name = path;
  for (const char *at = path; *at; at++)
    if (*at == '/') name = at + 1;
  uint32_t met = BADF;
  const char *ways[] = {path, path + 1, name};
  for (uint32_t fd = FIRST_DESCRIPTOR; fd <= LAST_DESCRIPTOR; fd++)
    for (int way = 0; way < 3; way++) {
      uint32_t opened, done = 0;
      uint32_t len = (uint32_t)length(ways[way]);
      uint32_t error = path_open(fd, 0, ways[way], len, CREATE, WRITE, 0, 0, &opened);
      if (!error) {
        iovec whole = {"probe\n", 6};
        error = fd_write(opened, &whole, 1, &done);
      }
      if (!error) {
        text("granted: wrote ");
        number(done);
        text(" bytes through descriptor ");
        number(fd);
        text("\n");
        return;
      }
      if (error != BADF) met = error;
    }
  refused(met == BADF ? "there is no directory to create it in" : "no directory takes it", met);
}

#else

#include <fcntl.h>

static void probe(void) {
  int fd = open(argument(1), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd < 0) { refused("it cannot be created", (uint32_t)errno); return; }
  ssize_t done = write(fd, "probe\n", 6);
  if (done < 0) { refused("it cannot be written", (uint32_t)errno); return; }
  text("granted: wrote ");
  number((uint64_t)done);
  text(" bytes\n");
}

#endif
