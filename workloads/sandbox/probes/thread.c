// Starts threads, as many as argument 1 says, which wait. Preview 1 has no call that starts one; the one
// that is tried is the proposal wasi-threads.
#include "../probe.h"

#ifdef __wasm__

__attribute__((import_module("wasi"), import_name("thread-spawn")))
extern int32_t thread_spawn(int32_t argument);

__attribute__((export_name("wasi_thread_start"))) void wasi_thread_start(int32_t id, int32_t given) {
  (void)id;
  (void)given;
}

static void probe(void) {
  int32_t id = thread_spawn(0);
  if (id < 0) { refused("it cannot start a thread", (uint32_t)-id); return; }
  text("granted: it started a thread\n");
}

#else

#include <pthread.h>

// Ends with the process: nobody joins a thread that waits.
static void *pause_forever(void *unused) {
  while (unused == NULL) pause();
  return unused;
}

static void probe(void) {
  uint64_t wanted = number_of(argument(1)), started = 0;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  int error = 0;
  for (; started < wanted && !error; started += !error) {
    pthread_t thread;
    error = pthread_create(&thread, &small, pause_forever, NULL);
  }
  if (error) {
    text("refused: no more than ");
    number(started);
    text(started == 1 ? " thread (" : " threads (");
    text(meaning(error));
    text(")\n");
    return;
  }
  text("granted: it started ");
  number(started);
  text(" threads\n");
}

#endif
