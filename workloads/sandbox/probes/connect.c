// Connects to a port of the host, argument 1: on loopback, and from a network of its own through its
// gateway. Preview 1 has no call that opens a socket; the one that is tried is an engine's extension.
#include "../probe.h"

#ifdef __wasm__

CALL(sock_open)(uint32_t family, uint32_t kind, uint32_t *fd);
CALL(sock_connect)(uint32_t fd, const void *address, uint32_t port);

enum { INET4 = 1, STREAM = 2 };

static void probe(void) {
  uint32_t fd;
  uint32_t error = sock_open(INET4, STREAM, &fd);
  if (error) { refused("it cannot open a socket", error); return; }
  uint8_t loopback[4] = {127, 0, 0, 1};
  iovec address = {loopback, sizeof loopback};
  error = sock_connect(fd, &address, (uint32_t)number_of(argument(1)));
  if (error) { refused("it opened a socket and cannot connect it", error); return; }
  text("granted: connected to 127.0.0.1\n");
}

#else

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

static int reach(struct in_addr host, uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  struct timeval patience = {2, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = host};
  int error = connect(fd, (struct sockaddr *)&address, sizeof address) ? errno : 0;
  close(fd);
  return error;
}

static struct in_addr gateway(void) {
  struct in_addr found = {0};
  FILE *routes = fopen("/proc/net/route", "r");
  char line[256];
  while (routes && fgets(line, sizeof line, routes)) {
    unsigned destination, through;
    if (sscanf(line, "%*s %x %x", &destination, &through) == 2 && !destination) found.s_addr = through;
  }
  if (routes) fclose(routes);
  return found;
}

static void probe(void) {
  uint16_t port = (uint16_t)number_of(argument(1));
  struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  int error = reach(loopback, port);
  if (!error) { text("granted: connected to 127.0.0.1\n"); return; }
  struct in_addr host = gateway();
  if (!host.s_addr) { refused("no way leads to it", (uint32_t)error); return; }
  error = reach(host, port);
  if (error) { refused("it cannot connect through its gateway", (uint32_t)error); return; }
  text("granted: connected through its gateway\n");
}

#endif
