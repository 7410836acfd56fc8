//! Cells of a report, and the balance of workers.

use costs_engine::window::HOUR_MS;
use costs_engine::{Allocation, By, Cell, Facts, Identity, Prices, Quantities, ShareIdle, Window, allocate};
use rusqlite::{Connection, Row};

use super::labels::Labels;

use crate::database::DatabaseError;
use crate::database::kinds::{ATTRIBUTED, TASK, kind};

/// What is asked. The window is taken in full hours.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Window.
    pub window: Window,
    /// Groups.
    pub by: By,
    /// Who pays for idle.
    pub share: ShareIdle,
    /// Only this DAG.
    pub dag: Option<String>,
}

impl Filter {
    /// The DAG that queries are limited to. Where idle is shared they are not: everybody has a share in it.
    fn only_dag(&self) -> Option<&str> {
        self.dag.as_deref().filter(|_| self.share == ShareIdle::None)
    }

    /// The allocation of these facts, with the lines of the DAG when one is asked for.
    pub fn allocate(&self, facts: &Facts, prices: &Prices) -> Allocation {
        let mut allocation = allocate(facts, prices, self.share);
        if let (Some(dag), By::Dag | By::Task | By::Run) = (&self.dag, self.by) {
            allocation.lines.retain(|line| line.group.first() == Some(dag));
        }
        allocation
    }
}

/// Sums over many hours exceed 64 bits, so they are summed in halves.
const SUMS: &str = "sum(q.cpu_ns >> 32), sum(q.cpu_ns & 4294967295), sum(q.mem_byte_s >> 32), \
    sum(q.mem_byte_s & 4294967295), sum(q.slot_ms >> 32), sum(q.slot_ms & 4294967295), sum(q.ended), sum(q.wasted)";
/// Columns of [`SUMS`].
const SUMS_COUNT: usize = 8;

fn sums(row: &Row<'_>, first: usize) -> rusqlite::Result<Quantities> {
    let field = |at: usize| row.get::<_, i64>(first + at).map(i128::from);
    let whole = |at: usize| Ok::<_, rusqlite::Error>((field(at)? << 32) + field(at + 1)?);
    Ok(Quantities {
        cpu_ns: whole(0)?,
        mem_byte_s: whole(2)?,
        slot_ms: whole(4)?,
        ended: field(6)?,
        wasted: field(7)?,
        ..Quantities::default()
    })
}

/// The facts of a report.
pub fn facts(connection: &Connection, filter: &Filter, prices: &Prices) -> Result<Facts, DatabaseError> {
    let window = filter.window.full_hours();
    let groups = stretches(window, filter.share, prices);
    // Waste is not shared, so it needs no hours.
    let waste = stretches(window, ShareIdle::None, prices);
    let mut labels = Labels::new(connection, filter.by, prices);
    Ok(Facts {
        places: places(connection, filter.window)?,
        groups: self::groups(connection, filter, &groups, &mut labels)
            .map_err(DatabaseError::at("reading groups"))?,
        waste: self::waste(connection, filter, &waste, &mut labels)
            .map_err(DatabaseError::at("reading waste"))?,
    })
}

/// Unix hours from (included) to (excluded), within which a price does not change.
type Stretch = (i64, i64);

/// Hour by hour where idle is shared, else as long as prices stay.
fn stretches(window: Window, share: ShareIdle, prices: &Prices) -> Vec<Stretch> {
    let hour = |at_ms: u64| i64::try_from(at_ms / HOUR_MS).unwrap_or(i64::MAX);
    let (from, to) = (hour(window.from_ms), hour(window.to_ms));
    if share != ShareIdle::None {
        return (from..to).map(|hour| (hour, hour + 1)).collect();
    }
    let changes = prices.changes().into_iter().map(hour).filter(|&at| from < at && at < to);
    let bounds: Vec<i64> = [from].into_iter().chain(changes).chain([to]).collect();
    bounds.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Every kind, hour by hour and pool by pool.
pub fn places(connection: &Connection, window: Window) -> Result<Vec<Cell>, DatabaseError> {
    let statement = format!(
        "SELECT q.hour, p.text, q.kind, {SUMS} FROM place_hour q JOIN name p ON p.id = q.pool \
         WHERE q.hour >= ?1 AND q.hour < ?2 GROUP BY q.hour, q.pool, q.kind"
    );
    hourly(connection, &statement, window).map_err(DatabaseError::at("reading hours"))
}

/// What attempts used that were in vain, hour by hour and pool by pool.
pub fn waste_places(connection: &Connection, window: Window) -> Result<Vec<Cell>, DatabaseError> {
    let statement = format!(
        "SELECT q.hour, p.text, a.kind, {SUMS} FROM attempt a JOIN attempt_hour q ON q.attempt = a.id \
         JOIN name p ON p.id = a.pool WHERE a.wasted = 1 AND a.last_ms >= ?1 * 3600000 \
         AND q.hour >= ?1 AND q.hour < ?2 GROUP BY q.hour, a.pool"
    );
    hourly(connection, &statement, window).map_err(DatabaseError::at("reading waste"))
}

fn hourly(connection: &Connection, statement: &str, window: Window) -> rusqlite::Result<Vec<Cell>> {
    let window = window.full_hours();
    let mut read = connection.prepare_cached(statement)?;
    let bounds = [window.from_ms / HOUR_MS, window.to_ms / HOUR_MS].map(u64::cast_signed);
    let cell = |row: &Row<'_>| {
        Ok(Cell {
            at_ms: row.get::<_, i64>(0)?.cast_unsigned() * HOUR_MS,
            pool: row.get::<_, String>(1)?.into(),
            kind: kind(row.get(2)?),
            group: [].into(),
            quantities: sums(row, 3)?,
        })
    };
    read.query_map(bounds, cell)?.collect()
}

/// The table of a grouping, its columns, and whether all kinds belong to a group.
fn source(by: By) -> (&'static str, &'static [&'static str], bool) {
    match by {
        By::Dag | By::Owner => ("hour", &["dag"], false),
        By::Task => ("hour", &["dag", "task"], false),
        By::Run => ("run_hour", &["dag", "run"], false),
        By::Queue => ("hour", &["queue"], false),
        By::Env => ("hour", &["env"], false),
        By::Pool => ("worker_hour", &["pool"], true),
        By::Worker => ("worker_hour", &["worker"], true),
    }
}

fn groups(
    connection: &Connection,
    filter: &Filter,
    stretches: &[Stretch],
    labels: &mut Labels<'_>,
) -> rusqlite::Result<Vec<Cell>> {
    let (table, columns, every_kind) = source(filter.by);
    let kinds = if every_kind { String::new() } else { format!("AND q.kind IN {ATTRIBUTED}") };
    // A filter by DAG needs a table that has DAGs; pools and workers have none.
    let dag = if every_kind { None } else { filter.only_dag() };
    let keys = keys("q", columns);
    let statement = format!(
        "SELECT q.pool, q.kind, {SUMS}, {keys} FROM {table} q WHERE q.hour >= ?1 AND q.hour < ?2 {kinds} {only} \
         GROUP BY q.kind, q.pool, {keys}",
        only = only("q", dag),
    );
    select(connection, &statement, dag, stretches, labels, columns.len())
}

fn waste(
    connection: &Connection,
    filter: &Filter,
    stretches: &[Stretch],
    labels: &mut Labels<'_>,
) -> rusqlite::Result<Vec<Cell>> {
    let (_, columns, every_kind) = source(filter.by);
    let dag = if every_kind { None } else { filter.only_dag() };
    let keys = keys("a", columns);
    // The attempts come by their index; an attempt that ended before the window has no hour in it.
    let statement = format!(
        "SELECT a.pool, a.kind, {SUMS}, {keys} FROM attempt a \
         JOIN attempt_hour q ON q.attempt = a.id AND q.hour >= ?1 AND q.hour < ?2 \
         WHERE a.wasted = 1 AND a.kind = {TASK} AND a.last_ms >= ?1 * 3600000 {only} GROUP BY a.kind, a.pool, {keys}",
        only = only("a", dag),
    );
    select(connection, &statement, dag, stretches, labels, columns.len())
}

fn keys(table: &str, columns: &[&str]) -> String {
    columns.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
}

fn only(table: &str, dag: Option<&str>) -> String {
    match dag {
        Some(_) => format!("AND {table}.dag = (SELECT id FROM name WHERE text = ?3)"),
        None => String::new(),
    }
}

/// Runs a grouped query for each stretch and names its keys.
fn select(
    connection: &Connection,
    statement: &str,
    dag: Option<&str>,
    stretches: &[Stretch],
    labels: &mut Labels<'_>,
    columns: usize,
) -> rusqlite::Result<Vec<Cell>> {
    let mut read = connection.prepare_cached(statement)?;
    let mut cells = Vec::new();
    for &(from, to) in stretches {
        let mut rows = match dag {
            Some(dag) => read.query((from, to, dag))?,
            None => read.query((from, to))?,
        };
        while let Some(row) = rows.next()? {
            let first = 2 + SUMS_COUNT;
            let key = (row.get(first)?, if columns > 1 { Some(row.get(first + 1)?) } else { None });
            cells.push(Cell {
                at_ms: from.cast_unsigned() * HOUR_MS,
                pool: labels.pool(row.get(0)?)?,
                kind: kind(row.get(1)?),
                group: labels.group(key)?,
                quantities: sums(row, 2)?,
            });
        }
    }
    Ok(cells)
}

/// The balance of every worker.
pub fn identity(connection: &Connection, window: Window) -> Result<Identity, DatabaseError> {
    let failed = DatabaseError::at("reading workers");
    let window = window.full_hours();
    let statement = format!(
        "SELECT w.text, q.kind, {SUMS} FROM worker_hour q JOIN name w ON w.id = q.worker \
         WHERE q.hour >= ?1 AND q.hour < ?2 GROUP BY q.worker, q.kind"
    );
    let mut read = connection.prepare_cached(&statement).map_err(&failed)?;
    let bounds = [window.from_ms / HOUR_MS, window.to_ms / HOUR_MS].map(u64::cast_signed);
    let row = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, kind(row.get(1)?), sums(row, 2)?));
    let rows = read.query_map(bounds, row).map_err(&failed)?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>().map_err(&failed)?;
    Ok(Identity::of(rows))
}
