// MurmurHash3 (Appleby, the 32-bit variant), and a table of open addresses that uses it: what a
// program does that looks things up by name. The hash is held against its published values first.
#include "kernel.h"

enum { NAMES = 20000, LONGEST = 40, SLOTS = 1 << 16, ROUNDS = 12 };

static uint32_t rotate(uint32_t value, int by) { return value << by | value >> (32 - by); }

static uint32_t murmur3(const uint8_t *bytes, uint32_t length, uint32_t seed) {
    uint32_t hash = seed;
    uint32_t blocks = length / 4;
    for (uint32_t block = 0; block < blocks; block++) {
        uint32_t word;
        memcpy(&word, bytes + 4 * block, sizeof word);
        hash ^= rotate(word * 0xcc9e2d51, 15) * 0x1b873593;
        hash = rotate(hash, 13) * 5 + 0xe6546b64;
    }
    uint32_t rest = 0;
    for (uint32_t at = length; at-- > 4 * blocks;) {
        rest = rest << 8 | bytes[at];
    }
    hash ^= rotate(rest * 0xcc9e2d51, 15) * 0x1b873593;
    hash ^= length;
    hash = (hash ^ hash >> 16) * 0x85ebca6b;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35;
    return hash ^ hash >> 16;
}

static const struct {
    const char *text;
    uint32_t seed, hash;
} published[] = {
    {"", 0, 0},
    {"", 1, 0x514e28b7},
    {"hello", 0, 0x248bfa47},
    {"hello, world", 0, 0x149bbb7f},
    {"The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd},
};

struct name {
    uint8_t length, bytes[LONGEST];
};

static struct name names[NAMES];
// A slot holds the number of a name, plus one; none is 0.
static uint32_t slots[SLOTS];

// The slot of the name, or the empty one where it would be; counts the slots looked at.
static uint32_t *find(const struct name *name, uint64_t *looked) {
    uint32_t at = murmur3(name->bytes, name->length, 0);
    for (;; at++) {
        uint32_t *slot = &slots[at % SLOTS];
        ++*looked;
        if (*slot == 0) {
            return slot;
        }
        const struct name *other = &names[*slot - 1];
        if (other->length == name->length && memcmp(other->bytes, name->bytes, name->length) == 0) {
            return slot;
        }
    }
}

int main(void) {
    begin("murmur3");
    for (size_t n = 0; n < sizeof published / sizeof *published; n++) {
        const char *text = published[n].text;
        uint32_t hash = murmur3((const uint8_t *)text, (uint32_t)strlen(text), published[n].seed);
        if (hash != published[n].hash) {
            printf("the hash of \"%s\" is %08" PRIx32 "\n", text, hash);
            return 1;
        }
    }
    uint64_t state = 9;
    for (int n = 0; n < NAMES; n++) {
        names[n].length = (uint8_t)(3 + next_u64(&state) % (LONGEST - 3));
        for (int at = 0; at < names[n].length; at++) {
            names[n].bytes[at] = (uint8_t)('a' + next_u64(&state) % 26);
        }
    }
    uint64_t digest = DIGEST_OF_NOTHING;
    for (int round = 0; round < ROUNDS; round++) {
        memset(slots, 0, sizeof slots);
        uint64_t looked = 0, known = 0;
        for (uint32_t n = 0; n < NAMES; n++) {
            *find(&names[n], &looked) = n + 1;
            // One that is there, and by the odds one that is not there yet.
            known += *find(&names[n / 2], &looked) != 0;
            known += *find(&names[(n * 7919 + round) % NAMES], &looked) != 0;
        }
        digest = digest_u64(digest_u64(digest, looked), known);
    }
    return end(digest);
}
