// What every probe is made of: it says `begun`, tries one thing, and says what came of it in a line that
// begins with `granted:` or `refused:`.
//
// As WebAssembly it has no C library: what it shows is what the engine's calls do. Natively it has one.

#pragma once
#ifndef __wasm__
#define _GNU_SOURCE
#endif
#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__

#define CALL(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) \
  extern uint32_t name

typedef struct { const void *at; uint32_t len; } iovec;

CALL(args_get)(char **table, char *strings);
CALL(args_sizes_get)(uint32_t *count, uint32_t *bytes);
CALL(fd_write)(uint32_t fd, const iovec *iovs, uint32_t count, uint32_t *done);

static char strings[4096];
static char *words[64];
static uint32_t word_count;

static void put(const char *bytes, size_t len) {
  iovec whole = {bytes, (uint32_t)len};
  uint32_t done;
  (void)fd_write(1, &whole, 1, &done);
}

// Preview 1's numbers of errors, as far as a probe can meet them.
static const char *meaning(uint32_t error) {
  switch (error) {
  case 2: return "permission denied";
  case 8: return "bad descriptor";
  case 20: return "it exists";
  case 28: return "invalid argument";
  case 44: return "no such file";
  case 52: return "no such function";
  case 54: return "not a directory";
  case 58: return "not supported";
  case 63: return "not permitted";
  case 69: return "read-only";
  case 76: return "no capability for it";
  default: return "an error";
  }
}

#else

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static char **words;
static uint32_t word_count;

static void put(const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t done = write(1, bytes, len);
    if (done <= 0) return;
    bytes += done;
    len -= (size_t)done;
  }
}

static const char *meaning(int error) { return strerror(error); }

#endif

static size_t length(const char *text) {
  size_t len = 0;
  while (text[len]) len++;
  return len;
}

static void text(const char *line) { put(line, length(line)); }

static void number(uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  put(digits + at, sizeof digits - at);
}

// `refused: WHAT (MEANING, error NUMBER)`
static void refused(const char *what, uint32_t error) {
  text("refused: ");
  text(what);
  text(" (");
  text(meaning(error));
  text(", error ");
  number(error);
  text(")\n");
}

// The argument of that number, from 1; empty if there is none.
static const char *argument(uint32_t at) { return at < word_count ? words[at] : ""; }

static uint64_t number_of(const char *digits) {
  uint64_t value = 0;
  for (; *digits >= '0' && *digits <= '9'; digits++) value = value * 10 + (uint64_t)(*digits - '0');
  return value;
}

static void probe(void);

#ifdef __wasm__

void _start(void) {
  uint32_t bytes = 0;
  if (args_sizes_get(&word_count, &bytes) || bytes > sizeof strings || word_count > 64) word_count = 0;
  if (word_count && args_get(words, strings)) word_count = 0;
  text("begun\n");
  probe();
}

#else

int main(int count, char **given) {
  // Nothing that a probe has started outlives what started the probe.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  words = given;
  word_count = (uint32_t)count;
  text("begun\n");
  probe();
  return 0;
}

#endif
