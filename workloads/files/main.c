// One file, written and read in blocks of 64 KiB, then read at 4,096 places of 4 KiB: what the way
// from a program to the kernel's page cache costs. What is left of earlier runs would show.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (64 << 10)
#define PIECE (4 << 10)
#define PIECES 4096

static uint64_t words[BLOCK / 8];
static uint64_t state = 1;

static uint64_t next(void) { // SplitMix64
    uint64_t mixed = state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

static uint64_t add(uint64_t digest, size_t bytes) {
    for (size_t word = 0; word < bytes / 8; word++) digest = (digest ^ words[word]) * 0x100000001b3;
    return digest;
}

static int failed(const char *what) {
    perror(what);
    return 1;
}

int main(int argc, char **argv) {
    int blocks = argc > 1 ? atoi(argv[1]) * (1 << 20) / BLOCK : 0;
    if (blocks <= 0) {
        fputs("usage: files MEBIBYTES\n", stderr);
        return 2;
    }
    printf("%d blocks of %d bytes\n", blocks, BLOCK);
    fflush(stdout);
    int file = open("blocks.bin", O_RDWR | O_CREAT | O_EXCL, 0644);
    if (file < 0) return failed("creating blocks.bin");
    for (int word = 0; word < BLOCK / 8; word++) words[word] = next();
    uint64_t digest = 0xcbf29ce484222325;
    for (int block = 0; block < blocks; block++) {
        words[0] = (uint64_t)block;
        if (write(file, words, BLOCK) != BLOCK) return failed("writing blocks.bin");
    }
    struct stat found;
    if (fstat(file, &found) != 0) return failed("looking at blocks.bin");
    printf("%lld bytes written\n", (long long)found.st_size);

    if (lseek(file, 0, SEEK_SET) != 0) return failed("going back in blocks.bin");
    ssize_t read_bytes;
    long long total = 0;
    while ((read_bytes = read(file, words, BLOCK)) > 0) {
        digest = add(digest, (size_t)read_bytes);
        total += read_bytes;
    }
    if (read_bytes < 0) return failed("reading blocks.bin");
    printf("%lld bytes read, digest %016llx\n", total, (unsigned long long)digest);

    for (int piece = 0; piece < PIECES; piece++) {
        off_t at = (off_t)(next() % ((uint64_t)blocks * BLOCK / PIECE)) * PIECE;
        if (pread(file, words, PIECE, at) != PIECE) return failed("reading a piece of blocks.bin");
        digest = add(digest, PIECE);
    }
    if (close(file) != 0 || unlink("blocks.bin") != 0) return failed("removing blocks.bin");
    printf("%d pieces read, digest %016llx\n", PIECES, (unsigned long long)digest);
    return 0;
}
