//! Publications as `updraft-agent sync` writes them, into a directory store.

use std::fs;
use std::path::{Path, PathBuf};

use depcache::base::identify;
use domain::environment::{LockId, Manifest, Mode};
use domain::publication::{DEFAULT_ENVIRONMENT, PublishedEnvironment, PublishedFile, Reason, SCHEMA};
use domain::{BaseId, Digest, EnvId, Publication, PublicationId, Ref, RepositoryName, keys};

/// A store in a directory.
pub struct Published {
    pub root: PathBuf,
    pub repository: RepositoryName,
}

impl Published {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), repository: "etl".parse().unwrap() }
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.root.display())
    }

    pub fn write(&self, key: &str, bytes: &[u8]) {
        let path = self.root.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, bytes).unwrap();
        fs::rename(temporary, path).unwrap();
    }

    /// An environment that adds nothing to the base of `python`; `name` tells two of them apart.
    pub fn environment(&self, python: &str, name: &str) -> (BaseId, EnvId) {
        let base = identify(python).unwrap().base;
        let (base_id, target_id) = (base.id().unwrap(), base.target_id().unwrap());
        let manifest = Manifest {
            schema: domain::environment::SCHEMA,
            base_id,
            target_id,
            lock_id: LockId(Digest::of(b"lock")),
            layers: vec![],
            shadows: vec![],
            conflicts: vec![],
            mode: Mode::Task,
            requested: vec![name.to_owned()],
            entry_points: std::collections::BTreeMap::default(),
        };
        let id = manifest.id().unwrap();
        self.write(&keys::environment(id), &domain::canonical::to_bytes(&manifest).unwrap());
        (base_id, id)
    }

    /// Publication `sequence` with these files, and environments for a base.
    pub fn publication(
        &self,
        sequence: u64,
        files: &[(&str, &str)],
        environment: Option<(BaseId, EnvId)>,
    ) -> PublicationId {
        let commit = format!("{sequence:040x}");
        let mut builder = tar::Builder::new(Vec::new());
        let mut published = Vec::new();
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
            let sha256 = Digest::of(content.as_bytes());
            published.push(PublishedFile {
                path: (*path).to_owned(),
                sha256,
                mtime_s: 1_700_000_000 + sequence,
            });
        }
        let tar = builder.into_inner().unwrap();
        self.write(&keys::tree(&self.repository, &commit), &zstd::encode_all(&tar[..], 3).unwrap());
        let environments = environment
            .map(|(base_id, env_id)| PublishedEnvironment {
                environment: DEFAULT_ENVIRONMENT.into(),
                base_id,
                env_id,
            })
            .into_iter()
            .collect();
        let publication = Publication {
            schema: SCHEMA,
            repository: self.repository.clone(),
            commit,
            tree_digest: Digest::of(&tar),
            sequence,
            previous: None,
            files: published,
            environments,
            reason: Reason::Push,
            by: "test".into(),
        };
        let id = publication.id().unwrap();
        self.write(&keys::publication(&self.repository, &id), &serde_json::to_vec(&publication).unwrap());
        id
    }

    pub fn set_ref(&self, sequence: u64, current: Option<&PublicationId>, candidate: Option<&PublicationId>) {
        let reference =
            Ref { schema: SCHEMA, candidate: candidate.cloned(), current: current.cloned(), sequence };
        let key = keys::reference(&self.repository, keys::DEFAULT_REF);
        self.write(&key, &serde_json::to_vec(&reference).unwrap());
    }
}
