// A tree of directories made, walked, changed, walked again and removed: what names cost, which WASI
// resolves one by one so that none leads out of what was granted.
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BRANCHES 5
#define LEAVES 4

static void failed(const char *what, const char *path) {
    fprintf(stderr, "%s %s: ", what, path);
    perror("");
    exit(1);
}

static int files = 0;

// A file that holds its own name so often.
static void write_file(const char *path, int times) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (file < 0) failed("creating", path);
    for (int time = 0; time < times; time++)
        if (write(file, path, strlen(path)) < 0) failed("writing", path);
    if (close(file) != 0) failed("closing", path);
}

static void make(const char *path, int depth, int per_leaf) {
    char name[256];
    if (mkdir(path, 0755) != 0) failed("making", path);
    if (depth == 0) {
        for (int file = 0; file < per_leaf; file++) {
            snprintf(name, sizeof name, "%s/file-%03d.txt", path, file);
            write_file(name, file % 3 + 1);
            files++;
        }
        return;
    }
    for (int branch = 0; branch < (depth == 1 ? LEAVES : BRANCHES); branch++) {
        snprintf(name, sizeof name, "%s/branch-%d", path, branch);
        make(name, depth - 1, per_leaf);
    }
}

struct seen {
    int directories, files;
    long long bytes;
    uint64_t names;
};

enum what { LOOK, RENAME, REMOVE };

// Entries come in any order: what is made of their names does not depend on it.
static uint64_t hash(const char *path) {
    uint64_t hash = 0xcbf29ce484222325;
    for (; *path != 0; path++) hash = (hash ^ (unsigned char)*path) * 0x100000001b3;
    return hash;
}

static void walk(const char *path, enum what what, struct seen *seen) {
    char names[64][32];
    int count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL) failed("opening", path);
    struct dirent *entry;
    // All names first: a directory that changes while it is read may show a name twice.
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (count == 64 || strlen(entry->d_name) >= sizeof names[0]) failed("reading", path);
        strcpy(names[count++], entry->d_name);
    }
    closedir(directory);
    for (int at = 0; at < count; at++) {
        char name[256], other[256];
        struct stat found;
        snprintf(name, sizeof name, "%s/%s", path, names[at]);
        if (stat(name, &found) != 0) failed("looking at", name);
        seen->names += hash(name);
        if (S_ISDIR(found.st_mode)) {
            seen->directories++;
            walk(name, what, seen);
            if (what == REMOVE && rmdir(name) != 0) failed("removing", name);
            continue;
        }
        seen->files++;
        seen->bytes += found.st_size;
        if (what == RENAME) {
            snprintf(other, sizeof other, "%s/moved-%s", path, names[at]);
            if (rename(name, other) != 0) failed("renaming", name);
        }
        if (what == REMOVE && unlink(name) != 0) failed("removing", name);
    }
}

int main(int argc, char **argv) {
    int per_leaf = argc > 1 ? atoi(argv[1]) : 0;
    if (per_leaf <= 0 || per_leaf > 64) {
        fputs("usage: directories FILES_PER_DIRECTORY\n", stderr);
        return 2;
    }
    printf("%d files in each of %d directories\n", per_leaf, BRANCHES * LEAVES);
    fflush(stdout);
    make("tree", 2, per_leaf);
    static const char *const steps[] = {"found", "renamed", "found", "removed"};
    static const enum what whats[] = {LOOK, RENAME, LOOK, REMOVE};
    for (int step = 0; step < 4; step++) {
        struct seen seen = {0, 0, 0, 0};
        walk("tree", whats[step], &seen);
        printf("%s %d directories, %d files, %lld bytes, digest %016llx\n", steps[step], seen.directories, seen.files,
               seen.bytes, (unsigned long long)seen.names);
    }
    if (rmdir("tree") != 0) failed("removing", "tree");
    printf("%d files made\n", files);
    return 0;
}
