/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * QuickJS without its library for operating systems (quickjs-libc needs threads, terminals and processes): runs scripts one after
 * another in one context, with `print`, `console.log`, `std.gc` and
 * `os.setTimeout` (which does not wait). Jobs (promises) run after each script, then the timers. */
#include <stdio.h>
#include <stdlib.h>

#include "quickjs.h"

static JSValue print(JSContext* context, JSValueConst self, int count, JSValueConst* arguments) {
  (void)self;
  for (int i = 0; i < count; ++i) {
    const char* const text = JS_ToCString(context, arguments[i]);
    if (text == NULL) return JS_EXCEPTION;
    printf(i == 0 ? "%s" : " %s", text);
    JS_FreeCString(context, text);
  }
  putchar('\n');
  return JS_UNDEFINED;
}

static JSValue collect(JSContext* context, JSValueConst self, int count, JSValueConst* arguments) {
  (void)self, (void)count, (void)arguments;
  JS_RunGC(JS_GetRuntime(context));
  return JS_UNDEFINED;
}

static JSValue timers[16];
static unsigned timer_count;

static JSValue set_timeout(JSContext* context, JSValueConst self, int count, JSValueConst* arguments) {
  (void)self, (void)count;
  if (timer_count < sizeof timers / sizeof timers[0]) timers[timer_count++] = JS_DupValue(context, arguments[0]);
  return JS_UNDEFINED;
}

static char* read_file(const char* path, size_t* bytes) {
  FILE* const file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return NULL;
  *bytes = (size_t)ftell(file);
  rewind(file);
  char* const text = malloc(*bytes + 1);
  if (text == NULL || fread(text, 1, *bytes, file) != *bytes) return NULL;
  text[*bytes] = '\0';
  fclose(file);
  return text;
}

static int failed(JSContext* context) {
  const JSValue exception = JS_GetException(context);
  print(context, JS_UNDEFINED, 1, (JSValueConst*)&exception);
  const JSValue stack = JS_GetPropertyStr(context, exception, "stack");
  print(context, JS_UNDEFINED, 1, (JSValueConst*)&stack);
  return 1;
}

int main(int argc, char** argv) {
  JSRuntime* const runtime = JS_NewRuntime();
  JSContext* const context = JS_NewContext(runtime);
  JS_SetMaxStackSize(runtime, 512 << 10);
  const JSValue global = JS_GetGlobalObject(context);
  const JSValue console = JS_NewObject(context);
  JS_SetPropertyStr(context, console, "log", JS_NewCFunction(context, print, "log", 1));
  JS_SetPropertyStr(context, global, "console", console);
  JS_SetPropertyStr(context, global, "print", JS_NewCFunction(context, print, "print", 1));
  const JSValue std = JS_NewObject(context);
  JS_SetPropertyStr(context, std, "gc", JS_NewCFunction(context, collect, "gc", 0));
  JS_SetPropertyStr(context, global, "std", std);
  const JSValue os = JS_NewObject(context);
  JS_SetPropertyStr(context, os, "setTimeout", JS_NewCFunction(context, set_timeout, "setTimeout", 2));
  JS_SetPropertyStr(context, global, "os", os);
  JS_FreeValue(context, global);
  for (int i = 1; i < argc; ++i) {
    size_t bytes = 0;
    char* const text = read_file(argv[i], &bytes);
    if (text == NULL) {
      printf("cannot read %s\n", argv[i]);
      return 2;
    }
    const JSValue value = JS_Eval(context, text, bytes, argv[i], JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(value)) return failed(context);
    JS_FreeValue(context, value);
    free(text);
    for (;;) {
      JSContext* job = NULL;
      const int more = JS_ExecutePendingJob(runtime, &job);
      if (more < 0) return failed(job);
      if (more > 0) continue;
      if (timer_count == 0) break;
      const JSValue timer = timers[--timer_count];
      const JSValue result = JS_Call(context, timer, JS_UNDEFINED, 0, NULL);
      if (JS_IsException(result)) return failed(context);
      JS_FreeValue(context, result);
      JS_FreeValue(context, timer);
    }
    printf("%s done\n", argv[i]);
  }
  JS_FreeContext(context);
  JS_FreeRuntime(runtime);
  return 0;
}
