//! `depcache fetch`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use depcache::environment::{self, EnvironmentError, Fetched};
use domain::{EnvId, exit};
use serde_json::json;

use super::args::{Format, ResolveArgs};
use super::build::{StoreArgs, prepared, publish, source};
use super::progress::seconds;
use super::{Failure, output};

/// How an environment is put on disk.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArg {
    /// The best that works here.
    Auto,
    /// Links into unpacked layers.
    Link,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// An environment id, or requirements files (or a lock) to build first.
    #[arg(required = true, value_name = "ENV|REQUIREMENTS")]
    what: Vec<String>,
    /// Volume: layers go to DIR/layers, the environment to DIR/envs/<env id>.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// How: `auto` is `link` on every machine today.
    #[arg(long, value_enum, default_value = "auto")]
    mode: ModeArg,
    /// Lock again beside the requirements first, keeping the versions of the lock there while they fit.
    #[arg(long)]
    relock: bool,
    #[command(flatten)]
    resolve: ResolveArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Form of standard output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) async fn run(command: Fetch) -> Result<(), Failure> {
    let (ModeArg::Auto | ModeArg::Link) = command.mode;
    let store = command.store.open().await?;
    let volume = prepared(&command.to)?;
    let named = match command.what.as_slice() {
        [id] => id.parse::<EnvId>().ok(),
        _ => None,
    };
    let (env_id, base) = if let Some(env_id) = named {
        (env_id, command.resolve.session_to_fetch()?.base)
    } else {
        let session = command.resolve.session()?;
        let base = session.base.clone();
        if command.relock {
            super::lock::relock(&session, &command.resolve.files(&command.what)).await?;
        }
        let source = source(&command.what, &command.resolve)?;
        let built = publish(session, store.clone(), source, Some(volume.clone()), false).await?;
        (built.env_id, base)
    };
    let fetched = environment::fetch(&store, env_id, &base, &volume).await?;
    super::say(&format!(
        "fetched {} in {}: {} layers, {} MB",
        env_id.short(),
        seconds(fetched.took_ms),
        fetched.layers_fetched,
        fetched.bytes / 1_000_000
    ));
    output::write(None, &shown(command.format, env_id, &fetched))
}

fn shown(format: Format, env_id: EnvId, fetched: &Fetched) -> String {
    match format {
        Format::Text => format!("{}\n", fetched.path.display()),
        Format::Json => {
            let document = json!({
                "schema": 1, "env_id": env_id, "path": fetched.path, "mode": fetched.mode,
                "took_ms": fetched.took_ms, "layers_fetched": fetched.layers_fetched, "bytes": fetched.bytes,
            });
            format!("{document:#}\n")
        }
    }
}

impl From<EnvironmentError> for Failure {
    fn from(error: EnvironmentError) -> Self {
        let code = if error.is_retryable() { exit::TRY_AGAIN } else { exit::UNAVAILABLE };
        Self::of(code, &error, Some(error.hint().into()))
    }
}
