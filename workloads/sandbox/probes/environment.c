// Looks for a variable, argument 1, that the process that runs it was started with.
#include "../probe.h"

static int names(const char *variable, const char *name) {
  size_t at = 0;
  while (name[at] && variable[at] == name[at]) at++;
  return !name[at] && variable[at] == '=';
}

static void say(int found, uint64_t count) {
  text(found ? "granted: sees it among " : "refused: sees ");
  number(count);
  text(count == 1 ? " variable" : " variables");
  text(found ? "\n" : ", and not that one\n");
}

#ifdef __wasm__

CALL(environ_get)(char **table, char *strings);
CALL(environ_sizes_get)(uint32_t *count, uint32_t *bytes);

static void probe(void) {
  static char variables[1 << 16];
  static char *table[1024];
  uint32_t count = 0, bytes = 0;
  uint32_t error = environ_sizes_get(&count, &bytes);
  if (!error && (bytes > sizeof variables || count > 1024)) error = 28;
  if (!error && count) error = environ_get(table, variables);
  if (error) { refused("the environment cannot be read", error); return; }
  int found = 0;
  for (uint32_t i = 0; i < count; i++) found |= names(table[i], argument(1));
  say(found, count);
}

#else

extern char **environ;

static void probe(void) {
  uint64_t count = 0;
  int found = 0;
  for (char **at = environ; *at; at++, count++) found |= names(*at, argument(1));
  say(found, count);
}

#endif
