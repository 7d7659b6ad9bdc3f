// SPDX-License-Identifier: MIT OR Apache-2.0
//! A command that sends the actor numbers and prints the totals that come back.
fn main() -> Result<(), rvm::Error> {
    let numbers = rvm::find("numbers")?;
    let totals = rvm::find("totals")?;
    for number in [1i64, 2, -100, 3] {
        rvm::send(numbers, &number.to_le_bytes())?; // no answer to -100: the actor undoes that turn
    }
    for _ in 0..3 {
        let mut buffer = [0; 8];
        rvm::receive(totals, &mut buffer)?;
        println!("the total is {}", i64::from_le_bytes(buffer));
    }
    Ok(()) // the machine stops: the actor is a service, which nobody waits for
}
