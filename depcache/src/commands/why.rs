//! `depcache why`.

use clap::Args;
use depcache::lock;
use depcache_resolve::why::Answer;
use domain::exit;
use serde_json::json;
use uv_normalize::PackageName;

use super::args::{Format, ResolveArgs};
use super::upgrade::Upgrade;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The package.
    #[arg(value_name = "NAME")]
    name: PackageName,
    /// Requirements files; the lock beside them is followed.
    #[arg(value_name = "REQUIREMENTS", default_value = "requirements.txt")]
    requirements: Vec<String>,
    #[command(flatten)]
    resolve: ResolveArgs,
    /// Form of standard output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Exit code 1 when the environment does not have the package.
pub(crate) async fn run(command: Why) -> Result<u8, Failure> {
    let session = command.resolve.session()?;
    let files = command.resolve.files(&command.requirements);
    let earlier = match lock::path_beside(&files) {
        Some(path) => lock::read(&path)?,
        None => None,
    };
    let expanded = super::locking::expand(&session, &files).await?;
    let index = super::locking::open_index(&session, &expanded).await?;
    let mut session = session;
    session.options.preferences = Upgrade::default().preferences(earlier.as_ref());
    let resolution = session.resolve(&index, &expanded).await?;
    let answer = session.why(&index, &expanded, resolution, command.name).await?;
    let text = match command.format {
        Format::Text => answer.to_string(),
        Format::Json => format!("{:#}\n", document(&answer)),
    };
    output::write(None, &text)?;
    Ok(if answer.version.is_some() { exit::OK } else { exit::NOTHING })
}

fn document(answer: &Answer) -> serde_json::Value {
    let steps = |chain: &[depcache_resolve::why::Step]| -> Vec<_> {
        chain.iter().map(|step| json!({"by": step.by.to_string(), "requirement": step.requirement})).collect()
    };
    json!({
        "schema": 1,
        "name": answer.name.to_string(),
        "version": answer.version.as_ref().map(ToString::to_string),
        "of_base": answer.of_base,
        "chains": answer.chains.iter().map(|chain| steps(chain)).collect::<Vec<_>>(),
        "also": steps(&answer.also),
        "not_applying": steps(&answer.not_applying),
    })
}
