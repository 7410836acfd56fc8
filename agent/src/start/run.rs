use std::time::Duration;

use daemon::{OnFailure, Outcome, Signals, Stage, Supervisor};

use super::delivery::{Deliver, StartError};
use super::rolling::is_airflow_2;
use crate::process::Program;
use crate::run::{Code, Component};
use crate::settings::RunSettings;

/// After the component's own deadline, for everything else to end.
const LAST_STAGES: Duration = Duration::from_secs(15);

/// `updraft-agent run`: runs the component until it is told to stop.
pub async fn run(settings: RunSettings, signals: Signals) -> Result<Outcome, StartError> {
    let mut deliver =
        Deliver::prepare(&settings.delivery, settings.repository.as_slice(), &settings.command).await?;
    let mut supervisor = Supervisor::new();
    let holder = format!("run-{}", std::process::id());
    deliver.spawn(&mut supervisor, settings.repository.as_slice(), &holder).await?;
    let stop_timeout = Duration::from_secs(settings.stop_timeout_s);
    let code = match &settings.repository {
        Some(repository) if is_airflow_2(&deliver.base.record) => {
            let subdir = settings.dags_subdir.clone();
            let claimed = Code::claim(&deliver.volume, repository, subdir, &settings.command);
            Some(
                claimed
                    .map_err(|source| StartError::System { step: "no folder for links to code", source })?,
            )
        }
        _ => None,
    };
    let component = Component {
        code,
        program: Program { command: settings.command, variables: deliver.variables(None), slots: None },
        environment: settings.environment,
        followed: settings.repository.and_then(|name| deliver.followed.get(name.as_str()).cloned()),
        overlap: Duration::from_millis(settings.overlap_ms),
        stop_timeout,
        adopted: deliver.adopted.clone(),
    };
    let handle = supervisor.handle();
    let mut once = Some(component);
    supervisor.spawn("component", Stage::Intake, OnFailure::ShutDown, move |stop| {
        let (component, handle) = (once.take(), handle.clone());
        async move {
            if let Some(component) = component {
                component.run(stop).await?;
            }
            handle.shut_down("the component was stopped");
            Ok(())
        }
    });
    let policy = daemon::Policy::new(stop_timeout.saturating_add(LAST_STAGES));
    Ok(supervisor.run(signals, policy).await)
}
