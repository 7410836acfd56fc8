//! `depcache lock --check`: is the lock what the requirements give?

use std::path::Path;

use depcache::index::Index;
use depcache::lock::{Difference, Freshness, Lock};
use depcache::session::Session;
use depcache_resolve::Expanded;
use domain::exit;
use serde_json::json;

use super::args::Format;
use super::proposal::ProposalArgs;
use super::upgrade::Upgrade;
use super::{Failure, output};

/// Without a network while the lock says what it was made from; else by resolving again.
pub(super) async fn run(
    session: &Session,
    expanded: &Expanded,
    index: &Index,
    earlier: Option<Lock>,
    path: &Path,
    upgrade: &Upgrade,
    format: Format,
) -> Result<(), Failure> {
    let shown = path.display();
    let Some(earlier) = earlier else {
        let hint = format!("write it with `depcache lock … -o {shown}`");
        return Err(Failure::new(exit::NOTHING, format!("there is no {shown}"), Some(hint)));
    };
    let bug = |error| Failure::of(exit::BUG, &error, None);
    let here = session.base.base.id().map_err(bug)?;
    let inputs = session.lock_inputs(expanded, index).map_err(bug)?;
    let freshness = earlier.freshness(&inputs, here);
    let changes = match &freshness {
        Freshness::Fresh if !upgrade.is_any() => return fresh(path, format),
        Freshness::Stale(changes) => changes.clone(),
        _ => Vec::new(),
    };
    let difference = if changes.is_empty() {
        let told = (&ProposalArgs::default(), Format::Text);
        let (now, _) = super::locking::make(session, expanded, index, Some(&earlier), upgrade, told).await?;
        Some(Difference::between(&earlier, &now)).filter(|difference| !difference.is_empty())
    } else {
        None
    };
    if changes.is_empty() && difference.is_none() {
        return fresh(path, format);
    }
    match format {
        Format::Json => {
            let document = json!({
                "schema": 1, "lock": shown.to_string(), "fresh": false,
                "changes": changes, "difference": difference,
            });
            output::write(None, &format!("{document:#}\n"))?;
        }
        Format::Text => {
            let listed: String =
                changes.iter().flat_map(|change| ["inputs   ", change.as_str(), "\n"]).collect();
            let told = difference.as_ref().map(ToString::to_string).unwrap_or_default();
            output::write(None, &format!("{listed}{told}"))?;
        }
    }
    let (message, hint) = if upgrade.is_any() {
        ("could be upgraded", "leave out --check to take these versions")
    } else if freshness == Freshness::OtherBase {
        (
            "was made for another base",
            "the requirements did not change: check against that base (--base base.json), or lock again for this one",
        )
    } else {
        ("is not what the requirements give", "lock again and commit it")
    };
    Err(Failure::new(exit::NOTHING, format!("{shown} {message}"), Some(hint.into())))
}

fn fresh(path: &Path, format: Format) -> Result<(), Failure> {
    let shown = path.display().to_string();
    match format {
        Format::Json => {
            let document =
                json!({"schema": 1, "lock": shown, "fresh": true, "changes": [], "difference": null});
            output::write(None, &format!("{document:#}\n"))
        }
        Format::Text => output::write(None, &format!("ok  {shown} is what the requirements give\n")),
    }
}
