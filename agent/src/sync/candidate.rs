//! From a commit to something proved, or to the reason why it is refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use agent_gitsync::{Commit, Mirror};
use domain::publication::{DEFAULT_ENVIRONMENT, PublishedEnvironment};
use domain::{Publication, RepositoryName};
use objectstore::Store;

use super::SyncError;
use super::bases::LiveBase;
use super::build::{Builder, Built};
use super::check::{self, Checked};
use super::publication::{Proved, REQUIREMENTS};
use super::tree::{self, Exported};

/// What proving a commit needs.
pub(super) struct Bench<'a> {
    pub(super) mirror: &'a Mirror,
    pub(super) store: &'a Store,
    pub(super) builder: &'a Builder,
    pub(super) repository: &'a RepositoryName,
    pub(super) dags_subdir: &'a str,
    pub(super) bases: &'a [LiveBase],
    /// Where candidate environments are materialised.
    pub(super) volume: PathBuf,
}

/// What came of a commit.
pub(super) enum Proof {
    /// It may be published.
    Proved { proved: Box<Proved>, tree: Exported, warnings: Vec<String> },
    /// It must not be.
    Refused(String),
}

impl Bench<'_> {
    /// Builds and checks `commit`; `current` is what a failing DAG file is compared with.
    pub(super) async fn prove(
        &self,
        commit: &Commit,
        current: Option<&Publication>,
        scratch: &Path,
    ) -> Result<Proof, SyncError> {
        let exported = match tree::export(self.mirror, &commit.id, scratch).await {
            Ok(exported) => exported,
            Err(error) => return refused_tree(error),
        };
        let needs = exported.packed.files.iter().any(|file| file.path == REQUIREMENTS);
        let (mut environments, mut warnings, mut dag_files) = (Vec::new(), Vec::new(), BTreeSet::new());
        for base in self.bases {
            let root = if needs {
                match self.builder.build(&exported.dir, REQUIREMENTS, &base.record, scratch).await? {
                    Built::Refused(reason) => return Ok(Proof::Refused(reason)),
                    Built::Environment { env_id, warnings: more } => {
                        warnings.extend(more);
                        environments.push(PublishedEnvironment {
                            environment: DEFAULT_ENVIRONMENT.to_owned(),
                            base_id: base.id,
                            env_id,
                        });
                        self.materialise(env_id, base).await?
                    }
                }
            } else {
                base_root(base)
            };
            if base.record.base.distribution("apache-airflow-core").is_none()
                && base.record.base.distribution("apache-airflow").is_none()
            {
                warnings.push(format!("base {} has no Airflow: DAG files were not parsed", base.id.short()));
                continue;
            }
            let checked = check::parse(&root, &exported.dir, self.dags_subdir).await?;
            if let Some(reason) = self.refusal(&checked, base, current, scratch).await? {
                return Ok(Proof::Refused(reason));
            }
            warnings.extend(checked.warnings);
            warnings.extend(
                checked
                    .failures
                    .iter()
                    .map(|parse| format!("{} does not parse; it did not before either", parse.check.path)),
            );
            dag_files.extend(checked.dag_files);
        }
        environments.sort_by(|a, b| (&a.environment, a.base_id).cmp(&(&b.environment, b.base_id)));
        warnings.sort();
        warnings.dedup();
        let proved = Proved {
            repository: self.repository.clone(),
            commit: commit.id.to_string(),
            author: commit.author.clone(),
            tree_digest: exported.packed.tree_digest,
            files: exported.packed.files.clone(),
            dag_files,
            environments,
        };
        Ok(Proof::Proved { proved: Box::new(proved), tree: exported, warnings })
    }

    /// The reason to refuse, when files fail that do not fail in the current tree.
    async fn refusal(
        &self,
        checked: &Checked,
        base: &LiveBase,
        current: Option<&Publication>,
        scratch: &Path,
    ) -> Result<Option<String>, SyncError> {
        if checked.failures.is_empty() {
            return Ok(None);
        }
        let failing = match current {
            Some(current) => self.failing_now(current, base, scratch).await?,
            None => BTreeSet::new(),
        };
        Ok(check::new_failures(&checked.failures, &failing))
    }

    /// Files of the current tree that fail in the current environment.
    async fn failing_now(
        &self,
        current: &Publication,
        base: &LiveBase,
        scratch: &Path,
    ) -> Result<BTreeSet<String>, SyncError> {
        let scratch = tempfile::tempdir_in(scratch).map_err(super::error::disk(scratch))?;
        let dir = tree::fetch(self.store, current, scratch.path()).await?;
        let root = match current.environment(DEFAULT_ENVIRONMENT, base.id) {
            Some(env_id) => self.materialise(env_id, base).await?,
            None => base_root(base),
        };
        let checked = check::parse(&root, &dir, self.dags_subdir).await?;
        Ok(checked.failures.into_iter().map(|parse| parse.check.path).collect())
    }

    async fn materialise(&self, env_id: domain::EnvId, base: &LiveBase) -> Result<PathBuf, SyncError> {
        let fetched = depcache::environment::fetch(self.store, env_id, &base.record, &self.volume).await;
        fetched.map(|fetched| fetched.path).map_err(SyncError::Environment)
    }
}

/// The base itself as an environment: the folder above its interpreter's.
fn base_root(base: &LiveBase) -> PathBuf {
    let python = Path::new(&base.record.base.interpreter.executable);
    python.ancestors().nth(2).unwrap_or(Path::new("/")).to_owned()
}

/// What in a commit cannot be published is the commit's fault; everything else is trouble.
fn refused_tree(error: SyncError) -> Result<Proof, SyncError> {
    let SyncError::Git { source } = error else { return Err(error) };
    match *source {
        agent_gitsync::Error::Tree { .. } | agent_gitsync::Error::Bounds { .. } => {
            Ok(Proof::Refused(format!("{source}\nhint: {}", source.hint())))
        }
        other => Err(SyncError::Git { source: Box::new(other) }),
    }
}
