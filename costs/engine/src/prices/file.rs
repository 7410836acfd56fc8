//! The file as people write it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::decimal::{Problem, nano};
use super::{Entry, Owners, Price, Prices, PricesError};

/// List prices by which an instance's price is split unless `cpu_to_memory` is set: OpenCost's defaults, 7.46 to 1.
const LIST_RATIO_NANO: u64 = 7_460_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    currency: String,
    cpu: Option<Spanned<Cpu>>,
    memory: Option<Spanned<Memory>>,
    instance: Option<Spanned<Instance>>,
    #[serde(default)]
    prices: Vec<Spanned<Change>>,
    #[serde(default)]
    owners: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    valid_from: Option<Spanned<String>>,
    pool: Option<String>,
    cpu: Option<Spanned<Cpu>>,
    memory: Option<Spanned<Memory>>,
    instance: Option<Spanned<Instance>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cpu {
    core_hour: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    gib_hour: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instance {
    hour: Spanned<String>,
    cpus: Spanned<u64>,
    memory_gib: Spanned<u64>,
    cpu_to_memory: Option<Spanned<String>>,
}

/// Where messages point to.
struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count() + 1
    }

    fn entry(&self, span: &Range<usize>, problem: &'static str) -> PricesError {
        PricesError::Entry { path: self.path.to_owned(), line: self.line(span), problem }
    }

    fn value(&self, setting: &'static str, value: &Spanned<String>, problem: &'static str) -> PricesError {
        let (path, line) = (self.path.to_owned(), self.line(&value.span()));
        PricesError::Value { path, line, setting, value: value.get_ref().clone(), problem }
    }

    fn nano(&self, setting: &'static str, value: &Spanned<String>) -> Result<u64, PricesError> {
        nano(value.get_ref()).map_err(|problem| {
            let problem = match problem {
                Problem::Negative => "a price is not below zero",
                Problem::TooFine => "more than nine decimals",
                Problem::TooLarge => "more than a million",
                Problem::Malformed => "not a decimal number",
            };
            self.value(setting, value, problem)
        })
    }

    fn price(
        &self,
        span: &Range<usize>,
        cpu: Option<Spanned<Cpu>>,
        memory: Option<Spanned<Memory>>,
        instance: Option<Spanned<Instance>>,
    ) -> Result<Price, PricesError> {
        match (cpu, memory, instance) {
            (Some(cpu), Some(memory), None) => Ok(Price {
                core_hour_nano: self.nano("core_hour", &cpu.get_ref().core_hour)?,
                gib_hour_nano: self.nano("gib_hour", &memory.get_ref().gib_hour)?,
            }),
            (None, None, Some(instance)) => self.split(instance.get_ref()),
            (None, None, None) => Err(self.entry(span, "there is no price")),
            (Some(cpu), None, None) => Err(self.entry(&cpu.span(), "a price of CPU without one of memory")),
            (None, Some(memory), None) => {
                Err(self.entry(&memory.span(), "a price of memory without one of CPU"))
            }
            (_, _, Some(instance)) => {
                Err(self.entry(&instance.span(), "two prices: of an instance and of CPU and memory"))
            }
        }
    }

    /// The instance's price over its CPUs and memory, by the ratio of their list prices.
    fn split(&self, instance: &Instance) -> Result<Price, PricesError> {
        let hour = self.nano("hour", &instance.hour)?;
        let ratio = match &instance.cpu_to_memory {
            None => LIST_RATIO_NANO,
            Some(ratio) => self.nano("cpu_to_memory", ratio)?,
        };
        let (cpus, gib) = (*instance.cpus.get_ref(), *instance.memory_gib.get_ref());
        if cpus == 0 || cpus > 4_096 {
            return Err(self.entry(&instance.cpus.span(), "cpus is expected between 1 and 4096"));
        }
        if gib == 0 || gib > 65_536 {
            return Err(self.entry(&instance.memory_gib.span(), "memory_gib is expected between 1 and 65536"));
        }
        // In units of a GiB's list price: the CPUs weigh `cpus × ratio`, the memory `gib`.
        let of_cpus = u128::from(cpus) * u128::from(ratio);
        let all = of_cpus + u128::from(gib) * 1_000_000_000;
        let core = u128::from(hour) * u128::from(ratio) / all;
        // What the cores leave, so that the instance costs its price.
        let memory = (u128::from(hour) - core * u128::from(cpus) + u128::from(gib) / 2) / u128::from(gib);
        let price = |nano: u128| u64::try_from(nano).unwrap_or(u64::MAX);
        Ok(Price { core_hour_nano: price(core), gib_hour_nano: price(memory) })
    }

    /// A day or a whole hour, UTC.
    fn valid_from(&self, value: &Spanned<String>) -> Result<u64, PricesError> {
        let problem = "expected a day or a whole hour, UTC: \"2026-12-01\" or \"2026-12-01T06:00Z\"";
        let at = crate::window::instant_ms(value.get_ref()).filter(|at| at % 3_600_000 == 0);
        at.ok_or_else(|| self.value("valid_from", value, problem))
    }
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Prices, PricesError> {
    let place = Place { path, text };
    let file: File = toml::from_str(text).map_err(|error| PricesError::Shape {
        path: path.to_owned(),
        line: place.line(&error.span().unwrap_or(0..0)),
        message: error.message().to_owned(),
    })?;
    let base = place.price(&(0..0), file.cpu, file.memory, file.instance)?;
    let mut entries = vec![Entry { valid_from_ms: 0, pool: None, price: base }];
    for change in file.prices {
        let (span, change) = (change.span(), change.into_inner());
        if change.valid_from.is_none() && change.pool.is_none() {
            return Err(place.entry(&span, "an entry of [[prices]] needs valid_from or pool"));
        }
        let valid_from_ms = change.valid_from.as_ref().map_or(Ok(0), |value| place.valid_from(value))?;
        let price = place.price(&span, change.cpu, change.memory, change.instance)?;
        if entries.iter().any(|entry| entry.valid_from_ms == valid_from_ms && entry.pool == change.pool) {
            return Err(place.entry(&span, "two entries of the same pool begin at the same time"));
        }
        entries.push(Entry { valid_from_ms, pool: change.pool, price });
    }
    entries.sort_by_key(|entry| entry.valid_from_ms);
    Ok(Prices { currency: file.currency, owners: Owners::new(file.owners), entries })
}
