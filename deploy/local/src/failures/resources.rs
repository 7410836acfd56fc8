//! What runs out: the disk of the volume, memory.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use domain::PublicationId;
use nix::unistd::Uid;
use serde_json::json;

use super::scene::{Scene, whole};
use super::sources::{greet, pushed};
use super::table::Seen;
use crate::failure::Failure;
use crate::process::until;
use crate::state::State;

/// Size of the volume's disk: room for environments of links and a few trees.
const VOLUME_MB: u32 = 96;
/// Set in the process that has mounts of its own.
const OWN_MOUNTS: &str = "UPDRAFT_LOCAL_OWN_MOUNTS";
/// Memory that a task may take before the kernel ends it.
const MEMORY_BYTES: u64 = 256 << 20;
/// A full disk is noticed at the next publication.
const NOTICED: Duration = Duration::from_mins(2);
/// From the return of space to the flip.
const CATCH_UP: Duration = Duration::from_mins(3);
/// A run to its end.
const RUN_END: Duration = Duration::from_mins(3);

/// Gives the volume a small disk of its own, which only this process and those it starts see. Answers whether it has
/// one; only root can.
pub(super) fn own_disk(state: &State) -> Result<bool, Failure> {
    if !Uid::effective().is_root() {
        return Ok(false);
    }
    let volume = state.path("volume");
    if std::env::var_os(OWN_MOUNTS).is_none() {
        // Becomes the same command in a mount namespace: whatever happens, no mount is left behind.
        let program = std::env::current_exe().map_err(Failure::file("find", "this program"))?;
        let error = Command::new("unshare")
            .args(["--mount", "--propagation", "private"])
            .arg(program)
            .args(std::env::args_os().skip(1))
            .env(OWN_MOUNTS, "1")
            .exec();
        return Err(Failure::Spawn { program: "unshare".to_owned(), source: error });
    }
    fs::create_dir_all(&volume).map_err(Failure::file("create", &volume))?;
    let spawn = |source| Failure::Spawn { program: "mount".to_owned(), source };
    let status = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={VOLUME_MB}m"), "updraft-volume"])
        .arg(&volume)
        .status()
        .map_err(spawn)?;
    Ok(status.success())
}

/// The volume's disk is full.
pub(super) async fn disk(scene: &Scene<'_>) -> Result<Seen, Failure> {
    if !scene.own_disk {
        return Ok(Seen::not_here("only root can give the volume a disk of its own"));
    }
    let state = scene.watch.state;
    let volume = state.path("volume");
    let before = scene.watch.current().await?;
    let run = scene.begin("disk-full", json!({"seconds": 25})).await?;
    let filler = volume.join("filler");
    fill(&filler)?;
    let outcome = while_full(scene, before.as_ref()).await;
    fs::remove_file(&filler).map_err(Failure::file("remove", &filler))?;
    let back = Instant::now();
    let said = outcome?;
    pushed(scene, before.as_ref(), CATCH_UP).await?;
    let recovery = back.elapsed();
    let tries = scene.succeeds(&run, RUN_END).await?;
    let ticks = super::kills::all_ticks(scene, &run, 1, 25).await;
    scene.works("disk-after", RUN_END).await?;
    let half = half_made(&volume);
    Ok(Seen {
        users: format!(
            "agents say why they stay at the publication before (`{said}`), and follow when there is room"
        ),
        tasks: format!(
            "run on and start, in the publication before: success at try {tries}, {} log lines of 25; nothing \
             half-made is left ({})",
            ticks.len(),
            half.len()
        ),
        recovery,
        holds: Some(tries == 1 && whole(&ticks) && ticks.len() == 25 && half.is_empty()),
    })
}

/// A push and a run while the volume is full; what an agent says about it.
async fn while_full(scene: &Scene<'_>, before: Option<&PublicationId>) -> Result<String, Failure> {
    greet(scene, "while the disk was full").await?;
    scene.watch.published(before, NOTICED).await?;
    let log = scene.watch.state.log("triggerer");
    let said = until("an agent says that the disk is full", NOTICED, || async {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let full =
            text.lines().rev().find(|line| line.contains("not up to date") && line.contains("No space left"));
        full.map(|_| "No space left on device".to_owned()).ok_or_else(|| "nothing about it".to_owned())
    })
    .await?;
    scene.works("disk-meanwhile", RUN_END).await?;
    Ok(said)
}

fn fill(filler: &Path) -> Result<(), Failure> {
    let mut file = File::create(filler).map_err(Failure::file("create", filler))?;
    let mut chunk = vec![0; 1 << 20];
    while !chunk.is_empty() {
        match file.write_all(&chunk) {
            Ok(()) => {}
            // Smaller and smaller, to the last page.
            Err(_) => chunk.truncate(chunk.len() / 2),
        }
    }
    Ok(())
}

/// What somebody began and did not finish: hidden, and no lock. What is made has its name at the end only.
fn half_made(volume: &Path) -> Vec<PathBuf> {
    let folders = ["envs", "layers", "trees", "trees/demo"].map(|name| volume.join(name));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with('.') && !name.ends_with("lock")
        })
        .collect()
}

/// A task that takes more memory than there is.
pub(super) async fn memory(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let Some(group) = memory_group() else {
        return Ok(Seen::not_here("no memory cgroup for this user"));
    };
    let conf = json!({"seconds": 600, "cgroup": group.display().to_string(), "hoard_mb": 48});
    let seen = async {
        let run = scene.begin("memory-full", conf).await?;
        super::kills::lost(scene, &run, Instant::now()).await
    }
    .await;
    // Fails while a process is in it: then the next run finds another name.
    fs::remove_dir(&group).ok();
    seen
}

/// A new group with a limit: version 1, then version 2 of the kernel's interface.
fn memory_group() -> Option<PathBuf> {
    let name = format!("updraft-failures-{}", std::process::id());
    let limit = MEMORY_BYTES.to_string();
    for (root, file) in [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
    {
        let group = Path::new(root).join(&name);
        if fs::create_dir(&group).is_err() {
            continue;
        }
        if fs::write(group.join(file), &limit).is_ok() {
            return Some(group);
        }
        fs::remove_dir(&group).ok();
    }
    None
}
