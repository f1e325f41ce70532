//! The ocitop binary.
fn main() {}
