/* A neighbour that works as hard as it can, in one way: what suite `neighbours` puts beside a server.
 *
 * Usage: neighbour WAY. Prints `ready` and a line feed, and reads its input. At the end of its input it does two rounds and
 * ends; after a byte of input it does rounds until it is killed. Every round is the same work, and prints the same text at
 * its end, so that whoever reads the output can count rounds. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Rounds of a run without a byte of input. */
#define ROUNDS 2
/* More than a last-level cache's share of one processor. */
#define LARGE (32u << 20)
/* Above the size from which glibc's malloc maps memory for one block, and returns it when the block is freed. */
#define BLOCK (1u << 20)
#define PAGE 4096u

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void put(const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, text, length);
        if (written < 0) fail("write");
        text += written;
        length -= (size_t)written;
    }
}

static void end_of_round(const char *way, uint32_t digest) {
    char line[80];
    int length = snprintf(line, sizeof line, "%s %08x\n", way, (unsigned)digest);
    put(line, (size_t)length);
}

static uint32_t processor(void) {
    uint32_t x = 2463534242u;
    for (uint32_t i = 0; i < 300000; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
    }
    return x;
}

/* One pass of reading and writing a sixteenth of the memory; where it begins moves on. */
static uint32_t memory(void) {
    static uint64_t *all;
    static uint32_t part;
    const uint32_t words = LARGE / sizeof *all;
    if (all == NULL) {
        all = malloc(LARGE);
        if (all == NULL) fail("malloc");
        memset(all, 0, LARGE);
    }
    uint64_t odd = 0;
    for (uint32_t i = part * (words / 16); i < (part + 1) * (words / 16); i++) {
        all[i] += 2;
        odd |= all[i] & 1;
    }
    part = (part + 1) % 16;
    return (uint32_t)odd;
}

static uint32_t faults(void) {
    volatile char *block = malloc(BLOCK);
    if (block == NULL) fail("malloc");
    for (uint32_t i = 0; i < BLOCK; i += PAGE) block[i] = 1;
    free((void *)block);
    return BLOCK / PAGE;
}

static uint32_t names(void) {
    for (uint32_t i = 0; i < 20; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "name-%u", (unsigned)i);
        snprintf(to, sizeof to, "other-%u", (unsigned)i);
        int file = open(from, O_CREAT | O_WRONLY | O_EXCL, 0600);
        if (file < 0) fail(from);
        close(file);
        if (rename(from, to) != 0) fail(from);
        if (unlink(to) != 0) fail(to);
    }
    return 20;
}

static uint32_t calls(void) {
    unsigned char random[64];
    for (uint32_t i = 0; i < 200; i++) {
        struct timespec now;
        if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) fail("clock_gettime");
        if (getentropy(random, sizeof random) != 0) fail("getentropy");
    }
    return 200;
}

static uint32_t output(void) {
    char line[256];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (uint32_t i = 0; i < 64; i++) put(line, sizeof line);
    return 64;
}

/* Waits for more input, which nobody writes. */
static uint32_t asleep(void) {
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    return 0;
}

static const struct {
    const char *name;
    uint32_t (*round)(void);
} ways[] = {
    {"processor", processor}, {"memory", memory}, {"faults", faults}, {"names", names},
    {"calls", calls},         {"output", output}, {"asleep", asleep},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 2 && i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(argv[1], ways[i].name) != 0) continue;
        put("ready\n", 6);
        char byte;
        int endless = read(STDIN_FILENO, &byte, 1) == 1;
        for (int done = 0; endless || done < ROUNDS; done++) end_of_round(ways[i].name, ways[i].round());
        return 0;
    }
    fprintf(stderr, "usage: neighbour processor|memory|faults|names|calls|output|asleep\n");
    return 2;
}
