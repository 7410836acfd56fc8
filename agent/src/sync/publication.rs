//! What a publication says, decided from facts: no store, no clock.

use std::collections::{BTreeMap, BTreeSet};

use agent_gitsync::PackedFile;
use domain::publication::{PublishedEnvironment, PublishedFile, Reason, SCHEMA};
use domain::{BaseId, Digest, Publication, PublicationId, RepositoryName};

/// The file whose presence makes environments necessary.
pub(super) const REQUIREMENTS: &str = "requirements.txt";

/// A commit that was proved, before it has its place in the sequence.
#[derive(Debug, Clone)]
pub(super) struct Proved {
    pub(super) repository: RepositoryName,
    pub(super) commit: String,
    pub(super) author: String,
    pub(super) tree_digest: Digest,
    pub(super) files: Vec<PackedFile>,
    /// DAG files, relative to the tree.
    pub(super) dag_files: BTreeSet<String>,
    /// Sorted by name and base.
    pub(super) environments: Vec<PublishedEnvironment>,
}

impl Proved {
    /// The publication at `sequence` after `previous`, made at `now_s` (Unix seconds).
    ///
    /// A file with unchanged content keeps its time; a changed one gets a later one. When anything but DAG files
    /// changed (an environment, a module that they import), every DAG file gets a later time: the dag processor
    /// parses it again, and only then do new runs get this publication as their version.
    pub(super) fn at(
        &self,
        sequence: u64,
        previous: Option<(&PublicationId, &Publication)>,
        now_s: u64,
    ) -> Publication {
        let before: BTreeMap<&str, &PublishedFile> = previous
            .map(|(_, publication)| publication.files.iter().map(|file| (file.path.as_str(), file)).collect())
            .unwrap_or_default();
        let after: BTreeMap<&str, Digest> =
            self.files.iter().map(|file| (file.path.as_str(), file.sha256)).collect();
        let is_dag = |path: &str| self.dag_files.contains(path);
        let changed = |path: &str| before.get(path).map(|file| file.sha256) != after.get(path).copied();
        let others_changed = before.keys().chain(after.keys()).any(|path| !is_dag(path) && changed(path));
        let environments_changed =
            previous.is_some_and(|(_, publication)| publication.environments != self.environments);
        let touch_dags = others_changed || environments_changed;
        // Later than anything before, also when the clock went back.
        let latest = before.values().map(|file| file.mtime_s).max().unwrap_or(0);
        let later = now_s.max(latest + u64::from(!before.is_empty()));
        let files = self.files.iter().map(|file| {
            let kept = before
                .get(file.path.as_str())
                .filter(|old| old.sha256 == file.sha256 && !(touch_dags && is_dag(&file.path)));
            PublishedFile {
                path: file.path.clone(),
                sha256: file.sha256,
                mtime_s: kept.map_or(later, |old| old.mtime_s),
            }
        });
        let same_commit = previous.is_some_and(|(_, publication)| publication.commit == self.commit);
        Publication {
            schema: SCHEMA,
            repository: self.repository.clone(),
            commit: self.commit.clone(),
            tree_digest: self.tree_digest,
            sequence,
            previous: previous.map(|(id, _)| id.clone()),
            files: files.collect(),
            environments: self.environments.clone(),
            reason: if same_commit { Reason::Environment } else { Reason::Push },
            by: self.author.clone(),
        }
    }

    /// Whether `publication` is of the same commit with the same environments.
    pub(super) fn is(&self, publication: &Publication) -> bool {
        publication.commit == self.commit
            && publication.tree_digest == self.tree_digest
            && publication.environments == self.environments
    }
}

/// Whether `publication` is of `commit` and has what each of `bases` needs.
pub(super) fn serves(publication: &Publication, commit: &str, bases: &[BaseId]) -> bool {
    let needs = publication.files.iter().any(|file| file.path == REQUIREMENTS);
    let has = |base: &BaseId| publication.environments.iter().any(|e| e.base_id == *base);
    publication.commit == commit && (!needs || bases.iter().all(has))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::EnvId;
    use proptest::prelude::*;

    fn proved(commit: &str, files: &[(&str, &str)], env: &str) -> Proved {
        let files = files
            .iter()
            .map(|(path, text)| PackedFile { path: (*path).into(), sha256: Digest::of(text.as_bytes()) });
        let environment = PublishedEnvironment {
            environment: "default".into(),
            base_id: BaseId(Digest::of(b"base")),
            env_id: EnvId(Digest::of(env.as_bytes())),
        };
        Proved {
            repository: "main".parse().unwrap(),
            commit: commit.repeat(40),
            author: "Ada".into(),
            tree_digest: Digest::of(commit.as_bytes()),
            files: files.collect(),
            dag_files: ["dags/a.py".to_owned(), "dags/b.py".to_owned()].into(),
            environments: vec![environment],
        }
    }

    fn times(publication: &Publication) -> Vec<(&str, u64)> {
        publication.files.iter().map(|file| (file.path.as_str(), file.mtime_s)).collect()
    }

    const FIRST: [(&str, &str); 3] = [("dags/a.py", "1"), ("dags/b.py", "1"), ("lib.py", "1")];

    fn second(files: &[(&str, &str)], env: &str, now_s: u64) -> Publication {
        let first = proved("a", &FIRST, "env").at(1, None, 100);
        proved("b", files, env).at(2, Some((&first.id().unwrap(), &first)), now_s)
    }

    #[test]
    fn a_changed_dag_file_alone_gets_a_new_time() {
        let publication = second(&[("dags/a.py", "2"), ("dags/b.py", "1"), ("lib.py", "1")], "env", 200);
        assert_eq!(times(&publication), [("dags/a.py", 200), ("dags/b.py", 100), ("lib.py", 100)]);
        assert_eq!(publication.reason, Reason::Push);
    }

    #[test]
    fn a_changed_module_touches_every_dag_file() {
        let publication = second(&[("dags/a.py", "1"), ("dags/b.py", "1"), ("lib.py", "2")], "env", 200);
        assert_eq!(times(&publication), [("dags/a.py", 200), ("dags/b.py", 200), ("lib.py", 200)]);
    }

    #[test]
    fn a_removed_module_touches_every_dag_file() {
        let publication = second(&[("dags/a.py", "1"), ("dags/b.py", "1")], "env", 200);
        assert_eq!(times(&publication), [("dags/a.py", 200), ("dags/b.py", 200)]);
    }

    #[test]
    fn a_changed_environment_touches_dag_files_only() {
        let publication = second(&FIRST, "other", 200);
        assert_eq!(times(&publication), [("dags/a.py", 200), ("dags/b.py", 200), ("lib.py", 100)]);
    }

    #[test]
    fn times_grow_although_the_clock_went_back() {
        let publication = second(&[("dags/a.py", "2"), ("dags/b.py", "1"), ("lib.py", "1")], "env", 50);
        assert_eq!(times(&publication)[0], ("dags/a.py", 101));
    }

    #[test]
    fn a_publication_serves_bases_that_it_has_environments_for() {
        let mut publication = second(&[("dags/a.py", "1"), (REQUIREMENTS, "x")], "env", 1);
        let (known, other) = (BaseId(Digest::of(b"base")), BaseId(Digest::of(b"other")));
        let commit = publication.commit.clone();
        assert!(serves(&publication, &commit, &[known]));
        assert!(!serves(&publication, &commit, &[known, other]));
        assert!(!serves(&publication, "x", &[known]));
        publication.files.pop();
        assert!(serves(&publication, &commit, &[known, other]));
    }

    proptest! {
        #[test]
        fn the_same_content_keeps_its_time_and_other_content_gets_a_later_one(
            before in proptest::collection::btree_map("dags/[ab]\\.py|lib\\.py|x", "[12]", 0..5),
            after in proptest::collection::btree_map("dags/[ab]\\.py|lib\\.py|x", "[12]", 0..5),
            now_s in 0u64..300,
        ) {
            let list = |map: &BTreeMap<String, String>| {
                map.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
            };
            let (old, new) = (list(&before), list(&after));
            let pairs = |list: &[(String, String)]| proved("a", &list.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), "env");
            let first = pairs(&old).at(1, None, 100);
            let publication = pairs(&new).at(2, Some((&first.id().unwrap(), &first)), now_s);
            for file in &publication.files {
                match first.files.iter().find(|old| old.path == file.path) {
                    Some(old) if old.sha256 == file.sha256 => prop_assert!(file.mtime_s >= old.mtime_s),
                    Some(old) => prop_assert!(file.mtime_s > old.mtime_s),
                    None => prop_assert!(file.mtime_s >= now_s),
                }
            }
        }
    }
}
