//! Questions as both API and pages ask them: from the database to the engine's figures.

use std::time::Instant;

use costs_engine::series::{Point, series};
use costs_engine::window::{HOUR_MS, month_start_ms};
use costs_engine::zombies::{self, Zombie};
use costs_engine::{Allocation, Identity, Money, ShareIdle, Window, allocate};

use super::metering;
use super::state::Shared;
use crate::clock::unix_ms;
use crate::database::DatabaseError;
use crate::database::queries::{self, AttemptRow, Filter, State};
use crate::documents::live::Now;

const DAY_MS: u64 = 24 * HOUR_MS;

/// Usage and cost by something.
#[derive(Debug)]
pub(super) struct CostsView {
    /// Money.
    pub(super) allocation: Allocation,
    /// Balance of the workers.
    pub(super) identity: Identity,
    /// What the database holds.
    pub(super) state: State,
}

/// Costs by something.
pub(super) async fn costs(shared: &Shared, filter: Filter) -> Result<CostsView, DatabaseError> {
    let (prices, started) = (shared.prices(), Instant::now());
    let read = shared.reader.read(move |connection| {
        let facts = queries::facts(connection, &filter, &prices)?;
        Ok(CostsView {
            allocation: filter.allocate(&facts, &prices),
            identity: queries::identity(connection, filter.window)?,
            state: queries::state(connection)?,
        })
    });
    let view = read.await;
    metering::query(started.elapsed());
    view
}

/// Only the money of a grouping.
pub(super) async fn allocation(shared: &Shared, filter: Filter) -> Result<Allocation, DatabaseError> {
    let (prices, started) = (shared.prices(), Instant::now());
    let read = shared
        .reader
        .read(move |connection| Ok(filter.allocate(&queries::facts(connection, &filter, &prices)?, &prices)));
    let view = read.await;
    metering::query(started.elapsed());
    view
}

/// The balance of the workers.
pub(super) async fn identity(shared: &Shared, window: Window) -> Result<Identity, DatabaseError> {
    let identity = shared.reader.read(move |connection| queries::identity(connection, window)).await?;
    metering::identity(identity.worst_ppm());
    Ok(identity)
}

/// Hours up to two days, else days.
pub(super) fn step_ms(window: Window) -> u64 {
    if window.length_ms() <= 2 * DAY_MS + HOUR_MS { HOUR_MS } else { DAY_MS }
}

/// Cost over time.
pub(super) async fn trend(shared: &Shared, window: Window) -> Result<Vec<Point>, DatabaseError> {
    let prices = shared.prices();
    let read = shared.reader.read(move |connection| {
        let places = queries::places(connection, window)?;
        let waste = queries::waste_places(connection, window)?;
        Ok(series(&places, &waste, &prices, window.full_hours(), step_ms(window)))
    });
    read.await
}

/// Orphans and stuck tasks, dearest first.
pub(super) async fn zombies(shared: &Shared) -> Result<Vec<Zombie>, DatabaseError> {
    let (prices, limits, now_ms) = (shared.prices(), shared.limits, unix_ms());
    let since_ms = now_ms.saturating_sub(limits.fresh_ms);
    let read = shared.reader.read(move |connection| queries::alive(connection, since_ms));
    Ok(zombies::find(read.await?, &prices, limits, now_ms))
}

/// Attempts of a DAG, with what each cost.
pub(super) async fn attempts(
    shared: &Shared,
    window: Window,
    dag: String,
    run: Option<String>,
) -> Result<Vec<(AttemptRow, Money)>, DatabaseError> {
    let prices = shared.prices();
    let read = shared
        .reader
        .read(move |connection| queries::attempts(connection, window.full_hours(), &dag, run.as_deref()));
    let price = |row: AttemptRow| {
        let pool = &row.suspect.pool;
        let hours = row.hours.iter();
        let cost =
            hours.map(|(at_ms, used)| prices.at(*at_ms, pool).cost(used.cpu_ns, used.mem_byte_s)).sum();
        (row, cost)
    };
    Ok(read.await?.into_iter().map(price).collect())
}

/// What the database holds.
pub(super) async fn state(shared: &Shared) -> Result<State, DatabaseError> {
    shared.reader.read(queries::state).await
}

/// Now, today, this month.
pub(super) async fn now(shared: &Shared) -> Result<Now, DatabaseError> {
    let (prices, now_ms) = (shared.prices(), unix_ms());
    let since_ms = now_ms.saturating_sub(shared.limits.fresh_ms);
    let read = shared.reader.read(move |connection| {
        let month_ms = month_start_ms(now_ms);
        let from_ms = month_ms.min(now_ms.saturating_sub(DAY_MS));
        let places = queries::places(connection, Window { from_ms, to_ms: now_ms + 1 })?;
        let parts = |from_ms: u64| {
            let cells = places.iter().filter(|cell| cell.at_ms >= from_ms / HOUR_MS * HOUR_MS).cloned();
            let facts = costs_engine::Facts { places: cells.collect(), ..Default::default() };
            allocate(&facts, &prices, ShareIdle::None).totals.parts()
        };
        // A day that is not full yet: the pace of what there is.
        let day_ms = now_ms.saturating_sub(DAY_MS);
        let first_ms =
            places.iter().map(|cell| cell.at_ms).filter(|at| *at >= day_ms).min().unwrap_or(now_ms);
        let pace = parts(day_ms).per_hour(now_ms.saturating_sub(first_ms).max(HOUR_MS));
        let left_ms = month_start_ms(month_ms + 32 * DAY_MS).saturating_sub(now_ms);
        let month = parts(month_ms);
        let mut now = Now {
            now_ms,
            today: parts(now_ms / DAY_MS * DAY_MS),
            month,
            month_projected: month + pace.portion(u128::from(left_ms), u128::from(HOUR_MS)),
            ..Now::default()
        };
        for suspect in queries::alive(connection, since_ms)? {
            if suspect.kind == domain::usage::UsageKind::Task {
                let price = prices.at(suspect.last_ms, &suspect.pool);
                let cost = price.cost(suspect.window.cpu_ns, suspect.window.mem_byte_s);
                now.running += 1;
                now.running_per_hour += cost.per_hour(suspect.window_ms);
            }
        }
        for worker in queries::last_windows(connection)? {
            if worker.last.last_ms >= since_ms {
                let price = prices.at(worker.last.last_ms, &worker.pool);
                let cost = price.cost(i128::from(worker.last.cpu_ns), i128::from(worker.last.mem_byte_s));
                now.workers += 1;
                now.slots += u64::from(worker.last.slots);
                now.workers_per_hour += cost.per_hour(worker.last.window_ms);
            }
        }
        Ok(now)
    });
    read.await
}
