//! What could be done about a conflict.

use super::facts::{Fact, Leaves};
use super::words;
use crate::catalogue::Unavailable;
use crate::provider::Provider;

/// Hints, each once, most telling first.
pub(super) fn all(provider: &Provider<'_>, leaves: &Leaves) -> Vec<String> {
    let (mut hints, mut protected) = (Vec::new(), Vec::new());
    for fact in &leaves.facts {
        match fact {
            Fact::NoVersions { package, range } => {
                let Some(name) = package.name() else { continue };
                let Some(listing) = provider.graph.catalogue.known(name) else { continue };
                if listing.is_unknown {
                    hints.push(format!("check the spelling of {name}, and whether its index is configured"));
                }
                // The highest version that would have fitted is what the user most likely wants.
                let nearest = listing
                    .states()
                    .rev()
                    .filter(|(version, _)| range.contains(*version))
                    .find_map(|(version, state)| Some((version, state.as_ref().err()?)));
                if let Some((version, reason)) = nearest {
                    let tags = || listing.wheel_tags(version);
                    hints.push(about(provider, &format!("{name} {version}"), reason, &tags));
                }
            }
            Fact::Protected { package, .. } => protected.push(package.to_string()),
            Fact::Constraint { entry, .. } => {
                let origin = &provider.graph.input.expanded.constraints[*entry].origin;
                hints.push(format!("loosen the constraint in {}:{}", origin.file, origin.line));
            }
            Fact::Override { entry, .. } => {
                let origin = &provider.graph.input.expanded.overrides[*entry].origin;
                hints.push(format!("change the override in {}:{}", origin.file, origin.line));
            }
            _ => {}
        }
    }
    match protected.as_slice() {
        [] => {}
        [one] => hints.push(format!(
            "{one} comes with the base image: choose versions that work with it, or change the image"
        )),
        more => hints.push(format!(
            "{} come with the base image: choose versions that work with them, or change the image",
            words::list(more)
        )),
    }
    let mut seen = Vec::new();
    hints.retain(|hint| {
        let is_new = !seen.contains(hint);
        seen.push(hint.clone());
        is_new
    });
    hints
}

/// Tags that a hint names; wheels of a popular package have dozens.
const TAGS_SHOWN: usize = 3;

fn about(
    provider: &Provider<'_>,
    release: &str,
    reason: &Unavailable,
    tags: &dyn Fn() -> Vec<String>,
) -> String {
    let python = provider.graph.catalogue.target.python();
    match reason {
        Unavailable::SdistFormat(_) => {
            format!(
                "{release} is too old to be built here: choose a version with wheels, or make a wheel of it"
            )
        }
        Unavailable::NoBuild => {
            format!(
                "allow {release} to be built (--only-binary, --no-build), or choose a version with wheels"
            )
        }
        Unavailable::NoBinary => {
            format!("remove --no-binary for {release}: it is offered as wheels only")
        }
        Unavailable::Tags => {
            let mut tags = tags();
            let more = tags.len().saturating_sub(TAGS_SHOWN);
            tags.truncate(TAGS_SHOWN);
            if more > 0 {
                tags.push(format!("{more} others"));
            }
            let target = provider.graph.catalogue.target.best_tag();
            format!("{release} has wheels for {}; the target is {target}", words::list(&tags))
        }
        Unavailable::Python(_) => {
            format!("{release} does not run on Python {python}, which the target has: choose another version")
        }
        Unavailable::TooNew => format!(
            "{release} exists, but not before the cut-off date (--exclude-newer); \
             --exclude-newer-package gives a package another date, or none"
        ),
        Unavailable::NoUploadTime => format!(
            "nothing tells when {release} was uploaded, so no cut-off date can admit it; \
             --exclude-newer-package NAME=false lifts the cut-off for a package"
        ),
        Unavailable::NoHash => format!("add {release} with its --hash to the requirements"),
        Unavailable::HashMismatch => {
            format!(
                "the files of {release} are not those that the hashes name: compare them before changing hashes"
            )
        }
        Unavailable::Yanked(_) => format!("pin {release} with == if you want it although it was withdrawn"),
        Unavailable::Prerelease => format!("{release} is a pre-release: allow it with --pre"),
    }
}
