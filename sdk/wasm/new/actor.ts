// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An actor: one call, one turn. What a turn does happens whole or not at all.
import { find, get_id, print, send } from "rvm";

const total = memory.data(8); // where it is: messages are bytes of memory

export function rvm_init(): void {
  print("hello, I am agent " + get_id().toString());
}

export function rvm_on_message(edge: i32, message: usize, bytes: u32): void {
  assert(bytes == 8);
  store<i64>(total, load<i64>(total) + load<i64>(message));
  send(find("totals"), total, 8); // leaves when this turn commits
  assert(load<i64>(total) >= 0); // or else nothing was added, nothing was sent
}
