//! How indexes are reached: credentials, certificates, caching, ranges, retries, several indexes. The real program,
//! a real server (and a real TLS library on its side).

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]
#![allow(clippy::print_stdout, reason = "what a machine cannot test is said")]

mod certificates;
mod credentials;
mod protocol;
mod several;
mod world;
