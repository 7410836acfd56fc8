//! Exit codes that scripts rely on (`sysexits.h` where it has one).

/// Done.
pub const OK: u8 = 0;
/// Nothing to do, or a check failed where that is the question.
pub const NOTHING: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 64;
/// The input is wrong: a malformed file, unsolvable requirements.
pub const DATA: u8 = 65;
/// Something that the command depends on does not answer.
pub const UNAVAILABLE: u8 = 69;
/// A bug in Updraft.
pub const BUG: u8 = 70;
/// Try again later.
pub const TRY_AGAIN: u8 = 75;
