// Starts processes, as many as argument 1 says, which wait. Preview 1 has no call that starts one; the
// one that is tried is an engine's extension.
#include "../probe.h"

#ifdef __wasm__

__attribute__((import_module("wasix_32v1"), import_name("proc_fork")))
extern uint32_t proc_fork(uint32_t copy_memory, uint32_t *pid);

static void probe(void) {
  uint32_t pid = 0;
  uint32_t error = proc_fork(1, &pid);
  if (error) { refused("it cannot start a process", error); return; }
  text("granted: it started a process\n");
}

#else

#include <stdlib.h>
#include <sys/wait.h>

static void probe(void) {
  uint64_t wanted = number_of(argument(1)), started = 0;
  pid_t *all = calloc(wanted, sizeof *all);
  int error = 0;
  for (; all && started < wanted; started++) {
    pid_t pid = fork();
    if (pid < 0) { error = errno; break; }
    if (!pid) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
    all[started] = pid;
  }
  for (uint64_t i = 0; i < started; i++) kill(all[i], SIGKILL);
  for (uint64_t i = 0; i < started; i++) waitpid(all[i], NULL, 0);
  if (error) {
    text("refused: no more than ");
    number(started);
    text(started == 1 ? " process (" : " processes (");
    text(meaning(error));
    text(")\n");
    return;
  }
  text("granted: it started ");
  number(started);
  text(" processes\n");
}

#endif
