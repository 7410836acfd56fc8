//! Differences as people read them.

use std::fmt;

use super::{Difference, Kind, PackageChange, State};

impl fmt::Display for PackageChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, name) = (self.kind.word(), &self.name);
        write!(f, "{word:<8} {name} ")?;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) if self.kind == Kind::Source && old.source == new.source => {
                write!(f, "{}: another content under the same name", new.version)
            }
            (Some(old), Some(new)) if self.kind == Kind::Source => {
                let of = |state: &State| state.source.clone().unwrap_or_default();
                write!(f, "{}: {} -> {}", new.version, of(old), of(new))
            }
            (Some(old), Some(new)) => write!(f, "{old} -> {new}"),
            (Some(one), None) | (None, Some(one)) => write!(f, "{one}"),
            (None, None) => Ok(()),
        }?;
        match self.new.as_ref().and_then(|new| new.bytes) {
            Some(bytes) => write!(f, " ({})", size(bytes)),
            None => Ok(()),
        }
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Up => "up",
            Self::Down => "down",
            Self::Source => "source",
            Self::Moved => "moved",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)?;
        if self.of_base { f.write_str(" of the base") } else { Ok(()) }
    }
}

/// One line per package, then what it means for base, workers and downloads.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.packages {
            writeln!(f, "{change}")?;
        }
        if self.packages.is_empty() {
            writeln!(f, "the same packages")?;
        }
        if self.base_changed {
            writeln!(f, "base     another one")?;
        }
        if let Some((old, new)) = self.mode {
            let word = |mode| if mode == domain::Mode::Task { "task" } else { "process" };
            writeln!(f, "mode     {} -> {}", word(old), word(new))?;
        }
        if self.old_bytes + self.new_bytes == 0 && self.unknown_sizes > 0 {
            return writeln!(f, "size     unknown: the index tells none");
        }
        let sign = if self.new_bytes < self.old_bytes { '-' } else { '+' };
        write!(
            f,
            "size     {} -> {} ({sign}{}), {} to download",
            size(self.old_bytes),
            size(self.new_bytes),
            size(self.new_bytes.abs_diff(self.old_bytes)),
            size(self.download_bytes),
        )?;
        if self.unknown_sizes > 0 {
            write!(f, "; {} files of unknown size not counted", self.unknown_sizes)?;
        }
        writeln!(f)
    }
}

/// `12.3 MB`.
fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}
