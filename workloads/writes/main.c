// A log without a buffer: every line of it is a write of its own, as a service that must not lose
// one does it. What a small write costs on its way to the kernel.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failed(const char *what) {
    perror(what);
    return 1;
}

int main(int argc, char **argv) {
    int lines = argc > 1 ? atoi(argv[1]) : 0;
    if (lines <= 0) {
        fputs("usage: writes LINES\n", stderr);
        return 2;
    }
    printf("%d lines\n", lines);
    fflush(stdout);
    int file = open("service.log", O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0644);
    if (file < 0) return failed("creating service.log");
    char line[] = "000000 INFO request answered status=200 bytes=1432 by=worker-0\n";
    const size_t length = sizeof line - 1;
    for (int number = 0; number < lines; number++) {
        for (int digit = 5, left = number; digit >= 0; digit--, left /= 10) line[digit] = (char)('0' + left % 10);
        line[length - 2] = (char)('0' + number % 7);
        if (write(file, line, length) != (ssize_t)length) return failed("writing service.log");
    }
    if (close(file) != 0) return failed("closing service.log");

    file = open("service.log", O_RDONLY);
    if (file < 0) return failed("opening service.log");
    static char bytes[64 << 10];
    uint64_t digest = 0xcbf29ce484222325;
    long long total = 0;
    ssize_t count;
    while ((count = read(file, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at < count; at += 8) {
            uint64_t word = 0;
            memcpy(&word, bytes + at, count - at < 8 ? (size_t)(count - at) : 8);
            digest = (digest ^ word) * 0x100000001b3;
        }
        total += count;
    }
    if (count < 0) return failed("reading service.log");
    if (close(file) != 0 || unlink("service.log") != 0) return failed("removing service.log");
    printf("%lld bytes, digest %016llx\n", total, (unsigned long long)digest);
    return 0;
}
