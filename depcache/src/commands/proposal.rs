//! A refusal and proposals, as people read them and as documents.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use depcache::index::Index;
use depcache::session::Session;
use depcache_resolve::requirements::SourceFile;
use depcache_resolve::{Change, Conflict, Expanded, Proposal, unified};
use domain::exit;
use serde_json::{Value, json};

use super::args::Format;
use super::{Failure, output};

/// What is done about a conflict.
#[derive(Debug, Default, Args)]
pub(crate) struct ProposalArgs {
    /// On a conflict look for the smallest changes of the requirements that resolve.
    #[arg(long)]
    propose: bool,
    /// Write the files of the best proposal into this folder.
    #[arg(long, value_name = "DIR", requires = "propose")]
    proposal_dir: Option<PathBuf>,
}

impl ProposalArgs {
    /// The refusal, with proposals when they are asked for. As a document it also goes to standard output.
    pub(crate) async fn refuse(
        &self,
        session: &Session,
        index: &Index,
        expanded: &Expanded,
        conflict: &Conflict,
        format: Format,
    ) -> Result<Failure, Failure> {
        let proposals = if self.propose {
            session.propose_all(index, expanded, conflict.clone()).await?
        } else {
            Vec::new()
        };
        if let (Some(folder), Some(best)) = (&self.proposal_dir, proposals.first()) {
            save(folder, best)?;
        }
        if format == Format::Json {
            output::write(None, &format!("{:#}\n", document(conflict, &expanded.files, &proposals)))?;
        }
        Ok(if self.propose {
            refusal(conflict, &expanded.files, &proposals)
        } else {
            Failure::new(exit::DATA, conflict.to_string(), None)
        })
    }
}

/// The conflict in words, and what would work: the best change in full, others as diffs.
fn refusal(conflict: &Conflict, before: &[SourceFile], proposals: &[Proposal]) -> Failure {
    let Some((best, others)) = proposals.split_first() else {
        let hint = "no small change of the requirements was found that resolves";
        return Failure::new(exit::DATA, conflict.to_string(), Some(hint.into()));
    };
    let mut text = conflict.to_string();
    let head = if others.is_empty() { "This change resolves:" } else { "The best change that resolves:" };
    write!(text, "\n\n{}", render(&best.changes, &best.expanded.files, head)).ok();
    write!(text, "\n\n{}", diff(before, &best.expanded.files).trim_end()).ok();
    for other in others {
        write!(text, "\n\nThis one resolves too:\n{}", lines(&other.changes)).ok();
        write!(text, "{}", diff(before, &other.expanded.files)).ok();
        text.truncate(text.trim_end().len());
    }
    Failure::new(exit::DATA, text, None)
}

/// The same as a document.
fn document(conflict: &Conflict, before: &[SourceFile], proposals: &[Proposal]) -> Value {
    let place = |origin: &depcache_resolve::requirements::Origin| json!({"file": origin.file, "line": origin.line, "text": origin.text});
    let proposal = |one: &Proposal| {
        let changes: Vec<_> = one.changes.iter().map(change).collect();
        let files: serde_json::Map<String, Value> = changed(&one.changes, &one.expanded.files)
            .map(|file| (file.path.clone(), json!(file.text)))
            .collect();
        json!({"changes": changes, "files": files, "diff": diff(before, &one.expanded.files)})
    };
    json!({
        "schema": 1,
        "conflict": {
            "summary": conflict.summary, "steps": conflict.steps, "hints": conflict.hints,
            "lines": conflict.involved.iter().map(place).collect::<Vec<_>>(), "packages": conflict.packages,
        },
        "proposals": proposals.iter().map(proposal).collect::<Vec<_>>(),
    })
}

fn change(one: &Change) -> Value {
    json!({"file": one.file, "line": one.line, "before": one.before, "after": one.after, "why": one.why})
}

/// Writes the changed files of a proposal below `folder`, under their own file names.
fn save(folder: &Path, proposal: &Proposal) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::of(exit::UNAVAILABLE, &error, None))?;
    for file in changed(&proposal.changes, &proposal.expanded.files) {
        let Some(name) = Path::new(&file.path).file_name() else { continue };
        output::write(Some(&folder.join(name)), &file.text)?;
    }
    Ok(())
}

fn changed<'f>(changes: &'f [Change], files: &'f [SourceFile]) -> impl Iterator<Item = &'f SourceFile> {
    files.iter().filter(|file| changes.iter().any(|change| change.file == file.path))
}

fn diff(before: &[SourceFile], after: &[SourceFile]) -> String {
    before.iter().zip(after).map(|(old, new)| unified(&old.path, &old.text, &new.text)).collect()
}

/// Changes line by line, then the whole text of every changed file.
pub(crate) fn render(changes: &[Change], files: &[SourceFile], head: &str) -> String {
    let mut out = format!("{head}\n{}", lines(changes));
    for file in changed(changes, files) {
        writeln!(out, "\nProposed {}:", file.path).ok();
        for line in file.text.lines() {
            writeln!(out, "  {line}").ok();
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn lines(changes: &[Change]) -> String {
    let mut out = String::new();
    for change in changes {
        let place = format!("{}:{}", change.file, change.line);
        match &change.before {
            Some(before) => writeln!(out, "  {place}: {before}  →  {}", change.after).ok(),
            None => writeln!(out, "  {place}: add {}", change.after).ok(),
        };
        writeln!(out, "      {}", change.why).ok();
    }
    out
}
