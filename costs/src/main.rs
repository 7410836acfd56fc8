//! `updraft-costs`.

fn main() {}
