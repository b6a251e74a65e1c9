// Something to look at while it is idle: fills as many MiB as it is told, says that it is ready,
// and waits for the end of its input. Then it looks whether every page still holds what it wrote.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MIB = 1 << 20, PAGE = 4096, MARK = 0x5a };

int main(int argc, char **argv) {
    size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned char *memory = malloc(mib * MIB + 1);
    if (memory == NULL) {
        return 1;
    }
    memset(memory, MARK, mib * MIB);
    puts("ready");
    if (fflush(stdout) != 0) {
        return 1;
    }
    char piece[64];
    while (read(STDIN_FILENO, piece, sizeof piece) > 0) {
    }
    size_t held = 0;
    for (size_t at = 0; at < mib * MIB; at += PAGE) {
        held += memory[at] == MARK ? PAGE : 0;
    }
    return printf("%zu MiB held\n", held / MIB) < 0;
}
