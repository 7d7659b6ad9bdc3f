/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Included before every file of the programs that use what C has and wasi-libc has not. What asks for a file that can be written,
 * or for another process, fails, as it may (C11 7.21.4.3, 7.21.4.4, 7.22.4.8). */
#ifndef RVM_ABSENT_H
#define RVM_ABSENT_H

#include <stdio.h>
#include <stdlib.h>

#ifndef L_tmpnam
  #define L_tmpnam 20
#endif

char* tmpnam(char* name);
FILE* tmpfile(void);
int system(const char* command);

#endif
