/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A WebAssembly program that checks what a partition gives it by WASI, through libc and directly. tests/e2e/wasm.py runs it with
 * the arguments and files that it expects. Prints each failure; the exit code is 0 when there was none. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

static int checks, failures;
static void check_at(int holds, const char* what, int line) {
  ++checks;
  if (holds) return;
  ++failures;
  printf("FAILED line %d: %s (errno %d)\n", line, what, errno);
}
#define CHECK(condition) check_at((condition), #condition, __LINE__)

static void arguments(int argc, char** argv) {
  CHECK(argc == 3);
  CHECK(argc == 3 && strcmp(argv[1], "one") == 0 && strcmp(argv[2], "two words") == 0 && argv[3] == NULL);
  CHECK(getenv("COLOUR") != NULL && strcmp(getenv("COLOUR"), "blue") == 0);
  CHECK(getenv("EMPTY") != NULL && getenv("EMPTY")[0] == 0);
  CHECK(getenv("ABSENT") == NULL);
}

static void reading(void) {
  char text[64] = {0};
  const int fd = open("a.txt", O_RDONLY);
  CHECK(fd >= 4);
  CHECK(read(fd, text, 5) == 5 && strcmp(text, "alpha") == 0);
  CHECK(lseek(fd, 0, SEEK_CUR) == 5);
  CHECK(lseek(fd, -5, SEEK_END) == 6);
  CHECK(read(fd, text, sizeof text) == 5 && memcmp(text, "beta\n", 5) == 0);
  CHECK(read(fd, text, sizeof text) == 0);
  CHECK(lseek(fd, 1000, SEEK_SET) == 1000 && read(fd, text, 1) == 0);
  CHECK(lseek(fd, -1, SEEK_SET) == -1 && errno == EINVAL);
  CHECK(pread(fd, text, 4, 1) == 4 && memcmp(text, "lpha", 4) == 0);
  CHECK(write(fd, "x", 1) == -1 && errno == EBADF); /* libc's name for a missing right */
  CHECK(ftruncate(fd, 0) == -1 && errno == EROFS);
  struct stat status;
  CHECK(fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 11);
  CHECK(close(fd) == 0);
  CHECK(close(fd) == -1 && errno == EBADF);
  CHECK(read(0, text, sizeof text) == 0); /* standard input is empty */
}

static void paths(void) {
  struct stat status;
  CHECK(stat("folder", &status) == 0 && S_ISDIR(status.st_mode));
  CHECK(stat("folder/deep/b.bin", &status) == 0 && status.st_size == 5000);
  CHECK(stat("/folder/./deep/../deep/b.bin", &status) == 0);
  CHECK(stat("folder/nothing", &status) == -1 && errno == ENOENT);
  CHECK(stat("a.txt/x", &status) == -1 && errno == ENOTDIR);
  CHECK(stat("a.txt/", &status) == -1 && errno == ENOTDIR);
  CHECK(open("new.txt", O_WRONLY | O_CREAT, 0600) == -1 && errno == EROFS);
  CHECK(open("a.txt", O_RDONLY | O_TRUNC) == -1 && errno == EROFS);
  CHECK(open("a.txt", O_RDONLY | O_DIRECTORY) == -1 && errno == ENOTDIR);
  CHECK(mkdir("new", 0700) == -1 && errno == EROFS);
  CHECK(unlink("a.txt") == -1 && errno == EROFS);
  CHECK(rename("a.txt", "b.txt") == -1 && errno == EROFS);
  CHECK(readlink("a.txt", (char*)&status, sizeof status) == -1 && errno == EINVAL);
  /* Directly, since libc would make something else of them: nothing leads out of the tree. */
  __wasi_fd_t fd = 0;
  const __wasi_rights_t rights = __WASI_RIGHTS_FD_READ;
  CHECK(__wasi_path_open(3, 0, "../a.txt", 0, rights, 0, 0, &fd) == __WASI_ERRNO_NOTCAPABLE);
  CHECK(__wasi_path_open(3, 0, "folder/../../a.txt", 0, rights, 0, 0, &fd) == __WASI_ERRNO_NOTCAPABLE);
  CHECK(__wasi_path_open(3, 0, "/a.txt", 0, rights, 0, 0, &fd) == __WASI_ERRNO_NOTCAPABLE);
  CHECK(__wasi_path_open(3, 0, "", 0, rights, 0, 0, &fd) == __WASI_ERRNO_NOENT);
  CHECK(__wasi_path_open(3, 0, "a.txt", 0, __WASI_RIGHTS_FD_WRITE, 0, 0, &fd) == __WASI_ERRNO_NOTCAPABLE);
  CHECK(__wasi_path_open(9, 0, "a.txt", 0, rights, 0, 0, &fd) == __WASI_ERRNO_BADF);
  CHECK(__wasi_path_open(1, 0, "a.txt", 0, rights, 0, 0, &fd) == __WASI_ERRNO_NOTCAPABLE);
  /* A descriptor for a folder reaches what is in it, with the rights that it was opened with and no others. */
  CHECK(__wasi_path_open(3, 0, "folder", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_PATH_OPEN, rights, 0, &fd) == 0);
  __wasi_fd_t inner = 0;
  CHECK(__wasi_path_open(fd, 0, "deep/b.bin", 0, rights, 0, 0, &inner) == 0);
  CHECK(__wasi_path_open(fd, 0, "deep/b.bin", 0, __WASI_RIGHTS_FD_SEEK, 0, 0, &inner) == __WASI_ERRNO_NOTCAPABLE);
  __wasi_filesize_t at = 0;
  CHECK(__wasi_fd_seek(inner, 1, __WASI_WHENCE_SET, &at) == __WASI_ERRNO_NOTCAPABLE);
  CHECK(__wasi_fd_fdstat_set_rights(inner, rights | __WASI_RIGHTS_FD_SEEK, 0) == __WASI_ERRNO_NOTCAPABLE);
  CHECK(__wasi_fd_fdstat_set_rights(inner, 0, 0) == 0);
  char byte = 0;
  const __wasi_iovec_t vector = {(uint8_t*)&byte, 1};
  __wasi_size_t taken = 0;
  CHECK(__wasi_fd_read(inner, &vector, 1, &taken) == __WASI_ERRNO_NOTCAPABLE);
  CHECK(__wasi_fd_renumber(inner, fd) == 0);
  CHECK(__wasi_fd_close(inner) == __WASI_ERRNO_BADF);
  CHECK(__wasi_fd_close(fd) == 0);
}

static void folders(void) {
  DIR* const folder = opendir("folder");
  CHECK(folder != NULL);
  char names[256] = {0};
  for (struct dirent* e; folder != NULL && (e = readdir(folder)) != NULL;) {
    if (e->d_name[0] == '.') continue;
    strcat(names, e->d_name);
    strcat(names, e->d_type == DT_DIR ? "/ " : " ");
  }
  CHECK(strcmp(names, "c.txt deep/ ") == 0);
  if (folder != NULL) closedir(folder);
  /* A buffer that is too small for one entry gets its beginning. */
  __wasi_fd_t fd = 0;
  CHECK(__wasi_path_open(3, 0, "folder", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &fd) == 0);
  uint8_t buffer[30];
  __wasi_size_t used = 0;
  CHECK(__wasi_fd_readdir(fd, buffer, sizeof buffer, 0, &used) == 0 && used == sizeof buffer);
  CHECK(__wasi_fd_readdir(fd, buffer, sizeof buffer, 1000, &used) == 0 && used == 0);
  CHECK(__wasi_fd_close(fd) == 0);
}

static void time_passes(void) {
  struct timespec before, after, wall;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
  const struct timespec pause = {0, 3000000};
  CHECK(nanosleep(&pause, NULL) == 0);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
  const long long passed = (after.tv_sec - before.tv_sec) * 1000000000LL + (after.tv_nsec - before.tv_nsec);
  CHECK(passed >= 3000000 && passed < 10000000000LL);
  CHECK(clock_gettime(CLOCK_REALTIME, &wall) == 0 && wall.tv_sec > 1700000000);
  struct timespec later = {after.tv_sec, after.tv_nsec};
  later.tv_nsec += 2000000;
  if (later.tv_nsec >= 1000000000) later.tv_nsec -= 1000000000, ++later.tv_sec;
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &later, NULL) == 0);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
  CHECK(after.tv_sec > later.tv_sec || (after.tv_sec == later.tv_sec && after.tv_nsec >= later.tv_nsec));
  __wasi_timestamp_t now = 0;
  CHECK(__wasi_clock_time_get(77, 1, &now) == __WASI_ERRNO_INVAL);
  CHECK(__wasi_clock_time_get(0, 1, (void*)0xfffffffc) == __WASI_ERRNO_FAULT);
}

static void the_rest(void) {
  unsigned char random[40];
  CHECK(getentropy(random, sizeof random) == 0);
  printf("random:");
  for (unsigned i = 0; i < 4; ++i) printf(" %02x", random[i]);
  printf("\n");
  CHECK(__wasi_random_get((uint8_t*)0xfffffff0, 32) == __WASI_ERRNO_FAULT);
  CHECK(__wasi_sched_yield() == 0);
  CHECK(__wasi_sock_shutdown(0, 1) == __WASI_ERRNO_NOTSOCK);
  CHECK(__wasi_sock_shutdown(50, 1) == __WASI_ERRNO_BADF);
  __wasi_size_t events = 0;
  CHECK(__wasi_poll_oneoff(NULL, NULL, 0, &events) == __WASI_ERRNO_INVAL);
  const __wasi_ciovec_t outside = {(const uint8_t*)0xffffff00, 4096};
  __wasi_size_t written = 0;
  CHECK(__wasi_fd_write(1, &outside, 1, &written) == __WASI_ERRNO_FAULT);
  CHECK(__wasi_fd_write(1, &outside, 5000, &written) == __WASI_ERRNO_INVAL);
  CHECK(__wasi_fd_seek(1, 0, __WASI_WHENCE_CUR, &(__wasi_filesize_t){0}) == __WASI_ERRNO_SPIPE);
  char* const block = malloc(1 << 20); /* memory grows */
  CHECK(block != NULL);
  if (block != NULL) memset(block, 1, 1 << 20);
  free(block);
  char* volatile much = malloc(1u << 30); /* but not without bound */
  CHECK(much == NULL);
}

int main(int argc, char** argv) {
  arguments(argc, argv);
  reading();
  paths();
  folders();
  time_passes();
  the_rest();
  printf("wasi: %d checks, %d failed\n", checks, failures);
  fprintf(stderr, "to standard error\n");
  printf("a line without an end");
  exit(failures == 0 ? 7 : 1);
}
