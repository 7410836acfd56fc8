//! The build frontend (PEP 517): from a tree to metadata and wheel, each once.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use depcache_resolve::facts::Requirement;
use domain::Digest;
use pep440_rs::Version;
use serde_json::{Value, json};
use tokio::sync::{OnceCell, Semaphore};
use uv_normalize::PackageName;

use super::environment::Environment;
use super::error::chain_text;
use super::hook::{Hook, output_dir};
use super::pyproject::{self, BuildSystem};
use super::rules::build_variables;
use super::sandbox::{self, Sandbox};
use super::shelf::{Found, Shelf};
use super::tree::{Source, Tree, Unpacked, unpacked};
use super::{Known, Origin, SourceError, check, statics};
use crate::blocking::blocking;
use crate::index::{Index, IndexFile};
use crate::progress::Event;
use crate::session::Session;

/// Hooks that run at a time in one process: each may use every core and much memory.
const BUILDS_AT_A_TIME: usize = 2;
/// Builds that need builds that need builds; real chains have two links.
const MAX_CHAIN: usize = 8;
/// Room that another process gets beside the time of its hooks before it is no longer waited for.
const PATIENCE: Duration = Duration::from_mins(5);

/// A wheel that was built.
#[derive(Debug, Clone)]
pub struct BuiltWheel {
    /// Where it lies, in the cache.
    pub path: std::path::PathBuf,
    /// Its name.
    pub filename: String,
    /// sha256 of its content.
    pub sha256: Digest,
    /// What its METADATA says.
    pub known: Known,
}

impl From<Found> for BuiltWheel {
    fn from(found: Found) -> Self {
        Self { path: found.path, filename: found.filename, sha256: found.sha256, known: found.known }
    }
}

/// Answers for one base and its indexes. Cheap to clone; clones share what they found.
#[derive(Debug, Clone)]
pub struct Frontend {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    session: Session,
    index: Index,
    shelf: Shelf,
    /// What is being built around this one, outermost first.
    chain: Vec<PackageName>,
    permits: Arc<Semaphore>,
    metadata: Mutex<HashMap<Digest, Arc<OnceCell<Known>>>>,
}

/// A tree that is ready to be built.
struct Build {
    unpacked: Unpacked,
    system: BuildSystem,
    environment: Environment,
    sandbox: &'static Sandbox,
    /// Of the wheel.
    key: Digest,
}

impl Frontend {
    /// A frontend that builds with `session`'s base, rules and cache.
    pub fn new(session: &Session, index: &Index) -> Self {
        Self::with_chain(session, index, Vec::new(), Arc::new(Semaphore::new(BUILDS_AT_A_TIME)))
    }

    fn with_chain(
        session: &Session,
        index: &Index,
        chain: Vec<PackageName>,
        permits: Arc<Semaphore>,
    ) -> Self {
        let inner = Inner {
            session: session.clone(),
            index: index.clone(),
            shelf: Shelf::at(session.cache.dir()),
            chain,
            permits,
            metadata: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The session that it was made with.
    pub(crate) fn session(&self) -> &Session {
        &self.inner.session
    }

    /// The index that it asks.
    pub(crate) fn index(&self) -> &Index {
        &self.inner.index
    }

    /// A source distribution of the index, downloaded and compared with its hash.
    pub async fn sdist(
        &self,
        name: &PackageName,
        version: &Version,
        file: &IndexFile,
        expected: Option<Digest>,
    ) -> Result<Source, SourceError> {
        let label = file.filename.clone();
        let failed = |source| SourceError::Fetch { label: label.clone(), source };
        let path = self.inner.index.wheel(file, expected).await.map_err(failed)?;
        let sha256 = match expected.or(file.sha256) {
            Some(sha256) => sha256,
            None => self.inner.index.wheel_digest(file).await.map_err(failed)?,
        };
        let tree = Tree::Archive { path, sha256, subdirectory: None };
        Ok(Source { label, name: Some(name.clone()), version: Some(version.clone()), tree })
    }

    /// Metadata of a tree: what stands in it, else what its backend says.
    pub async fn metadata(&self, source: &Source) -> Result<Known, SourceError> {
        let key = self.key(source).await?;
        let cell = {
            let mut memo = self.inner.metadata.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(memo.entry(key).or_default())
        };
        let known = cell.get_or_try_init(|| self.find_metadata(source, key)).await?;
        check::identity(source, known)?;
        Ok(known.clone())
    }

    /// The wheel of a tree, from the cache or built now.
    pub async fn wheel(&self, source: &Source) -> Result<BuiltWheel, SourceError> {
        let key = self.key(source).await?;
        let frontend = self.building(source)?;
        let _flight = frontend.flight(source, key).await?;
        let unpacked = frontend.unpack(source).await?;
        let build = frontend.prepare(source, unpacked, key).await?;
        frontend.build_wheel(source, build).await.map(Into::into)
    }

    async fn find_metadata(&self, source: &Source, key: Digest) -> Result<Known, SourceError> {
        let built_key = self.target_key(key);
        let cached = self.inner.shelf.clone();
        if let Some(known) = cached.metadata(&key).or_else(|| cached.metadata(&built_key)) {
            return Ok(known);
        }
        let unpacked = self.unpack(source).await?;
        if let Some(told) = statics::read(&unpacked.root, source.version.as_ref()) {
            let metadata = Arc::new(told.metadata);
            let known = Known { name: told.name, version: told.version, metadata, origin: Origin::Static };
            cached.put_metadata(&key, &known)?;
            return Ok(known);
        }
        let frontend = self.building(source)?;
        let _flight = frontend.flight(source, key).await?;
        if let Some(known) = cached.metadata(&built_key) {
            return Ok(known);
        }
        let build = frontend.prepare(source, unpacked, key).await?;
        let known = match frontend.prepared_metadata(source, &build).await? {
            Some(known) => known,
            None => frontend.build_wheel(source, build).await?.known,
        };
        cached.put_metadata(&built_key, &known)?;
        Ok(known)
    }

    /// Unpacks, asks for the build's requirements, makes the environment.
    async fn prepare(&self, source: &Source, unpacked: Unpacked, key: Digest) -> Result<Build, SourceError> {
        let rules = &self.inner.session.options.builds;
        let sandbox = {
            let rule = rules.sandbox;
            let chosen = blocking(move || sandbox::chosen(rule)).await;
            chosen
                .map_err(|said| SourceError::NoSandbox { label: source.label.clone(), said: said.into() })?
        };
        let system = pyproject::read(&source.label, &unpacked.root)?;
        let environment = self.environment(&source.label, &system.requires).await?;
        let first = self.wheel_key(key, &environment);
        let mut build = Build { unpacked, system, environment, sandbox, key: first };
        let more = if let Some(more) = self.inner.shelf.more_requires(&first) {
            more
        } else {
            const HOOK: &str = "get_requires_for_build_wheel";
            let answer = self.hook(source, &build, HOOK, vec![json!(null)]).await?;
            let more = strings(answer.unwrap_or_default()).ok_or_else(|| SourceError::Answer {
                label: source.label.clone(),
                hook: HOOK,
                what: "it is no list of requirements".into(),
            })?;
            self.inner.shelf.put_more_requires(&first, &more)?;
            more
        };
        if !more.is_empty() {
            let mut requires = build.system.requires.clone();
            for text in &more {
                requires.push(text.parse::<Requirement>().map_err(|error| SourceError::Answer {
                    label: source.label.clone(),
                    hook: "get_requires_for_build_wheel",
                    what: format!("`{text}` is no requirement ({error})"),
                })?);
            }
            build.environment = self.environment(&source.label, &requires).await?;
            build.key = self.wheel_key(key, &build.environment);
        }
        Ok(build)
    }

    /// METADATA by the optional hook.
    async fn prepared_metadata(&self, source: &Source, build: &Build) -> Result<Option<Known>, SourceError> {
        const HOOK: &str = "prepare_metadata_for_build_wheel";
        let dir = output_dir(build.unpacked.work(), "metadata")?;
        let answer = self.hook(source, build, HOOK, vec![json!(dir), json!(null)]).await?;
        let Some(answer) = answer else { return Ok(None) };
        let unusable =
            |what: &str| SourceError::Answer { label: source.label.clone(), hook: HOOK, what: what.into() };
        let name = answer.as_str().ok_or_else(|| unusable("it is no directory name"))?;
        if name.contains('/') || name == ".." {
            return Err(unusable("it is a path"));
        }
        let path = dir.join(name).join("METADATA");
        let text = super::bounded_text(&path).map_err(|source| SourceError::Disk { path, source })?;
        let text = text.ok_or_else(|| unusable("there is no METADATA in the directory"))?;
        check::known(source, HOOK, text.as_bytes()).map(Some)
    }

    async fn build_wheel(&self, source: &Source, build: Build) -> Result<Found, SourceError> {
        let cached = self.inner.shelf.clone();
        let key = build.key;
        let of_key = cached.clone();
        if let Some(found) = blocking(move || of_key.wheel(&key)).await {
            check::identity(source, &found.known)?;
            return Ok(found);
        }
        let progress = &self.inner.session.progress;
        let started = Instant::now();
        progress.tell(Event::Started { step: "build", total: 0 });
        let dir = output_dir(build.unpacked.work(), "wheel")?;
        let promised = statics::read(&build.unpacked.root, source.version.as_ref()).map(|told| told.metadata);
        let answer =
            self.hook(source, &build, "build_wheel", vec![json!(dir), json!(null), json!(null)]).await?;
        let filename = answer.as_ref().and_then(Value::as_str).ok_or_else(|| SourceError::Answer {
            label: source.label.clone(),
            hook: "build_wheel",
            what: "it is no file name".into(),
        })?;
        let (filename, source, base) =
            (filename.to_owned(), source.clone(), self.inner.session.base.base.clone());
        let label = source.label.clone();
        let found = blocking(move || {
            let known = check::wheel(&source, &base, promised.as_ref(), &dir, &filename)?;
            let found = cached.put_wheel(&key, &dir.join(filename), &known);
            drop(build);
            found
        })
        .await?;
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        progress.tell(Event::Finished { step: "build", took_ms, outcome: &label });
        Ok(found)
    }

    async fn hook(
        &self,
        source: &Source,
        build: &Build,
        hook: &'static str,
        arguments: Vec<Value>,
    ) -> Result<Option<Value>, SourceError> {
        // The semaphore is never closed.
        let _permit = self.inner.permits.acquire().await;
        let (label, session, logs) =
            (source.label.clone(), self.inner.session.clone(), self.inner.shelf.logs());
        let (environment, sandbox) = (build.environment.path.clone(), build.sandbox);
        let (root, work) = (build.unpacked.root.clone(), build.unpacked.work().to_owned());
        let system = build.system.clone();
        if let Sandbox::None(said) = sandbox {
            tracing::warn!(
                label,
                said,
                "this build has the network and the files of its caller: no sandbox here"
            );
        }
        let called = blocking(move || {
            let call = Hook {
                label: &label,
                environment: &environment,
                root: &root,
                work: &work,
                cache: session.cache.root(),
                system: &system,
                limits: session.options.builds.limits,
                sandbox,
                variables: &session.variables,
                logs: &logs,
            };
            call.call(hook, &arguments)
        });
        called.await
    }

    /// This frontend with `source` in its chain, if the rules allow to build it.
    fn building(&self, source: &Source) -> Result<Self, SourceError> {
        let rules = &self.inner.session.options.builds;
        let label = || source.label.clone();
        let is_refused = match &source.name {
            Some(name) => rules.no_build.contains(name),
            None => rules.no_build == depcache_resolve::requirements::Names::All,
        };
        if is_refused {
            return Err(SourceError::Refused { label: label(), rule: "--no-build" });
        }
        if rules.is_foreign_target {
            return Err(SourceError::ForeignTarget { label: label() });
        }
        let mut chain = self.inner.chain.clone();
        if let Some(name) = &source.name {
            if chain.contains(name) || chain.len() >= MAX_CHAIN {
                return Err(SourceError::Cycle { label: label(), chain: chain_text(&chain, name) });
            }
            chain.push(name.clone());
        }
        let inner = &self.inner;
        Ok(Self::with_chain(&inner.session, &inner.index, chain, Arc::clone(&inner.permits)))
    }

    async fn flight(&self, source: &Source, key: Digest) -> Result<super::shelf::Flight, SourceError> {
        let (cached, label, key) = (self.inner.shelf.clone(), source.label.clone(), self.target_key(key));
        let limit = self.inner.session.options.builds.limits.time * 2 + PATIENCE;
        blocking(move || cached.flight(&label, &key, limit)).await
    }

    async fn key(&self, source: &Source) -> Result<Digest, SourceError> {
        let (tree, label) = (source.tree.clone(), source.label.clone());
        blocking(move || tree.key(&label)).await
    }

    async fn unpack(&self, source: &Source) -> Result<Unpacked, SourceError> {
        let (source, scratch) = (source.clone(), self.inner.session.cache.scratch_dir());
        blocking(move || unpacked(&source, Path::new(&scratch))).await
    }

    /// Of what a backend says on this target and with these variables.
    fn target_key(&self, key: Digest) -> Digest {
        let base = &self.inner.session.base.base;
        let target = base.target_id().map_or_else(|_| base.interpreter.version.clone(), |id| id.to_string());
        let mut text = format!("{key}\n{target}\n");
        for (name, value) in build_variables(&self.inner.session.variables) {
            text.extend([name, "=", value, "\n"]);
        }
        Digest::of(text.as_bytes())
    }

    /// Of a wheel: also what it was built with.
    fn wheel_key(&self, key: Digest, environment: &Environment) -> Digest {
        Digest::of(format!("{}\n{}", self.target_key(key), environment.lock).as_bytes())
    }
}

fn strings(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(values) => values.into_iter().map(|one| one.as_str().map(ToOwned::to_owned)).collect(),
        _ => None,
    }
}
