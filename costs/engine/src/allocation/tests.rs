use proptest::prelude::*;

use super::*;

const PRICES: &str = "currency = \"USD\"\n[cpu]\ncore_hour = \"0.0316\"\n[memory]\ngib_hour = \"0.0042\"\n\
    [[prices]]\nvalid_from = \"1970-01-01T02:00Z\"\npool = \"b\"\ncpu = { core_hour = \"0.07\" }\nmemory = { gib_hour = \"0\" }\n";

fn prices() -> Prices {
    Prices::parse("prices.toml", PRICES).unwrap()
}

const HOUR_NS: i128 = 3_600_000_000_000;

fn cell(kind: UsageKind, group: &[&str], cores: i128, slot_ms: i128) -> Cell {
    Cell {
        at_ms: 0,
        pool: "a".into(),
        kind,
        group: group.iter().map(ToString::to_string).collect(),
        quantities: Quantities { cpu_ns: cores * HOUR_NS, slot_ms, ..Quantities::default() },
    }
}

/// Facts of a report: groups are the cells that have one.
fn facts(cells: &[Cell]) -> Facts {
    let plain = |cell: &Cell| Cell { group: [].into(), ..cell.clone() };
    Facts {
        places: cells.iter().map(plain).collect(),
        groups: cells.iter().filter(|cell| !cell.group.is_empty()).cloned().collect(),
        waste: Vec::new(),
    }
}

/// A worker of ten cores and four slots; one slot is busy for the hour and uses one core.
fn hour() -> Vec<Cell> {
    vec![
        cell(UsageKind::Task, &["x"], 1, 3_600_000),
        cell(UsageKind::Overhead, &[], 2, 0),
        cell(UsageKind::Idle, &[], 7, 0),
        cell(UsageKind::Worker, &[], 10, 4 * 3_600_000),
    ]
}

#[test]
fn idle_is_split_by_slots() {
    let totals = allocate(&facts(&hour()), &prices(), ShareIdle::None).totals;
    // Of the eight cores that overhead leaves, six belong to the three empty slots.
    assert_eq!(totals.idle_empty_slots.to_decimal(4), "0.1896");
    assert_eq!(totals.idle_busy_slots.to_decimal(4), "0.0316");
    assert_eq!(totals.parts(), totals.workers);
}

#[test]
fn shared_idle_is_the_whole_idle() {
    let mut cells = hour();
    cells.push(cell(UsageKind::Task, &["y"], 3, 3_600_000));
    let by = |share| {
        let allocation = allocate(&facts(&cells), &prices(), share);
        let of = |name: &str| {
            allocation.lines.iter().find(|line| line.group == [name]).map(|line| line.idle.to_decimal(4))
        };
        (of("x").unwrap(), of("y").unwrap(), allocation.totals.idle_shared == allocation.totals.idle())
    };
    assert_eq!(by(ShareIdle::Slots), ("0.1106".into(), "0.1106".into(), true));
    assert_eq!(by(ShareIdle::Cost), ("0.0553".into(), "0.1659".into(), true));
}

#[test]
fn idle_of_an_hour_without_tasks_stays_idle() {
    let allocation = allocate(&facts(&[cell(UsageKind::Idle, &[], 1, 0)]), &prices(), ShareIdle::Slots);
    assert_eq!((allocation.totals.idle_shared, allocation.lines.len()), (Money::ZERO, 0));
}

fn any_cell() -> impl Strategy<Value = Cell> {
    let kind = prop::sample::select(vec![
        UsageKind::Task,
        UsageKind::Callback,
        UsageKind::Orphan,
        UsageKind::Overhead,
        UsageKind::Idle,
        UsageKind::Worker,
    ]);
    (kind, 0_u64..4, 0_usize..2, 0_usize..5, 0_i128..1 << 50, 0_i128..1 << 56, 0_i128..1 << 40).prop_map(
        |(kind, hour, pool, group, cpu_ns, mem_byte_s, slot_ms)| Cell {
            at_ms: hour * 3_600_000,
            pool: ["a", "b"][pool].into(),
            kind,
            group: if is_attributed(kind) { [format!("dag{group}")].into() } else { [].into() },
            quantities: Quantities { cpu_ns, mem_byte_s, slot_ms, ..Quantities::default() },
        },
    )
}

proptest! {
    #[test]
    fn lines_are_the_totals_in_every_view(cells in prop::collection::vec(any_cell(), 0..40)) {
        for share in [ShareIdle::None, ShareIdle::Slots, ShareIdle::Cost] {
            let Allocation { lines, totals } = allocate(&facts(&cells), &prices(), share);
            let sum = |of: fn(&Line) -> Money| lines.iter().map(of).sum::<Money>();
            prop_assert_eq!(sum(Line::direct), totals.direct());
            prop_assert_eq!(sum(|line| line.idle), totals.idle_shared);
            prop_assert!(totals.idle_shared <= totals.idle() && lines.iter().all(|line| line.idle >= Money::ZERO));
        }
    }

    #[test]
    fn coarser_groups_cost_the_same(cells in prop::collection::vec(any_cell(), 0..40)) {
        let coarse: Vec<Cell> = cells
            .iter()
            .cloned()
            .map(|mut cell| {
                if !cell.group.is_empty() {
                    cell.group = ["all".to_owned()].into();
                }
                cell
            })
            .collect();
        let fine = allocate(&facts(&cells), &prices(), ShareIdle::Cost).totals;
        let coarse = allocate(&facts(&coarse), &prices(), ShareIdle::Cost).totals;
        prop_assert_eq!(fine, coarse);
    }
}
