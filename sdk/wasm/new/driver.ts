// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A command that sends the actor numbers and prints the totals that come back.
import { exit, find, print, receive, send } from "rvm";

const numbers: StaticArray<i64> = [1, 2, -100, 3]; // no answer to -100: the actor undoes that turn
for (let i = 0; i < numbers.length; ++i) {
  send(find("numbers"), changetype<usize>(numbers) + 8 * i, 8);
}
const total = memory.data(8);
for (let answers = 0; answers < 3; ++answers) {
  if (receive(find("totals"), total, 8) != 8) exit(1);
  print("the total is " + load<i64>(total).toString());
}
// The machine stops: the actor is a service, which nobody waits for.
