// What WASI is for, in the smallest program that does it: reads a variable of its environment, reads
// input.txt, writes output.txt, reads that again and removes it. Refused any of it, it says so and
// exits with 1.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refused(const char *what) {
    printf("refused %s: %s\n", what, strerror(errno));
    return 1;
}

// Prints a file's lines after `name`, each with its length.
static int show(const char *name) {
    char line[256];
    FILE *file = fopen(name, "r");
    if (file == NULL) return refused(name);
    while (fgets(line, sizeof line, file) != NULL) printf("%s: %3zu %s", name, strlen(line), line);
    return fclose(file) == 0 ? 0 : refused(name);
}

int main(void) {
    const char *greeting = getenv("PLIMSOLL_GREETING");
    if (greeting == NULL) {
        puts("refused PLIMSOLL_GREETING: it is not in the environment");
        return 1;
    }
    printf("environment: %s\n", greeting);
    fflush(stdout);
    if (show("input.txt") != 0) return 1;
    FILE *output = fopen("output.txt", "w");
    if (output == NULL) return refused("output.txt");
    fprintf(output, "%s\n", greeting);
    for (int line = 1; line <= 3; line++) fprintf(output, "line %d of what was written\n", line);
    if (fclose(output) != 0) return refused("output.txt");
    if (show("output.txt") != 0) return 1;
    if (unlink("output.txt") != 0) return refused("the removal of output.txt");
    puts("done");
    return 0;
}
