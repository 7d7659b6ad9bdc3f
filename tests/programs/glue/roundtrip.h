/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef RVM_ROUNDTRIP_H
#define RVM_ROUNDTRIP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef size_t convert(char* out, size_t room, char* in, size_t bytes);

/* Reads a file, compresses it and expands that. Prints sizes and an FNV-1a hash of the compressed bytes, with their first 16. */
static int round_trip(const char* path, const char* how, convert* compress, convert* expand) {
  FILE* const file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    printf("cannot read %s\n", path);
    return 1;
  }
  const size_t bytes = (size_t)ftell(file), room = bytes + bytes / 50 + 4096;
  rewind(file);
  char *const in = malloc(bytes), *const packed = malloc(room), *const out = malloc(bytes);
  if (in == NULL || packed == NULL || out == NULL || fread(in, 1, bytes, file) != bytes) return 1;
  fclose(file);
  const size_t small = compress(packed, room, in, bytes);
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < small; ++i) hash = (hash ^ (unsigned char)packed[i]) * 0x100000001b3;
  printf("%s%s: %lu to %lu bytes, hash %016llx:", path, how, (unsigned long)bytes, (unsigned long)small,
         (unsigned long long)hash);
  for (size_t i = 0; i < 16 && i < small; ++i) printf(" %02x", (unsigned char)packed[i]);
  printf("\n");
  if (expand(out, bytes, packed, small) != bytes || memcmp(in, out, bytes) != 0) {
    printf("%s: not what it was\n", path);
    return 1;
  }
  free(in), free(packed), free(out);
  return 0;
}

#endif
