// Waiting for time, and for streams.
#include "check.h"

void test(void) {
  subscription wait[3] = {{7, 0, 1, 20000000, 0, 0}};
  event events[3];
  uint32_t occurred = 99;
  uint64_t before, after;
  clock_time_get(1, 0, &before);
  ANSWERS("a clock can be waited for", poll_oneoff(wait, events, 1, &occurred), OK);
  clock_time_get(1, 0, &after);
  claim("with one event, its own", occurred == 1 && events[0].user_data == 7 && events[0].kind == 0 && events[0].error == OK);
  claim("not before its time", after - before >= 20000000);
  subscription moment = {8, 0, 1, after + 10000000, 0, 1};
  ANSWERS("a moment can be waited for", poll_oneoff(&moment, events, 1, &occurred), OK);
  clock_time_get(1, 0, &before);
  claim("until it has come", before >= after + 10000000);
  moment.timeout = 1;
  ANSWERS("one that is past is due at once", poll_oneoff(&moment, events, 1, &occurred), OK);
  wait[0] = (subscription){1, 0, 1, 3600000000000, 0, 0};
  wait[1] = (subscription){2, 2, 1, 0, 0, 0};
  ANSWERS("standard output is ready before the hour is over", poll_oneoff(wait, events, 2, &occurred), OK);
  claim("and only it", occurred == 1 && events[0].user_data == 2 && events[0].kind == 2 && events[0].error == OK);
  ANSWERS("nothing to wait for is refused", poll_oneoff(wait, events, 0, &occurred), INVAL);
}
