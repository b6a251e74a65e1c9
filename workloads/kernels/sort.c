// The same keys put in order three ways: quicksort and heapsort in place, and a merge sort that
// asks a function which of two comes first. All three must come to the same.
#include <stdlib.h>

#include "kernel.h"

enum { KEYS = 120000, SMALL = 16 };

static uint64_t given[KEYS], quick[KEYS], heap[KEYS], merged[KEYS], spare[KEYS];

static void swap(uint64_t *a, uint64_t *b) {
    uint64_t held = *a;
    *a = *b;
    *b = held;
}

static void insertion_sort(uint64_t *keys, size_t count) {
    for (size_t at = 1; at < count; at++) {
        uint64_t key = keys[at];
        size_t to = at;
        for (; to > 0 && keys[to - 1] > key; to--) {
            keys[to] = keys[to - 1];
        }
        keys[to] = key;
    }
}

// Hoare's partition around the middle one of three; the smaller part first, so that the stack
// stays shallow whatever the keys are.
static void quicksort(uint64_t *keys, size_t count) {
    while (count > SMALL) {
        uint64_t *first = keys, *middle = keys + count / 2, *last = keys + count - 1;
        if (*middle < *first) swap(middle, first);
        if (*last < *first) swap(last, first);
        if (*last < *middle) swap(last, middle);
        uint64_t pivot = *middle;
        size_t left = 0, right = count - 1;
        for (;;) {
            while (keys[left] < pivot) left++;
            while (keys[right] > pivot) right--;
            if (left >= right) break;
            swap(&keys[left++], &keys[right--]);
        }
        size_t lower = right + 1;
        if (lower < count - lower) {
            quicksort(keys, lower);
            keys += lower;
            count -= lower;
        } else {
            quicksort(keys + lower, count - lower);
            count = lower;
        }
    }
    insertion_sort(keys, count);
}

static void sift_down(uint64_t *keys, size_t at, size_t count) {
    uint64_t key = keys[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && keys[child + 1] > keys[child]) {
            child++;
        }
        if (keys[child] <= key) {
            break;
        }
        keys[at] = keys[child];
    }
    keys[at] = key;
}

static void heapsort_keys(uint64_t *keys, size_t count) {
    for (size_t at = count / 2; at-- > 0;) {
        sift_down(keys, at, count);
    }
    for (size_t last = count; last-- > 1;) {
        swap(&keys[0], &keys[last]);
        sift_down(keys, 0, last);
    }
}

typedef int comparator(uint64_t a, uint64_t b);

static int ascending(uint64_t a, uint64_t b) { return (a > b) - (a < b); }
static int descending(uint64_t a, uint64_t b) { return (a < b) - (a > b); }

// Volatile: which function is called is known when it runs, as for a comparator of a caller's.
static comparator *volatile comparators[] = {ascending, descending};

// Bottom up: runs of one, two, four keys and so on, from one array into the other and back.
static void merge_sort(uint64_t *keys, uint64_t *other, size_t count, comparator *compare) {
    uint64_t *from = keys, *to = other;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t middle = start + run < count ? start + run : count;
            size_t stop = start + 2 * run < count ? start + 2 * run : count;
            size_t left = start, right = middle;
            for (size_t at = start; at < stop; at++) {
                int take_left = right == stop || (left < middle && compare(from[left], from[right]) <= 0);
                to[at] = from[take_left ? left++ : right++];
            }
        }
        uint64_t *held = from;
        from = to;
        to = held;
    }
    if (from != keys) {
        memcpy(keys, from, count * sizeof *keys);
    }
}

int main(void) {
    begin("sort");
    uint64_t state = 8;
    for (int at = 0; at < KEYS; at++) {
        // Every fourth key from a narrow range, so that equal ones meet.
        uint64_t key = next_u64(&state);
        given[at] = at % 4 == 0 ? key % 1000 : key;
    }
    memcpy(quick, given, sizeof given);
    memcpy(heap, given, sizeof given);
    memcpy(merged, given, sizeof given);
    quicksort(quick, KEYS);
    heapsort_keys(heap, KEYS);
    merge_sort(merged, spare, KEYS, comparators[1]);
    uint64_t digest = DIGEST_OF_NOTHING;
    for (int at = 0; at < KEYS; at++) {
        if (quick[at] != heap[at] || quick[at] != merged[KEYS - 1 - at] || (at > 0 && quick[at - 1] > quick[at])) {
            puts("the keys are not in order");
            return 1;
        }
        digest = digest_u64(digest, quick[at]);
    }
    return end(digest);
}
