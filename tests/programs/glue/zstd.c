/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Compresses each file by libzstd at the levels 1, 3, 9 and 19, and back again; prints what the compressed bytes are. */
#include "zstd.h"

#include "roundtrip.h"

static int level;

static size_t compress(char* out, size_t room, char* in, size_t bytes) {
  const size_t written = ZSTD_compress(out, room, in, bytes, level);
  return ZSTD_isError(written) ? 0 : written;
}

static size_t expand(char* out, size_t room, char* in, size_t bytes) { return ZSTD_decompress(out, room, in, bytes); }

int main(int argc, char** argv) {
  static const int levels[] = {1, 3, 9, 19};
  for (int i = 1; i < argc; ++i) {
    for (size_t l = 0; l < sizeof levels / sizeof levels[0]; ++l) {
      char how[32];
      level = levels[l];
      snprintf(how, sizeof how, " at level %d", level);
      if (round_trip(argv[i], how, compress, expand) != 0) return 1;
    }
  }
  return 0;
}
