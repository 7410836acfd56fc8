//! Usage times prices: money per DAG, task, run, queue, owner; idle, waste, zombies; the identity.
//!
//! ```text
//! UsageRecord ──► Rollup (quantities per hour and key) ──► Facts ─┐
//! prices.toml ──► Prices ─────────────────────────────────────────┴──► Allocation (money, idle shared or not)
//!                                                Rollup.workers ─────► Identity (does it add up?)
//!                                                Rollup.attempts ────► Zombies (orphans, stuck tasks)
//! ```
//!
//! Invariants:
//! - Integers only. [`Money`] is exact: usage times price has no remainder in its unit, so the totals of a report by
//!   DAG, by task and by run are equal to the last digit. Rounding happens where figures are shown, and shown parts
//!   add up ([`money::shown`]).
//! - Nothing is assumed to add up: [`Identity`] compares each worker's own measurement with the sum of its parts.
//! - A row counts once: `(writer, seq)` is its identity, of two the later `window_end` wins.
//! - No clock, no store, no database: `now` and rows come in as arguments.
//!
//! ```
//! use costs_engine::{Prices, money::Money};
//! let prices = Prices::parse("prices.toml", r#"
//!     currency = "USD"
//!     [cpu]
//!     core_hour = "0.0316"
//!     [memory]
//!     gib_hour = "0.0042"
//! "#)?;
//! let price = prices.at(0, "default");
//! // Half a core-hour and two GiB-hours.
//! let cost = price.cost(1_800_000_000_000, 2 * 3_600 * (1 << 30));
//! assert_eq!(cost.to_decimal(6), "0.024200");
//! # Ok::<(), costs_engine::PricesError>(())
//! ```

pub mod allocation;
pub mod cells;
pub mod identity;
pub mod money;
mod names;
mod outcome;
pub mod prices;
mod quantities;
pub mod rollup;
mod seqs;
pub mod series;

pub mod window;
pub mod zombies;

pub use allocation::{Allocation, ShareIdle, allocate};
pub use cells::{By, Cell, Facts};
pub use identity::{IDENTITY_LIMIT_PPM, Identity};
pub use money::Money;
pub use names::{Name, Names};
pub use outcome::Outcome;
pub use prices::{Price, Prices, PricesError};
pub use quantities::Quantities;
pub use rollup::{Rollup, RowError};
pub use seqs::Seqs;
pub use window::{Window, WindowError};
