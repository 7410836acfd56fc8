//! Where changes come from, away for a while: git, the package index.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::PublicationId;
use serde_json::json;

use super::scene::Scene;
use super::table::Seen;
use crate::demo::refusal;
use crate::failure::Failure;
use crate::process::{Program, until};
use crate::repository::{self, REQUIREMENTS};
use crate::{machine, programs};

/// Trouble is noticed at the next poll; a build that cannot reach its index gives up after its own retries.
const NOTICED: Duration = Duration::from_mins(2);
/// From the return to the flip.
const CATCH_UP: Duration = Duration::from_mins(3);
/// A run to its end.
const RUN_END: Duration = Duration::from_mins(3);
const DAG_FILE: &str = "dags/ticks.py";
/// Makes the folder of a tiny package index with one wheel.
const MAKE_INDEX: &str = include_str!("index.py");

/// The repository is out of reach.
pub(super) async fn git(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let state = scene.watch.state;
    let before = scene.watch.current().await?;
    let run = scene.begin("git-away", json!({"seconds": 10})).await?;
    let (bare, aside) = (repository::bare(state), state.path("repository-away.git"));
    fs::rename(&bare, &aside).map_err(Failure::file("move", &bare))?;
    let said = trouble(scene, NOTICED).await;
    let works = scene.works("git-meanwhile", RUN_END).await;
    fs::rename(&aside, &bare).map_err(Failure::file("move", &aside))?;
    let back = Instant::now();
    let (said, ()) = (said?, works?);
    greet(scene, "after git was away").await?;
    pushed(scene, before.as_ref(), CATCH_UP).await?;
    let recovery = back.elapsed();
    let tries = scene.succeeds(&run, RUN_END).await?;
    Ok(Seen {
        users: format!("`updraft-agent sync status` says `{said}`; what is published stays"),
        tasks: format!("run on and start: success at try {tries}"),
        recovery,
        holds: Some(tries == 1),
    })
}

/// The package index is out of reach when a push needs it.
pub(super) async fn index(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let state = scene.watch.state;
    let before = scene.watch.current().await?;
    let folder = state.path("index");
    let python = scene.watch.base.join("bin/python");
    let place = folder.display().to_string();
    Program::new("index-make", &python, &["-c", MAKE_INDEX, &place], machine::environment())
        .run(state)
        .await?;
    repository::write(state, REQUIREMENTS, "updraft-ticks==1.0\n")?;
    let commit = repository::push(state, "Need a package").await?;
    let said = until("sync says that the index is away", NOTICED, || async {
        if let Some(words) = sync_trouble(scene) {
            return Ok(words);
        }
        let refused =
            refusal(state, scene.watch.base, &commit).await.map_err(|failure| failure.to_string())?;
        refused.map(|refusal| short(&refusal.words)).ok_or_else(|| "nothing yet".to_owned())
    })
    .await?;
    let stays = scene.watch.current().await? == before;
    scene.works("index-meanwhile", RUN_END).await?;
    let port = state.ports().index.to_string();
    let args = ["-m", "http.server", &port, "--bind", "127.0.0.1", "--directory", &place];
    let server = Program::new("index", &python, &args, machine::environment()).start(state)?;
    let back = Instant::now();
    let published = pushed(scene, before.as_ref(), CATCH_UP).await;
    let recovery = back.elapsed();
    crate::process::signal(&server, nix::sys::signal::Signal::SIGTERM);
    published?;
    scene.works("index-after", RUN_END).await?;
    Ok(Seen {
        users: format!("the push waits (`{said}`) and is published by itself when the index is back"),
        tasks: "run on and start, in the last good environment".to_owned(),
        recovery,
        holds: Some(stays),
    })
}

/// Pushes a change of the DAG file.
pub(super) async fn greet(scene: &Scene<'_>, words: &str) -> Result<String, Failure> {
    let state = scene.watch.state;
    let text: String = repository::read(state, DAG_FILE)?
        .lines()
        .map(|line| {
            if line.starts_with("GREETING = ") {
                format!("GREETING = \"{words}\"\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    repository::write(state, DAG_FILE, &text)?;
    repository::push(state, words).await
}

/// Waits until another publication is current and parsed.
pub(super) async fn pushed(
    scene: &Scene<'_>,
    before: Option<&PublicationId>,
    deadline: Duration,
) -> Result<PublicationId, Failure> {
    let published = scene.watch.published(before, deadline).await?;
    super::parsed(&scene.watch).await?;
    Ok(published)
}

/// Waits until sync says what does not work; its words, shortened.
pub(super) async fn trouble(scene: &Scene<'_>, deadline: Duration) -> Result<String, Failure> {
    until("sync says what does not work", deadline, || async {
        sync_trouble(scene).ok_or_else(|| "it is content".to_owned())
    })
    .await
}

fn sync_trouble(scene: &Scene<'_>) -> Option<String> {
    let status = programs::sync_state(scene.watch.state).join("status.json");
    let status: serde_json::Value = serde_json::from_slice(&fs::read(status).ok()?).ok()?;
    status["trouble"]["message"].as_str().map(short)
}

/// The first words of a message, without the folders of paths, which nobody needs in a table.
pub(super) fn short(words: &str) -> String {
    const LENGTH: usize = 100;
    let line = words.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut said = String::new();
    for word in line.split_whitespace() {
        let name = Path::new(word).file_name().and_then(|name| name.to_str());
        let word = if word.starts_with('/') { name.unwrap_or(word) } else { word };
        if said.chars().count() + word.chars().count() > LENGTH {
            said.push('…');
            break;
        }
        said.push_str(if said.is_empty() { "" } else { " " });
        said.push_str(word);
    }
    // Neither ends a cell of the table nor the quotation.
    said.replace('|', "/").replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn messages_are_cut_between_words() {
        assert_eq!(
            short("\n  no repository at /a/b/c.git: `x` | y\nmore"),
            "no repository at c.git: 'x' / y"
        );
        assert!(short(&"word ".repeat(50)).ends_with("word…"));
    }
}
