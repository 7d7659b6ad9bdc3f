// SPDX-License-Identifier: MIT OR Apache-2.0
//! An actor: one call, one turn. What a turn does happens whole or not at all.
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

static TOTAL: AtomicI64 = AtomicI64::new(0);

fn start() {
    println!("hello, I am agent {}", rvm::get_id());
}

fn turn(_edge: i32, message: &[u8]) {
    let number = i64::from_le_bytes(message.try_into().expect("a number has 8 bytes"));
    let total = TOTAL.fetch_add(number, Relaxed) + number;
    let totals = rvm::find("totals").expect("the manifest names it");
    rvm::send(totals, &total.to_le_bytes()).expect("it may be sent"); // leaves when this turn commits
    assert!(total >= 0); // a panic undoes it: nothing was added, nothing was sent
}

rvm::on_start!(start);
rvm::on_message!(turn);
