// What is wrong with one subscription is an event, or an error of the whole call.
#include "check.h"

void test(void) {
  subscription wait[2] = {{1, 1, 99, 0, 0, 0}, {2, 0, 1, 3600000000000, 0, 0}};
  event events[2];
  uint32_t occurred = 0;
  uint32_t answer = poll_oneoff(wait, events, 2, &occurred);
  claim_with("a closed descriptor is told, without waiting", answer == BADF || (answer == OK && occurred == 1 && events[0].user_data == 1 && events[0].error == BADF), answer);
}
