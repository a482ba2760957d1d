//! A program that does nothing: what the others cost begins here.

fn main() {}
