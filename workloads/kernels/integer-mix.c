// The mix of integer work that embedded benchmarks gather: a linked list that is searched, turned
// around and sorted; a product of small matrices; a state machine that tells numbers apart in a
// text; and a check sum over all that these come to, which decides what is done next.
#include "kernel.h"

enum { NODES = 400, SIDE = 24, TEXT = 4096, ROUNDS = 360 };

// CRC-16 with the polynomial x^16 + x^15 + x^2 + 1, a bit at a time.
static uint16_t crc_u8(uint16_t crc, uint8_t byte) {
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
    }
    return crc;
}

static uint16_t crc_u32(uint16_t crc, uint32_t value) {
    for (int byte = 0; byte < 4; byte++) {
        crc = crc_u8(crc, (uint8_t)(value >> 8 * byte));
    }
    return crc;
}

// --- the list -----------------------------------------------------------------------------------

struct node {
    struct node *next;
    int16_t key, load;
};

static struct node nodes[NODES];

static struct node *search(struct node *list, int16_t key) {
    while (list && list->key != key) {
        list = list->next;
    }
    return list;
}

static struct node *turned_around(struct node *list) {
    struct node *done = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

// Merges runs of one node, then of two, and so on, until one run is left.
static struct node *sorted(struct node *list, int by_load) {
    for (int run = 1;; run *= 2) {
        struct node *rest = list, **tail = &list;
        int merges = 0;
        while (rest) {
            struct node *left = rest, *right = rest;
            int lefts = 0, rights = run;
            while (lefts < run && right) {
                right = right->next;
                lefts++;
            }
            while (lefts > 0 || (rights > 0 && right)) {
                int take_left = lefts > 0;
                if (take_left && rights > 0 && right) {
                    take_left = by_load ? left->load <= right->load : left->key <= right->key;
                }
                struct node **from = take_left ? &left : &right;
                *tail = *from;
                tail = &(*from)->next;
                *from = (*from)->next;
                *(take_left ? &lefts : &rights) -= 1;
            }
            rest = right;
            merges++;
        }
        *tail = NULL;
        if (merges <= 1) {
            return list;
        }
    }
}

static struct node *made(uint64_t *state) {
    for (int n = 0; n < NODES; n++) {
        nodes[n].key = (int16_t)n;
        nodes[n].load = (int16_t)(next_u64(state) % 5000);
        nodes[n].next = n + 1 < NODES ? &nodes[n + 1] : NULL;
    }
    return sorted(nodes, 1);
}

static uint16_t list_work(struct node **list, uint16_t crc) {
    int found = 0;
    for (int n = 0; n < 24; n++) {
        struct node *node = search(*list, (int16_t)((crc + 37 * n) % (NODES + NODES / 4)));
        if (node) {
            found++;
            node->load = (int16_t)(node->load ^ (crc & 0x3ff));
        }
        *list = turned_around(*list);
    }
    *list = sorted(*list, crc & 1);
    crc = crc_u32(crc, (uint32_t)found);
    for (struct node *node = *list; node; node = node->next) {
        crc = crc_u8(crc, (uint8_t)(node->load ^ node->key));
    }
    return crc;
}

// --- the matrices -------------------------------------------------------------------------------

static int16_t left[SIDE][SIDE], right[SIDE][SIDE];
static int32_t product[SIDE][SIDE];

static uint16_t matrix_work(uint16_t crc) {
    int16_t added = (int16_t)(crc & 0xff);
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = (int16_t)(left[i][j] + added);
            int32_t sum = 0;
            for (int k = 0; k < SIDE; k++) {
                int32_t term = (int32_t)left[i][k] * right[k][j];
                sum += (term >> 2 & 0xf) * (term >> 5 & 0x7f);
            }
            product[i][j] = sum;
        }
    }
    int32_t highest = 0;
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            highest = product[i][j] > highest ? product[i][j] : highest;
            left[i][j] = (int16_t)(left[i][j] - added);
        }
        crc = crc_u32(crc, (uint32_t)product[i][i]);
    }
    return crc_u32(crc, (uint32_t)highest);
}

// --- the state machine --------------------------------------------------------------------------

enum state { START, SIGN, WHOLE, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, INVALID, STATES };

static char text[TEXT];

static enum state after(enum state state, char c) {
    int digit = c >= '0' && c <= '9', sign = c == '+' || c == '-';
    switch (state) {
    case START:
        return digit ? WHOLE : sign ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN:
        return digit ? WHOLE : c == '.' ? POINT : INVALID;
    case WHOLE:
        return digit ? WHOLE : c == '.' ? FRACTION : c == 'e' ? EXPONENT : INVALID;
    case POINT:
        return digit ? FRACTION : INVALID;
    case FRACTION:
        return digit ? FRACTION : c == 'e' ? EXPONENT : INVALID;
    case EXPONENT:
        return digit ? SCIENTIFIC : sign ? EXPONENT_SIGN : INVALID;
    case EXPONENT_SIGN:
    case SCIENTIFIC:
        return digit ? SCIENTIFIC : INVALID;
    default:
        return INVALID;
    }
}

static void write_text(uint64_t *state) {
    static const char *const words[] = {"42", "-7", "+3.25", ".5", "6e7", "-1.5e-3", "12a", "e5", "1e+", "0.0625"};
    size_t at = 0;
    for (;;) {
        const char *word = words[next_u64(state) % (sizeof words / sizeof *words)];
        size_t length = strlen(word);
        if (at + length + 1 >= TEXT) {
            return;
        }
        memcpy(text + at, word, length);
        text[at + length] = ',';
        at += length + 1;
    }
}

static uint16_t text_work(uint16_t crc) {
    uint32_t ended[STATES] = {0}, passed[STATES] = {0};
    size_t first = crc % 61;
    // A few characters are spoiled after the first reading, and mended after the second.
    for (int turn = 0; turn < 2; turn++) {
        enum state state = START;
        for (size_t at = 0; text[at]; at++) {
            if (text[at] == ',') {
                ended[state]++;
                state = START;
            } else {
                state = after(state, text[at]);
                passed[state]++;
            }
        }
        for (size_t at = first; at < TEXT && text[at]; at += 61) {
            if (text[at] != ',' && (text[at] ^ 1) != ',') {
                text[at] ^= 1;
            }
        }
        crc = crc_u32(crc, ended[INVALID]);
    }
    for (int state = 0; state < STATES; state++) {
        crc = crc_u32(crc_u32(crc, ended[state]), passed[state]);
    }
    return crc;
}

int main(void) {
    begin("integer-mix");
    uint64_t state = 10;
    struct node *list = made(&state);
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = (int16_t)(next_u64(&state) % 4096);
            right[i][j] = (int16_t)(next_u64(&state) % 4096);
        }
    }
    write_text(&state);
    uint16_t crc = 0;
    uint64_t digest = DIGEST_OF_NOTHING;
    for (int round = 0; round < ROUNDS; round++) {
        crc = list_work(&list, crc);
        crc = matrix_work(crc);
        crc = text_work(crc);
        digest = digest_u64(digest, crc);
    }
    return end(digest);
}
