//! `prices.toml`: what an hour of a core and of a GiB costs, since when, in which pool; who owns which DAG.
//!
//! ```toml
//! currency = "USD"
//!
//! [cpu]
//! core_hour = "0.0316"            # quoted: read exactly
//! [memory]
//! gib_hour = "0.0042"
//!
//! [[prices]]                      # later, or elsewhere
//! valid_from = "2026-12-01"       # a day or a whole hour, UTC
//! pool = "heavy"
//! instance = { hour = "0.384", cpus = 8, memory_gib = 32 }
//!
//! [owners]
//! "sales_*" = "Sales"
//! ```
//! Of the entries that name the pool, else of those that name none, the one counts whose `valid_from` is the last not
//! after the hour. An instance's price is split by the ratio of the list prices of CPU and memory (`cpu_to_memory`,
//! 7.46 unless set: a core against a GiB), so that all of its CPUs and memory together cost exactly its price, to
//! 10⁻⁹ per core and GiB.

mod decimal;
mod error;
mod file;
mod owners;

use std::path::Path;

pub use error::PricesError;
pub use owners::Owners;

use crate::money::{GRAINS_PER_BYTE_S, GRAINS_PER_CPU_NS, Money};

/// Prices in 10⁻⁹ of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Of a core for an hour.
    pub core_hour_nano: u64,
    /// Of a GiB for an hour.
    pub gib_hour_nano: u64,
}

impl Price {
    /// What so much usage costs, exactly.
    pub fn cost(self, cpu_ns: i128, mem_byte_s: i128) -> Money {
        let cpu = cpu_ns.saturating_mul(i128::from(self.core_hour_nano)).saturating_mul(GRAINS_PER_CPU_NS);
        let memory =
            mem_byte_s.saturating_mul(i128::from(self.gib_hour_nano)).saturating_mul(GRAINS_PER_BYTE_S);
        Money::from_grains(cpu.saturating_add(memory))
    }
}

#[derive(Debug, Clone)]
struct Entry {
    valid_from_ms: u64,
    pool: Option<String>,
    price: Price,
}

/// All prices of a file.
#[derive(Debug, Clone)]
pub struct Prices {
    /// ISO 4217 code or any word.
    pub currency: String,
    /// Who owns which DAG.
    pub owners: Owners,
    /// Ascending by `valid_from_ms`; the first without a pool is valid since ever.
    entries: Vec<Entry>,
}

impl Prices {
    /// Reads a file's text; `path` is for messages.
    pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Self, PricesError> {
        file::parse(path.as_ref(), text)
    }

    /// The price in a pool at a time (Unix milliseconds).
    pub fn at(&self, at_ms: u64, pool: &str) -> Price {
        let mut valid = self.entries.iter().rev().filter(|entry| entry.valid_from_ms <= at_ms);
        let of_pool = valid.clone().find(|entry| entry.pool.as_deref() == Some(pool));
        let found = of_pool.or_else(|| valid.find(|entry| entry.pool.is_none()));
        found.map_or(Price { core_hour_nano: 0, gib_hour_nano: 0 }, |entry| entry.price)
    }

    /// The times (Unix milliseconds) at which a price changes, ascending, without the beginning of time.
    pub fn changes(&self) -> Vec<u64> {
        let mut times: Vec<_> =
            self.entries.iter().map(|entry| entry.valid_from_ms).filter(|&at| at > 0).collect();
        times.sort_unstable();
        times.dedup();
        times
    }
}

#[cfg(test)]
mod tests;
