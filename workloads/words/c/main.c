// Counts the words of a text: over a table of open addresses, since C's library has none.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 15, SHOWN = 10 };

struct word {
    const char *letters;
    uint32_t length, count;
};

static struct word table[SLOTS];

static uint32_t hash_of(uint32_t hash, const char *bytes, size_t length) {
    for (size_t at = 0; at < length; at++) {
        hash = (hash ^ (uint8_t)bytes[at]) * 16777619;
    }
    return hash;
}

static struct word *find(const char *letters, uint32_t length) {
    for (uint32_t at = hash_of(2166136261, letters, length);; at++) {
        struct word *word = &table[at % SLOTS];
        if (!word->letters || (word->length == length && memcmp(word->letters, letters, length) == 0)) {
            return word;
        }
    }
}

static int by_letters(const struct word *a, const struct word *b) {
    uint32_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->letters, b->letters, shorter);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int alphabetically(const void *a, const void *b) { return by_letters(a, b); }

static int by_count(const void *a, const void *b) {
    const struct word *one = a, *other = b;
    if (one->count != other->count) {
        return one->count < other->count ? 1 : -1;
    }
    return by_letters(one, other);
}

static char *read_all(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        return NULL;
    }
    *length = (size_t)ftell(file);
    char *text = malloc(*length + 1);
    rewind(file);
    if (!text || fread(text, 1, *length, file) != *length) {
        return NULL;
    }
    fclose(file);
    return text;
}

static int is_letter(char c) { return c >= 'a' && c <= 'z'; }

int main(int argc, char **argv) {
    printf("words\n");
    fflush(stdout);
    size_t length;
    char *text = argc > 1 ? read_all(argv[1], &length) : NULL;
    if (!text) {
        fprintf(stderr, "cannot read the text\n");
        return 1;
    }
    text[length] = '\0';
    for (size_t at = 0; at < length; at++) {
        text[at] |= text[at] >= 'A' && text[at] <= 'Z' ? 0x20 : 0;
    }
    uint32_t total = 0, distinct = 0;
    for (size_t at = 0; at < length;) {
        size_t start = at;
        while (is_letter(text[at])) at++;
        if (at == start) {
            at++;
            continue;
        }
        struct word *word = find(text + start, (uint32_t)(at - start));
        if (!word->letters) {
            *word = (struct word){text + start, (uint32_t)(at - start), 0};
            distinct++;
        }
        word->count++;
        total++;
    }
    struct word *words = malloc(distinct * sizeof *words);
    if (!words) {
        return 1;
    }
    uint32_t kept = 0, longest = 0;
    for (int slot = 0; slot < SLOTS; slot++) {
        if (table[slot].letters) {
            words[kept++] = table[slot];
        }
    }
    qsort(words, kept, sizeof *words, alphabetically);
    uint32_t digest = 2166136261;
    char line[16];
    for (uint32_t n = 0; n < kept; n++) {
        longest = words[n].length > words[longest].length ? n : longest;
        digest = hash_of(digest, words[n].letters, words[n].length);
        digest = hash_of(digest, line, (size_t)snprintf(line, sizeof line, " %u\n", words[n].count));
    }
    printf("%u words, %u distinct, the longest is %.*s\n", total, distinct, (int)words[longest].length, words[longest].letters);
    qsort(words, kept, sizeof *words, by_count);
    for (uint32_t n = 0; n < SHOWN && n < kept; n++) {
        printf("%.*s %u\n", (int)words[n].length, words[n].letters, words[n].count);
    }
    printf("%08x\n", digest);
    return 0;
}
