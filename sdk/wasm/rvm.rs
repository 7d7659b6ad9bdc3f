// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a WebAssembly agent written in Rust may ask of RVM: the host interface "rvm", as in rvm/wasm.h.
//!
//! An actor's messages leave, and the agents it spawns begin, when its turn commits; if the turn is aborted, none of it has
//! happened.
#![no_std]

#[link(wasm_import_module = "rvm")]
extern "C" {
    #[link_name = "find"]
    fn host_find(name: *const u8, bytes: u32) -> i32;
    #[link_name = "send"]
    fn host_send(edge: i32, message: *const u8, bytes: u32) -> i32;
    #[link_name = "receive"]
    fn host_receive(edge: i32, buffer: *mut u8, bytes: u32) -> i32;
    #[link_name = "alloc"]
    fn host_alloc(bytes: u32) -> i32;
    #[link_name = "free"]
    fn host_free(address: i32, bytes: u32) -> i32;
    #[link_name = "spawn"]
    fn host_spawn(partition: i32, image: u32, priority: u32, argument: u64) -> i32;
    #[link_name = "fork"]
    fn host_fork(partition: i32, original: i32, priority: u32, answers: *mut i32) -> i32;
    #[link_name = "yield"]
    fn host_yield();
    #[link_name = "get_time"]
    fn host_get_time() -> u64;
    #[link_name = "get_id"]
    fn host_get_id() -> i32;
}

/// A refusal: an rvm_error of include/rvm/abi.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub u32);
pub type Result<T> = core::result::Result<T, Error>;

fn checked(result: i32) -> Result<i32> {
    if result < 0 { Err(Error(result.unsigned_abs())) } else { Ok(result) }
}

/// The handle of a capability in the agent's directory, by the name that the manifest gave it.
pub fn find(name: &str) -> Result<i32> {
    checked(unsafe { host_find(name.as_ptr(), name.len() as u32) })
}

/// Needs WRITE of the edge; at most 4096 bytes.
pub fn send(edge: i32, message: &[u8]) -> Result<()> {
    checked(unsafe { host_send(edge, message.as_ptr(), message.len() as u32) }).map(|_| ())
}

/// Waits for a message, `edge` 0: from any; needs READ. The part of `buffer` that it fills. Not for actors.
pub fn receive(edge: i32, buffer: &mut [u8]) -> Result<&[u8]> {
    let bytes = checked(unsafe { host_receive(edge, buffer.as_mut_ptr(), buffer.len() as u32) })?;
    Ok(&buffer[..bytes as usize])
}

/// Whole pages of 64 KiB, zero.
pub fn alloc(bytes: u32) -> Result<*mut u8> {
    checked(unsafe { host_alloc(bytes) }).map(|address| address as usize as *mut u8)
}

/// Gives back what `alloc` gave.
///
/// # Safety
/// Nothing refers to it any more.
pub unsafe fn free(address: *mut u8, bytes: u32) -> Result<()> {
    checked(host_free(address as usize as i32, bytes)).map(|_| ())
}

/// Needs EXECUTE of the partition. The new agent's handle; to an actor 0.
pub fn spawn(partition: i32, image: u32, priority: u32, argument: u64) -> Result<i32> {
    checked(unsafe { host_spawn(partition, image, priority, argument) })
}

/// A copy of an actor that waits for a message, or of a template: needs EXECUTE of the partition and of that agent.
pub struct Fork {
    /// By which it can be sent messages.
    pub edge: i32,
    /// By which it can send some back; means nothing to anybody else.
    pub answers: i32,
}

/// It begins when the turn commits.
pub fn fork(partition: i32, original: i32, priority: u32) -> Result<Fork> {
    let mut answers = 0;
    let edge = checked(unsafe { host_fork(partition, original, priority, &mut answers) })?;
    Ok(Fork { edge, answers })
}

/// `yield` is a keyword.
pub fn yield_now() {
    unsafe { host_yield() }
}

/// Nanoseconds since boot; in an actor, of the beginning of the turn.
pub fn get_time() -> u64 {
    unsafe { host_get_time() }
}

pub fn get_id() -> i32 {
    unsafe { host_get_id() }
}

/// Makes a `fn(edge: i32, message: &[u8])` the actor's turn. `edge` is the handle by which the directory knows where the message
/// came from.
#[macro_export]
macro_rules! on_message {
    ($turn:path) => {
        #[no_mangle]
        pub unsafe extern "C" fn rvm_on_message(edge: i32, message: *const u8, bytes: u32) {
            // The runtime has put the message there, and leaves it alone during the turn.
            $turn(edge, unsafe { core::slice::from_raw_parts(message, bytes as usize) })
        }
    };
}

/// Makes a `fn()` the actor's first turn, before any message; may be left out.
#[macro_export]
macro_rules! on_start {
    ($turn:path) => {
        #[no_mangle]
        pub extern "C" fn rvm_init() {
            $turn()
        }
    };
}
