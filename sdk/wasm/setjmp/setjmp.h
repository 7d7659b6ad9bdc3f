/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * setjmp and longjmp (C11 section 7.13) for wasm32-wasi, whose C library in Debian 12 has neither. With
 * `-mllvm -wasm-enable-sjlj` clang replaces the calls; what it calls instead is in setjmp.c, and lower_exceptions.py turns the
 * linked module into WebAssembly 2.0. */
#ifndef RVM_SETJMP_H
#define RVM_SETJMP_H

struct rvm_longjmp {
  void* environment;
  int value;
};

typedef struct {
  void* invocation; /* which call of which function setjmp was in */
  unsigned label;   /* which setjmp of that function */
  struct rvm_longjmp thrown;
} jmp_buf[1];

int setjmp(jmp_buf environment) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf environment, int value);
#define setjmp setjmp

/* There are no signals, hence no mask of them. */
typedef jmp_buf sigjmp_buf;
#define _setjmp(environment) setjmp(environment)
#define _longjmp(environment, value) longjmp(environment, value)
#define sigsetjmp(environment, mask) setjmp(environment)
#define siglongjmp(environment, value) longjmp(environment, value)

#endif
