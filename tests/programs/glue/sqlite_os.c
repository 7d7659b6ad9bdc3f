/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * SQLite's operating system (SQLITE_OS_OTHER) for databases in memory: no files, and a clock that stands still, so that what a
 * benchmark prints is the same in every run. Used for WebAssembly and natively. */
#include <string.h>

#include "sqlite3.h"

static int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
  (void)vfs, (void)name, (void)flags, (void)out;
  file->pMethods = NULL;
  return SQLITE_CANTOPEN;
}

static int delete_file(sqlite3_vfs* vfs, const char* name, int sync) {
  (void)vfs, (void)name, (void)sync;
  return SQLITE_IOERR_DELETE_NOENT;
}

static int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
  (void)vfs, (void)name, (void)flags;
  *result = 0;
  return SQLITE_OK;
}

static int full_name(sqlite3_vfs* vfs, const char* name, int bytes, char* out) {
  (void)vfs;
  if (strlen(name) >= (size_t)bytes) return SQLITE_CANTOPEN;
  strcpy(out, name);
  return SQLITE_OK;
}

static int randomness(sqlite3_vfs* vfs, int bytes, char* out) {
  (void)vfs;
  memset(out, 42, (size_t)bytes);
  return bytes;
}

static int sleep_for(sqlite3_vfs* vfs, int microseconds) {
  (void)vfs;
  return microseconds;
}

static int time_of_day(sqlite3_vfs* vfs, sqlite3_int64* milliseconds) {
  (void)vfs;
  *milliseconds = 210866760000000; /* 1970, from the Julian epoch */
  return SQLITE_OK;
}

static int time_in_days(sqlite3_vfs* vfs, double* days) {
  (void)vfs;
  *days = 2440587.5;
  return SQLITE_OK;
}

static int last_error(sqlite3_vfs* vfs, int bytes, char* out) {
  (void)vfs, (void)bytes, (void)out;
  return 0;
}

int sqlite3_os_init(void) {
  static sqlite3_vfs vfs = {.iVersion = 2,
                            .szOsFile = sizeof(sqlite3_file),
                            .mxPathname = 256,
                            .zName = "none",
                            .xOpen = open_file,
                            .xDelete = delete_file,
                            .xAccess = access_file,
                            .xFullPathname = full_name,
                            .xRandomness = randomness,
                            .xSleep = sleep_for,
                            .xCurrentTime = time_in_days,
                            .xGetLastError = last_error,
                            .xCurrentTimeInt64 = time_of_day};
  return sqlite3_vfs_register(&vfs, 1);
}

int sqlite3_os_end(void) { return SQLITE_OK; }
