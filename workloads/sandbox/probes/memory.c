// Takes memory, MiB by MiB, up to argument 1, and writes into every page of it.
#include "../probe.h"

enum { MEBIBYTE = 1 << 20, PAGE = 4096 };

#ifdef __wasm__

static volatile char *more(void) {
  size_t before = __builtin_wasm_memory_grow(0, MEBIBYTE >> 16);
  return before == (size_t)-1 ? NULL : (volatile char *)(before << 16);
}

#else

#include <sys/mman.h>

static volatile char *more(void) {
  void *at = mmap(NULL, MEBIBYTE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}

#endif

static void probe(void) {
  uint64_t wanted = number_of(argument(1)), held = 0;
  for (; held < wanted; held++) {
    volatile char *mebibyte = more();
    if (!mebibyte) break;
    for (size_t at = 0; at < MEBIBYTE; at += PAGE) mebibyte[at] = 1;
  }
  text(held < wanted ? "refused: no more than " : "granted: holds ");
  number(held);
  text(" MiB\n");
}
