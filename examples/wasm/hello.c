/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * An ordinary C program: it knows nothing of RVM. clang compiles it for wasm32-wasi, and it runs in a partition with the
 * arguments, the environment and the files that swarm.toml gives it. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  printf("Hello from WebAssembly, %s\n", argc > 1 ? argv[1] : "whoever you are");
  const char* const home = getenv("HOME");
  printf("home is %s\n", home ? home : "nowhere");
  FILE* const file = fopen("motto.txt", "r");
  if (file == NULL) {
    perror("motto.txt");
    return EXIT_FAILURE;
  }
  char line[80];
  while (fgets(line, sizeof line, file)) printf("motto: %s", line);
  fclose(file);
  return EXIT_SUCCESS;
}
