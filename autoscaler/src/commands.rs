//! The subcommands, from arguments to exit code.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::broker_url;
use crate::cli::{Cli, Command, Format};
use crate::clock::unix_ms;
use crate::explain;
use crate::fleet::Fleet;
use crate::observe;
use crate::run::{RunError, run};
use crate::settings::{self, Findings, Pool, SettingsError};
use crate::snapshot::Snapshot;

/// Version of the JSON documents on stdout.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<T> {
    schema: u32,
    #[serde(flatten)]
    content: T,
}

/// Runs the command; what a script reads goes to stdout, everything else to stderr.
pub async fn execute(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Run { config, stop_workers, log_format, log } => {
            if let Err(error) = daemon::logging::init(log_format, &log) {
                complain(&error, Some("for example --log info,broker=debug"));
                return ExitCode::from(domain::exit::USAGE);
            }
            let loaded = settings::load(&config).map_err(RunError::from);
            let outcome = match loaded {
                Ok((settings, findings)) => {
                    for finding in &findings.findings {
                        let place = format!("{}:{}", config.display(), finding.line);
                        tracing::warn!(place, hint = finding.hint, "{}", finding.message);
                    }
                    run(settings, stop_workers).await
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(outcome) if outcome.is_clean() => ExitCode::SUCCESS,
                Ok(_) => ExitCode::from(domain::exit::BUG),
                Err(error) => {
                    complain(&error, error.hint());
                    error.exit_code()
                }
            }
        }
        Command::Explain { pool, config, live, format } => match explain_pool(&config, &pool, live).await {
            Ok(Some(snapshot)) => {
                print(format, &snapshot, || explain::text(&snapshot, unix_ms()));
                ExitCode::SUCCESS
            }
            Ok(None) => {
                complain_text(
                    &format!("nothing is known about pool {pool}: no autoscaler has run here"),
                    Some("start `updraft-autoscaler run`, or ask now with --live"),
                );
                ExitCode::from(domain::exit::UNAVAILABLE)
            }
            Err(code) => code,
        },
        Command::Lint { config, format } => match settings::load(&config) {
            Ok((_, findings)) | Err(SettingsError::Contradictory(findings)) => {
                let clean = findings.findings.is_empty();
                print(format, &findings, || lint_text(&findings));
                ExitCode::from(if clean { domain::exit::OK } else { domain::exit::NOTHING })
            }
            Err(error) => {
                complain(&error, None);
                ExitCode::from(domain::exit::DATA)
            }
        },
    }
}

async fn explain_pool(config: &Path, name: &str, live: bool) -> Result<Option<Snapshot>, ExitCode> {
    let settings = match settings::load(config) {
        Ok((settings, _)) => settings,
        Err(error) => {
            complain(&error, None);
            return Err(ExitCode::from(domain::exit::DATA));
        }
    };
    let Some(pool) = settings.pools.get(name) else {
        let known: Vec<&str> = settings.pools.keys().map(String::as_str).collect();
        let message = format!("{}: there is no pool {name}", config.display());
        complain_text(&message, Some(&format!("it has {}", known.join(", "))));
        return Err(ExitCode::from(domain::exit::DATA));
    };
    let last = Snapshot::read(&settings.state_dir.join(name)).map_err(|error| {
        complain_text(&format!("the state of pool {name} cannot be read: {error}"), None);
        ExitCode::from(domain::exit::UNAVAILABLE)
    })?;
    if !live {
        return Ok(last);
    }
    let asked = ask_now(pool, &settings, last).await;
    asked.map(Some).map_err(|error| {
        complain(&error, error.hint());
        error.exit_code()
    })
}

/// What would be decided now; nothing is done.
async fn ask_now(
    pool: &Pool,
    settings: &settings::Settings,
    last: Option<Snapshot>,
) -> Result<Snapshot, RunError> {
    let url = broker_url::find(&settings.broker)?;
    let broker = broker::Broker::connect(&url).await.map_err(RunError::Broker)?;
    let mut snapshot = last.unwrap_or_else(|| Snapshot::new(&pool.name, &pool.policy));
    snapshot.policy = pool.policy.clone();
    let mut fleet = Fleet::view(pool.clone(), &settings.state_dir).map_err(|error| RunError::System {
        step: format!("reading the workers of pool {}", pool.name),
        source: std::io::Error::other(error),
    })?;
    fleet.greet().await;
    let demand = observe::demand(&broker, &pool.queues).await;
    let facts = autoscaler_plan::Facts {
        demand: demand.ok(),
        workers: fleet.facts(),
        crashed: 0,
        service_ms: snapshot.service.estimate_ms(),
    };
    let now_ms = unix_ms();
    let plan = autoscaler_plan::plan(&facts, &pool.policy, &mut snapshot.state, now_ms);
    (snapshot.facts, snapshot.plan, snapshot.at_ms) = (facts, plan, now_ms);
    Ok(snapshot)
}

fn lint_text(findings: &Findings) -> String {
    if findings.findings.is_empty() {
        format!("{}: no findings\n", findings.path.display())
    } else {
        format!("{findings}\n")
    }
}

#[allow(clippy::print_stdout)] // stdout is this program's data
fn print<T: Serialize>(format: Format, content: &T, text: impl FnOnce() -> String) {
    match format {
        Format::Text => print!("{}", text()),
        Format::Json => match serde_json::to_string(&Document { schema: SCHEMA, content }) {
            Ok(document) => println!("{document}"),
            Err(error) => complain_text(&format!("cannot be written as JSON: {error}"), None),
        },
    }
}

fn complain(error: &dyn std::error::Error, hint: Option<&str>) {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Other people's errors repeat their source.
        if !message.ends_with(&cause_text) {
            message = format!("{message}: {cause_text}");
        }
        source = cause.source();
    }
    complain_text(&message, hint);
}

#[allow(clippy::print_stderr)] // stderr is for people
fn complain_text(message: &str, hint: Option<&str>) {
    eprintln!("error: {message}");
    if let Some(hint) = hint {
        eprintln!("  hint: {hint}");
    }
}
