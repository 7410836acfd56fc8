//! Answers as people read them.

use std::fmt;

use super::{Answer, Requirer, Step};

/// Lines that one answer shows beside the chains; what Airflow itself uses is required by dozens of packages.
const MOST_SHOWN: usize = 12;

impl fmt::Display for Requirer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(origin) => write!(f, "{}:{}", origin.file, origin.line),
            Self::Package { name, version, of_base: false } => write!(f, "{name} {version}"),
            Self::Package { name, version, of_base: true } => write!(f, "{name} {version} of the base"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requires {}", self.by, self.requirement)?;
        match &self.unmet {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.version, self.of_base) {
            (Some(version), true) => writeln!(f, "{name} {version} of the base stays as it is")?,
            (Some(version), false) => writeln!(f, "{name} {version} is installed")?,
            (None, _) => writeln!(f, "{name} is not in the environment")?,
        }
        for chain in &self.chains {
            for (depth, step) in chain.iter().enumerate() {
                writeln!(f, "{:indent$}{step}", "", indent = 2 + 2 * depth)?;
            }
        }
        if self.chains.is_empty() && self.version.is_some() {
            writeln!(f, "  none of your requirements needs it")?;
        }
        section(f, "also", &self.also)?;
        if self.version.is_none() && self.not_applying.is_empty() {
            writeln!(f, "  nothing in the environment names it")?;
        }
        if self.version.is_none() {
            section(f, "does not count", &self.not_applying)?;
        }
        Ok(())
    }
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, steps: &[Step]) -> fmt::Result {
    for step in steps.iter().take(MOST_SHOWN) {
        writeln!(f, "  {title}: {step}")?;
    }
    match steps.len().checked_sub(MOST_SHOWN) {
        Some(more) if more > 0 => writeln!(f, "  {title}: {more} more"),
        _ => Ok(()),
    }
}
