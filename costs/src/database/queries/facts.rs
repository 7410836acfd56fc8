//! Cells of a report, and the balance of workers.

use costs_engine::cells::env_name;
use costs_engine::window::HOUR_MS;
use costs_engine::{By, Cell, Facts, Identity, Prices, Quantities, ShareIdle, Window};
use rusqlite::{Connection, Params, Row};

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
    Ok(Facts {
        places: places(connection, filter.window)?,
        groups: self::groups(connection, filter, prices, &groups)
            .map_err(DatabaseError::at("reading groups"))?,
        waste: waste(connection, filter, prices, &groups).map_err(DatabaseError::at("reading waste"))?,
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
            pool: row.get(1)?,
            kind: kind(row.get(2)?),
            group: Vec::new(),
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
    prices: &Prices,
    stretches: &[Stretch],
) -> rusqlite::Result<Vec<Cell>> {
    let (table, columns, every_kind) = source(filter.by);
    let kinds = if every_kind { String::new() } else { format!("AND q.kind IN {ATTRIBUTED}") };
    // A filter by DAG needs a table that has DAGs; pools and workers have none.
    let dag = if every_kind { None } else { filter.dag.as_deref() };
    let inner = format!(
        "SELECT q.pool AS pool, q.kind AS kind, {keys}, {SUMS} FROM {table} q \
         WHERE q.hour >= ?1 AND q.hour < ?2 {kinds} {only} GROUP BY q.kind, q.pool, {keys}",
        keys = keys(columns),
        only = only(dag),
    );
    select(connection, filter.by, prices, &inner, dag, stretches)
}

fn waste(
    connection: &Connection,
    filter: &Filter,
    prices: &Prices,
    stretches: &[Stretch],
) -> rusqlite::Result<Vec<Cell>> {
    let (_, columns, every_kind) = source(filter.by);
    let dag = if every_kind { None } else { filter.dag.as_deref() };
    let keys: Vec<String> = columns.iter().map(|column| format!("a.{column}")).collect();
    let keys = keys.join(", ");
    // The attempts come by their index; an attempt that ended before the window has no hour in it.
    let inner = format!(
        "SELECT a.pool AS pool, a.kind AS kind, {keys}, {SUMS} FROM attempt a \
         JOIN attempt_hour q ON q.attempt = a.id AND q.hour >= ?1 AND q.hour < ?2 \
         WHERE a.wasted = 1 AND a.kind = {TASK} AND a.last_ms >= ?1 * 3600000 {only} GROUP BY a.kind, a.pool, {keys}",
        only = only(dag).replace("q.dag", "a.dag"),
    );
    select(connection, filter.by, prices, &inner, dag, stretches)
}

fn keys(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("q.{column}")).collect::<Vec<_>>().join(", ")
}

fn only(dag: Option<&str>) -> &'static str {
    if dag.is_some() { "AND q.dag = (SELECT id FROM name WHERE text = ?3)" } else { "" }
}

/// Runs a grouped query for each stretch and names its keys.
fn select(
    connection: &Connection,
    by: By,
    prices: &Prices,
    inner: &str,
    dag: Option<&str>,
    stretches: &[Stretch],
) -> rusqlite::Result<Vec<Cell>> {
    let (_, columns, _) = source(by);
    let texts: Vec<String> = (0..columns.len()).map(|at| format!("n{at}.text")).collect();
    let joins: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| format!("JOIN name n{at} ON n{at}.id = g.{column}"))
        .collect();
    let sums_columns: Vec<String> = (0..SUMS_COUNT).map(|at| format!("g.s{at}")).collect();
    // Columns of the inner query get names, so that the outer one can order them.
    let mut names: Vec<String> = vec!["pool".into(), "kind".into()];
    let renamed = columns.iter().map(|column| (*column).to_owned());
    names.extend(renamed.map(|column| if column == "pool" { "pool2".into() } else { column }));
    names.extend((0..SUMS_COUNT).map(|at| format!("s{at}")));
    let joins = joins.join(" ").replace("g.pool", "g.pool2");
    let statement = format!(
        "WITH g ({names}) AS ({inner}) SELECT p.text, g.kind, {sums}, {texts} FROM g JOIN name p ON p.id = g.pool {joins}",
        names = names.join(", "),
        sums = sums_columns.join(", "),
        texts = texts.join(", "),
    );
    let mut read = connection.prepare_cached(&statement)?;
    let mut cells = Vec::new();
    for &(from, to) in stretches {
        let cell = |row: &Row<'_>| {
            let mut group = Vec::with_capacity(columns.len());
            for at in 0..columns.len() {
                group.push(row.get::<_, String>(2 + SUMS_COUNT + at)?);
            }
            Ok(Cell {
                at_ms: from.cast_unsigned() * HOUR_MS,
                pool: row.get(0)?,
                kind: kind(row.get(1)?),
                group: shown(by, group, prices),
                quantities: sums(row, 2)?,
            })
        };
        match dag {
            Some(dag) => collect(&mut read, (from, to, dag), cell, &mut cells)?,
            None => collect(&mut read, (from, to), cell, &mut cells)?,
        }
    }
    Ok(cells)
}

fn collect(
    read: &mut rusqlite::CachedStatement<'_>,
    parameters: impl Params,
    cell: impl Fn(&Row<'_>) -> rusqlite::Result<Cell>,
    cells: &mut Vec<Cell>,
) -> rusqlite::Result<()> {
    for found in read.query_map(parameters, cell)? {
        cells.push(found?);
    }
    Ok(())
}

/// Owners and environments are named from what is stored.
fn shown(by: By, group: Vec<String>, prices: &Prices) -> Vec<String> {
    match by {
        By::Owner => group.iter().map(|dag| prices.owners.of(dag).to_owned()).collect(),
        By::Env => group.iter().map(|id| env_name(id)).collect(),
        _ => group,
    }
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
