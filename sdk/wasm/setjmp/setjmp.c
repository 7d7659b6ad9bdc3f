/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What clang 19 calls for setjmp and longjmp (llvm/lib/Target/WebAssembly/WebAssemblyLowerEmscriptenEHSjLj.cpp). Compile with
 * -mllvm -wasm-enable-sjlj -mexception-handling. */
#include "setjmp.h"

#define TAG_OF_LONGJMP 1 /* of __builtin_wasm_throw; 0 is C++'s. clang defines it in each object, weakly */

/* `environment` was set by the setjmp with this label, in the call with this invocation. */
void __wasm_setjmp(jmp_buf environment, unsigned label, void* invocation) {
  environment->invocation = invocation;
  environment->label = label;
}

/* The label, or 0 when another call set it, who has to be found further out. */
unsigned __wasm_setjmp_test(jmp_buf environment, void* invocation) {
  return environment->invocation == invocation ? environment->label : 0;
}

_Noreturn void __wasm_longjmp(jmp_buf environment, int value) {
  environment->thrown.environment = environment;
  environment->thrown.value = value != 0 ? value : 1;
  __builtin_wasm_throw(TAG_OF_LONGJMP, &environment->thrown);
}
