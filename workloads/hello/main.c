// The smallest program with a visible effect: what a start costs until the first byte of output.
#include <stdio.h>

int main(void) {
    return puts("hello, world") < 0;
}
