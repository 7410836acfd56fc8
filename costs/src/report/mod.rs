//! `updraft-costs report`: from the store to a table, CSV or JSON.

mod csv;
mod progress;
mod table;
mod text;

use costs_engine::allocation::Allocation;
use costs_engine::{Identity, Window, allocate};

use crate::cli::{Format, Report};
use crate::documents::{Content, Costs};
use crate::failure::Failure;
use crate::usage::Found;
use crate::{sources, usage};

/// Everything that is printed.
#[derive(Debug)]
pub struct Figures {
    /// Window.
    pub window: Window,
    /// Currency.
    pub currency: String,
    /// Money.
    pub allocation: Allocation,
    /// Identity.
    pub identity: Identity,
    /// What was read.
    pub found: Found,
}

/// Reads and computes.
pub async fn figures(command: &Report, now_ms: u64) -> Result<Figures, Failure> {
    let window = Window::parse(&command.window, now_ms)
        .map_err(|error| Failure::of(domain::exit::USAGE, &error, Some(error.hint())))?;
    let prices = sources::prices(&command.sources).await?;
    let store = sources::store(&command.sources).await?;
    let bar = progress::Bar::new();
    let (rollup, found) = usage::read(&store, window, |done, all| bar.at(done, all)).await?;
    bar.done();
    let facts = rollup.facts(command.by, &prices.owners);
    let allocation = allocate(&facts, &prices, command.share_idle);
    Ok(Figures { window, currency: prices.currency, allocation, identity: rollup.identity(), found })
}

/// As it goes to standard output; `width` is for text.
pub fn render(command: &Report, figures: &Figures, width: usize) -> Result<String, Failure> {
    match command.format {
        Format::Text => Ok(text::render(command, figures, width)),
        Format::Csv => Ok(csv::render(command.by, figures, command.top)),
        Format::Json => {
            let document = Costs::new(&Content {
                window: figures.window,
                by: command.by,
                share: command.share_idle,
                currency: &figures.currency,
                allocation: &figures.allocation,
                identity: &figures.identity,
                found: figures.found,
                top: command.top,
            });
            let text = serde_json::to_string(&document)
                .map_err(|error| Failure::of(domain::exit::BUG, &error, None))?;
            Ok(text + "\n")
        }
    }
}
