// What every case is made of: the 46 imports, a way to state claims, and `_start`.
//
// There is no C library here, on purpose: a case shows what the engine's calls do, not what a
// library makes of them, and its binary depends on the compiler alone.

#pragma once
#include <stddef.h>
#include <stdint.h>

#define CALL(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) \
  extern uint32_t name

CALL(args_get)(void *table, void *strings);
CALL(args_sizes_get)(uint32_t *count, uint32_t *bytes);
CALL(environ_get)(void *table, void *strings);
CALL(environ_sizes_get)(uint32_t *count, uint32_t *bytes);
CALL(clock_res_get)(uint32_t clock, uint64_t *resolution);
CALL(clock_time_get)(uint32_t clock, uint64_t precision, uint64_t *time);
CALL(fd_advise)(uint32_t fd, uint64_t offset, uint64_t len, uint32_t advice);
CALL(fd_allocate)(uint32_t fd, uint64_t offset, uint64_t len);
CALL(fd_close)(uint32_t fd);
CALL(fd_datasync)(uint32_t fd);
CALL(fd_fdstat_get)(uint32_t fd, void *result);
CALL(fd_fdstat_set_flags)(uint32_t fd, uint32_t flags);
CALL(fd_fdstat_set_rights)(uint32_t fd, uint64_t base, uint64_t inheriting);
CALL(fd_filestat_get)(uint32_t fd, void *result);
CALL(fd_filestat_set_size)(uint32_t fd, uint64_t size);
CALL(fd_filestat_set_times)(uint32_t fd, uint64_t atim, uint64_t mtim, uint32_t which);
CALL(fd_pread)(uint32_t fd, const void *iovs, uint32_t count, uint64_t offset, uint32_t *done);
CALL(fd_prestat_get)(uint32_t fd, void *result);
CALL(fd_prestat_dir_name)(uint32_t fd, char *name, uint32_t len);
CALL(fd_pwrite)(uint32_t fd, const void *iovs, uint32_t count, uint64_t offset, uint32_t *done);
CALL(fd_read)(uint32_t fd, const void *iovs, uint32_t count, uint32_t *done);
CALL(fd_readdir)(uint32_t fd, void *buffer, uint32_t len, uint64_t cookie, uint32_t *used);
CALL(fd_renumber)(uint32_t from, uint32_t to);
CALL(fd_seek)(uint32_t fd, int64_t delta, uint32_t whence, uint64_t *position);
CALL(fd_sync)(uint32_t fd);
CALL(fd_tell)(uint32_t fd, uint64_t *position);
CALL(fd_write)(uint32_t fd, const void *iovs, uint32_t count, uint32_t *done);
CALL(path_create_directory)(uint32_t fd, const char *path, uint32_t len);
CALL(path_filestat_get)(uint32_t fd, uint32_t lookup, const char *path, uint32_t len, void *result);
CALL(path_filestat_set_times)(uint32_t fd, uint32_t lookup, const char *path, uint32_t len,
                              uint64_t atim, uint64_t mtim, uint32_t which);
CALL(path_link)(uint32_t old_fd, uint32_t lookup, const char *old_path, uint32_t old_len,
                uint32_t new_fd, const char *new_path, uint32_t new_len);
CALL(path_open)(uint32_t fd, uint32_t lookup, const char *path, uint32_t len, uint32_t open,
                uint64_t base, uint64_t inheriting, uint32_t flags, uint32_t *opened);
CALL(path_readlink)(uint32_t fd, const char *path, uint32_t len, char *buffer, uint32_t buffer_len,
                    uint32_t *used);
CALL(path_remove_directory)(uint32_t fd, const char *path, uint32_t len);
CALL(path_rename)(uint32_t old_fd, const char *old_path, uint32_t old_len, uint32_t new_fd,
                  const char *new_path, uint32_t new_len);
CALL(path_symlink)(const char *text, uint32_t text_len, uint32_t fd, const char *path,
                   uint32_t len);
CALL(path_unlink_file)(uint32_t fd, const char *path, uint32_t len);
CALL(poll_oneoff)(const void *subscriptions, void *events, uint32_t count, uint32_t *occurred);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit")))
extern _Noreturn void proc_exit(uint32_t code);
CALL(proc_raise)(uint32_t signal);
CALL(sched_yield)(void);
CALL(random_get)(void *buffer, uint32_t len);
CALL(sock_accept)(uint32_t fd, uint32_t flags, uint32_t *accepted);
CALL(sock_recv)(uint32_t fd, const void *iovs, uint32_t count, uint32_t flags, uint32_t *received,
                uint16_t *received_flags);
CALL(sock_send)(uint32_t fd, const void *iovs, uint32_t count, uint32_t flags, uint32_t *sent);
CALL(sock_shutdown)(uint32_t fd, uint32_t how);

enum errno {
  OK = 0, AGAIN = 6, BADF = 8, EXIST = 20, INVAL = 28, ISDIR = 31, LOOP = 32, NAMETOOLONG = 37,
  NOENT = 44, NOSYS = 52, NOTDIR = 54, NOTEMPTY = 55, NOTSOCK = 57, NOTSUP = 58, PERM = 63,
  SPIPE = 70, NOTCAPABLE = 76, ACCES = 2, BUSY = 10, ILSEQ = 25, MLINK = 34, XDEV = 75,
};

enum rights {
  R_DATASYNC = 1 << 0, R_READ = 1 << 1, R_SEEK = 1 << 2, R_SET_FLAGS = 1 << 3, R_SYNC = 1 << 4,
  R_TELL = 1 << 5, R_WRITE = 1 << 6, R_ADVISE = 1 << 7, R_ALLOCATE = 1 << 8,
  R_CREATE_DIRECTORY = 1 << 9, R_CREATE_FILE = 1 << 10, R_OPEN = 1 << 13, R_READDIR = 1 << 14,
  R_PATH_STAT = 1 << 18, R_STAT = 1 << 21, R_SET_SIZE = 1 << 22, R_SET_TIMES = 1 << 23,
  R_UNLINK = 1 << 26, R_POLL = 1 << 27,
};

// Everything a regular file can do.
#define R_FILE (R_DATASYNC | R_READ | R_SEEK | R_SET_FLAGS | R_SYNC | R_TELL | R_WRITE | R_ADVISE \
                | R_ALLOCATE | R_STAT | R_SET_SIZE | R_SET_TIMES | R_POLL)
#define R_FILE_READ (R_FILE & ~(R_WRITE | R_ALLOCATE | R_SET_SIZE | R_DATASYNC))

enum { CREAT = 1, DIRECTORY = 2, EXCL = 4, TRUNC = 8 };
enum { FOLLOW = 1 };
enum { APPEND = 1, DSYNC = 2, NONBLOCK = 4, RSYNC = 8, SYNC = 16 };
enum { SET = 0, CUR = 1, END = 2 };
enum { ATIM = 1, ATIM_NOW = 2, MTIM = 4, MTIM_NOW = 8 };
enum { CHARACTER_DEVICE = 2, IS_DIRECTORY = 3, REGULAR_FILE = 4, SYMBOLIC_LINK = 7 };

typedef struct { const void *at; uint32_t len; } iovec;
typedef struct { uint8_t kind; uint16_t flags; uint64_t base, inheriting; } fdstat;
typedef struct {
  uint64_t dev, ino; uint8_t kind; uint64_t links, size, atim, mtim, ctim;
} filestat;
typedef struct { uint64_t next, ino; uint32_t name_len; uint8_t kind; } dirent;
typedef struct {
  uint64_t user_data; uint8_t kind; _Alignas(8) uint32_t id; uint64_t timeout, precision;
  uint16_t flags;
} subscription;
typedef struct {
  uint64_t user_data; uint16_t error; uint8_t kind; uint64_t bytes; uint16_t flags;
} event;
_Static_assert(sizeof(fdstat) == 24 && sizeof(filestat) == 64 && sizeof(dirent) == 24
               && sizeof(subscription) == 48 && sizeof(event) == 32, "preview 1's sizes");

// A text with its length, as the calls take it.
#define T(text) (text), (uint32_t)(sizeof(text) - 1)

static uint32_t length(const char *text) {
  uint32_t len = 0;
  while (text[len]) len++;
  return len;
}

static int same(const void *a, const void *b, uint32_t len) {
  for (uint32_t i = 0; i < len; i++)
    if (((const uint8_t *)a)[i] != ((const uint8_t *)b)[i]) return 0;
  return 1;
}

void *memset(void *to, int byte, size_t len) {
  for (size_t i = 0; i < len; i++) ((volatile uint8_t *)to)[i] = (uint8_t)byte;
  return to;
}

void *memcpy(void *to, const void *from, size_t len) {
  for (size_t i = 0; i < len; i++) ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
  return to;
}

static char printed[16384];
static uint32_t printed_len;

static void print(const char *text) {
  for (; *text && printed_len < sizeof printed; text++) printed[printed_len++] = *text;
}

static void print_number(uint64_t number) {
  char digits[21];
  int at = 20;
  digits[20] = 0;
  do digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  print(digits + at);
}

static void flush(void) {
  uint32_t from = 0, done = 0;
  while (from < printed_len) {
    iovec all = {printed + from, printed_len - from};
    if (fd_write(1, &all, 1, &done) || !done) break;
    from += done;
  }
  printed_len = 0;
}

static uint32_t failures;

// States a claim: a line `ok CLAIM`, or `FAILED CLAIM (NUMBER)`.
static void claim_with(const char *text, int holds, uint64_t number) {
  print(holds ? "ok " : "FAILED ");
  print(text);
  if (!holds) {
    failures++;
    print(" (");
    print_number(number);
    print(")");
  }
  print("\n");
}

static void claim(const char *text, int holds) { claim_with(text, holds, 0); }

// Claims that a call answered one of up to four numbers.
#define ANSWERS(text, got, ...) do { \
    uint32_t answer_ = (got); \
    const uint32_t allowed_[] = {__VA_ARGS__}; \
    int found_ = 0; \
    for (uint32_t i_ = 0; i_ < sizeof allowed_ / sizeof *allowed_; i_++) \
      if (allowed_[i_] == answer_) found_ = 1; \
    claim_with(text, found_, answer_); \
  } while (0)

// Engines name a refusal differently: not permitted, no such capability, or nothing there to find.
#define REFUSED PERM, NOTCAPABLE, NOENT, ACCES

// Ends the case at once when what it builds on does not hold.
static void need(const char *text, uint32_t answer) {
  if (answer == OK) return;
  claim_with(text, 0, answer);
  flush();
  proc_exit(2);
}

// The descriptor of the granted directory `sandbox`.
static uint32_t sandbox(void) {
  struct { uint32_t kind, name_len; } prestat;
  char name[64];
  for (uint32_t fd = 3; fd < 16; fd++) {
    if (fd_prestat_get(fd, &prestat) || prestat.name_len > sizeof name) continue;
    if (fd_prestat_dir_name(fd, name, prestat.name_len)) continue;
    const char *at = name;
    uint32_t len = prestat.name_len;
    if (len && *at == '/') at++, len--;
    if (len == 7 && same(at, "sandbox", 7)) return fd;
  }
  need("a directory named sandbox is granted", BADF);
  return 0;
}

static uint32_t open_at(uint32_t dir, const char *path, uint32_t open, uint64_t rights,
                        uint32_t flags) {
  uint32_t fd = 0;
  need(path, path_open(dir, FOLLOW, path, length(path), open, rights, rights, flags, &fd));
  return fd;
}

static uint32_t put(uint32_t fd, const char *text) {
  uint32_t done = 0;
  iovec one = {text, length(text)};
  need("fd_write", fd_write(fd, &one, 1, &done));
  return done;
}

// Reads up to `len` bytes from the position on.
static uint32_t get(uint32_t fd, char *buffer, uint32_t len) {
  uint32_t done = 0;
  iovec one = {buffer, len};
  need("fd_read", fd_read(fd, &one, 1, &done));
  return done;
}

// Whether the file at `path` holds exactly `text`.
static int holds(uint32_t dir, const char *path, const char *text) {
  char buffer[256];
  uint32_t fd = open_at(dir, path, 0, R_FILE_READ, 0);
  uint32_t len = get(fd, buffer, sizeof buffer);
  fd_close(fd);
  return len == length(text) && same(buffer, text, len);
}

static uint32_t stat_of(uint32_t dir, const char *path, uint32_t lookup, filestat *result) {
  return path_filestat_get(dir, lookup, path, length(path), result);
}

void test(void);

void _start(void) {
  test();
  flush();
  if (failures) proc_exit(1);
}
