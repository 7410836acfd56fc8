//! A refusal and a proposal, as people read them.

use std::fmt::Write;

use depcache_resolve::requirements::SourceFile;
use depcache_resolve::{Change, Conflict, Proposal};
use domain::exit;

use super::Failure;

/// The conflict in words, and what would work.
pub(crate) fn refusal(conflict: &Conflict, proposal: Option<&Proposal>) -> Failure {
    let Some(proposal) = proposal else {
        let hint = "no small change of the requirements was found that resolves";
        return Failure::new(exit::DATA, conflict.to_string(), Some(hint.into()));
    };
    let text = render(&proposal.changes, &proposal.expanded.files, "This change resolves:");
    Failure::new(exit::DATA, format!("{conflict}\n\n{text}"), None)
}

/// Changes line by line, then the whole text of every changed file.
pub(crate) fn render(changes: &[Change], files: &[SourceFile], head: &str) -> String {
    let mut out = format!("{head}\n");
    for change in changes {
        let place = format!("{}:{}", change.file, change.line);
        match &change.before {
            Some(before) => {
                writeln!(out, "  {place}: {before}  →  {}", change.after).ok();
            }
            None => {
                writeln!(out, "  {place}: add {}", change.after).ok();
            }
        }
        writeln!(out, "      {}", change.why).ok();
    }
    for file in files.iter().filter(|file| changes.iter().any(|change| change.file == file.path)) {
        writeln!(out, "\nProposed {}:", file.path).ok();
        for line in file.text.lines() {
            writeln!(out, "  {line}").ok();
        }
    }
    out.truncate(out.trim_end().len());
    out
}
