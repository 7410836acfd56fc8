//! `entry_points.txt`.

use std::collections::BTreeMap;

/// Group → name → object reference.
pub type EntryPoints = BTreeMap<String, BTreeMap<String, String>>;

/// Reads `entry_points.txt`. Lines outside a group, or without `=`, are skipped as Python's reader skips them.
///
/// ```
/// let points = depcache_layer::parse_entry_points("[console_scripts]\nhello = pkg.cli:main [extra]\n");
/// assert_eq!(points["console_scripts"]["hello"], "pkg.cli:main [extra]");
/// ```
pub fn parse_entry_points(text: &str) -> EntryPoints {
    let mut groups = EntryPoints::new();
    let mut group = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            group = Some(name.trim().to_owned());
        } else if let (Some(group), Some((name, value))) = (&group, line.split_once('=')) {
            groups.entry(group.clone()).or_default().insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    groups
}
