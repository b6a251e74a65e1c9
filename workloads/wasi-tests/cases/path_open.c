// Opening: what exists, what is created, what is cut.
#include "check.h"

void test(void) {
  uint32_t dir = sandbox(), fd = 99;
  ANSWERS("an existing file opens", path_open(dir, 0, T("file.txt"), 0, R_FILE_READ, 0, 0, &fd), OK);
  claim("at a number above the standard streams", fd > 2 && fd != dir);
  ANSWERS("a missing one does not", path_open(dir, 0, T("new"), 0, R_READ, 0, 0, &fd), NOENT);
  ANSWERS("unless it is created", path_open(dir, 0, T("new"), CREAT, R_FILE, 0, 0, &fd), OK);
  ANSWERS("creating what exists opens it", path_open(dir, 0, T("file.txt"), CREAT, R_FILE, 0, 0, &fd), OK);
  claim("and leaves it as it is", holds(dir, "file.txt", "0123456789"));
  ANSWERS("unless it must be new", path_open(dir, 0, T("file.txt"), CREAT | EXCL, R_FILE, 0, 0, &fd), EXIST);
  ANSWERS("cutting succeeds", path_open(dir, 0, T("file.txt"), TRUNC, R_FILE, 0, 0, &fd), OK);
  claim("and empties it", holds(dir, "file.txt", ""));
  ANSWERS("a directory opens as one", path_open(dir, 0, T("dir"), DIRECTORY, R_READDIR | R_OPEN, R_FILE_READ, 0, &fd), OK);
  claim("and paths start there", holds(fd, "inner.txt", "inner"));
  ANSWERS("a file does not open as a directory", path_open(dir, 0, T("file.txt"), DIRECTORY, 0, 0, 0, &fd), NOTDIR);
  ANSWERS("a directory does not open for writing", path_open(dir, 0, T("dir"), 0, R_READ | R_WRITE, 0, 0, &fd), ISDIR);
  uint32_t file = open_at(dir, "file.txt", 0, R_FILE_READ, 0);
  ANSWERS("a file is no place to open from", path_open(file, 0, T("x"), 0, R_READ, 0, 0, &fd), NOTDIR, BADF, NOTCAPABLE);
}
