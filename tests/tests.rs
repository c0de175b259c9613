//! soon

fn main() {}
