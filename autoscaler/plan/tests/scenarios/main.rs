//! Situations as data: facts over time in, what is decided and said out.

mod limits;
mod load;
mod transcript;
