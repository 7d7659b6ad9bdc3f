/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Compresses each file by libbz2 in blocks of 900 kB and back again; prints what the compressed bytes are. (The program bzip2 itself
 * writes binary output and changes files.) */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bzlib.h"
#include "roundtrip.h"

static size_t compress(char* out, size_t room, char* in, size_t bytes) {
  unsigned written = (unsigned)room;
  return BZ2_bzBuffToBuffCompress(out, &written, in, (unsigned)bytes, 9, 0, 0) == BZ_OK ? written : 0;
}

static size_t expand(char* out, size_t room, char* in, size_t bytes) {
  unsigned written = (unsigned)room;
  return BZ2_bzBuffToBuffDecompress(out, &written, in, (unsigned)bytes, 0, 0) == BZ_OK ? written : 0;
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (round_trip(argv[i], "", compress, expand) != 0) return 1;
  }
  return 0;
}
