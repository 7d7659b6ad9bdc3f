// SPDX-License-Identifier: MIT OR Apache-2.0
// Nothing but calls.
__attribute__((noinline)) static int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

__attribute__((export_name("run"))) int run(int rounds) { return fibonacci(27 + rounds); }
