// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a WebAssembly agent written in AssemblyScript may ask of RVM: the host interface "rvm", as in rvm/wasm.h. Compile with
// `asc --lib sdk/wasm --use abort=~lib/rvm/abort` and import from "rvm".
//
// A negative result is a refusal: minus an rvm_error of include/rvm/abi.h. An actor's messages leave, and the agents it spawns
// begin, when its turn commits; if the turn is aborted, none of it has happened. Addresses are of linear memory: changetype<usize>
// of an ArrayBuffer or of an unmanaged object, or a memory.data.

@external("rvm", "find")
declare function hostFind(name: usize, bytes: u32): i32;

/** The handle of a capability in the agent's directory, by the name that the manifest gave it. */
export function find(name: string): i32 {
  const utf8 = String.UTF8.encode(name);
  return hostFind(changetype<usize>(utf8), utf8.byteLength);
}

/** Needs WRITE of the edge; at most 4096 bytes. */
@external("rvm", "send")
export declare function send(edge: i32, message: usize, bytes: u32): i32;

/** Waits for a message, `edge` 0: from any; needs READ. Its length. Not for actors. */
@external("rvm", "receive")
export declare function receive(edge: i32, buffer: usize, bytes: u32): i32;

/** Whole pages of 64 KiB, zero; the address, or negative. */
@external("rvm", "alloc")
export declare function alloc(bytes: u32): i32;
@external("rvm", "free")
export declare function free(address: i32, bytes: u32): i32;

/** Needs EXECUTE of the partition. The new agent's handle; to an actor 0. */
@external("rvm", "spawn")
export declare function spawn(partition: i32, image: u32, priority: u32, argument: u64): i32;

/** A copy of an actor that waits for a message, or of a template: needs EXECUTE of the partition and of that agent. An edge by
 * which it can be sent messages; the i32 at `answers` becomes the handle by which it can send some back, and means nothing to
 * anybody else. It begins when the turn commits. */
@external("rvm", "fork")
export declare function fork(partition: i32, original: i32, priority: u32, answers: usize): i32;

/** `yield` is a keyword. */
@external("rvm", "yield")
export declare function yieldNow(): void;

/** Nanoseconds since boot; in an actor, of the beginning of the turn. */
@external("rvm", "get_time")
export declare function get_time(): u64;

@external("rvm", "get_id")
export declare function get_id(): i32;

// WASI preview 1: fd_write takes (address, length) pairs.
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(descriptor: i32, vectors: usize, count: i32, written: usize): i32;
@external("wasi_snapshot_preview1", "proc_exit")
export declare function exit(code: i32): void;

const vector = memory.data(2 * sizeof<usize>());
const written = memory.data(sizeof<usize>());

function write(descriptor: i32, text: string): void {
  const utf8 = String.UTF8.encode(text + "\n");
  store<usize>(vector, changetype<usize>(utf8));
  store<usize>(vector, utf8.byteLength, sizeof<usize>());
  fd_write(descriptor, vector, 1, written);
}

/** A line on the console. */
export function print(text: string): void {
  write(1, text);
}

/** What `assert` and `throw` come to. Of a turn not even this line remains. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  write(2, "abort: " + (message ? message : "") + " at " + (file ? file : "") + ":" + line.toString() + ":" + column.toString());
  unreachable();
}
