//! The local bare mirror: polled, filled, thrown away when it has grown.

use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::bstr::BString;
use gix::remote::{Direction, fetch};

use crate::commit::{Commit, CommitId};
use crate::watchdog::{self, Bite};
use crate::{Error, Remote, Tree};

/// Packs after which the mirror is made anew: every push adds one, and looking up an object visits all of them.
const MAX_PACKS: usize = 200;
/// Local names of what was fetched last, whatever it is called remotely: no two of them can be in each other's way.
const BRANCH: &str = "refs/updraft/branch";
const TAG: &str = "refs/updraft/tag";

/// Bounds that an installation may change.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest fetch. Default 120 s, git-sync's default.
    pub fetch: Duration,
    /// Bytes of the mirror, and so of one fetched commit. Default 2 GiB.
    pub mirror_bytes: u64,
    /// Bytes of all files of a tree. Default 512 MiB: DAG code is text; data belongs in a store.
    pub tree_bytes: u64,
    /// Files of a tree. Default 50,000: each becomes a line of the publication that every reader loads.
    pub tree_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fetch: Duration::from_mins(2),
            mirror_bytes: 2 << 30,
            tree_bytes: 512 << 20,
            tree_files: 50_000,
        }
    }
}

/// A bare mirror of one remote. Blocking: call it where blocking is allowed.
#[derive(Debug, Clone)]
pub struct Mirror {
    path: PathBuf,
    remote: Remote,
    limits: Limits,
}

impl Mirror {
    /// The mirror of `remote` in the folder `path`, which is created when absent. Does not connect.
    pub fn open(path: &Path, remote: Remote, limits: Limits) -> Result<Self, Error> {
        remote.address()?;
        let mirror = Self { path: path.to_owned(), remote, limits };
        if mirror.repository().is_err() {
            mirror.renew()?;
        }
        Ok(mirror)
    }

    /// The commit that `name` (a branch, a tag, `refs/…` or `HEAD`) is at now, fetched if it was not here yet.
    ///
    /// A branch wins over a tag of the same name. The work of a poll that finds nothing new is one
    /// question to the server.
    pub fn poll(&self, name: &str) -> Result<CommitId, Error> {
        if watchdog::bytes_in(&self.packs()) > self.limits.mirror_bytes || self.pack_count() > MAX_PACKS {
            self.renew()?;
        }
        let repository = match self.repository() {
            Ok(repository) => repository,
            Err(_damaged) => {
                self.renew()?;
                self.repository()?
            }
        };
        let specs = specs(name)?;
        let (found, bite) =
            watchdog::watch(&self.packs(), self.limits.mirror_bytes, self.limits.fetch, |stop| {
                self.receive(&repository, &specs, stop)
            });
        match (found, bite) {
            (Ok(Some(id)), _) => {
                // A tag may point at anything; only a commit has a tree that can be published.
                let commit = repository.find_object(id).and_then(gix::Object::peel_to_commit);
                let commit = commit
                    .map_err(|source| Error::Commit { commit: id.to_string(), source: Box::new(source) })?;
                Ok(CommitId::from_object(commit.id))
            }
            (Ok(None), _) => Err(Error::NoRef { url: self.remote.shown(), name: name.to_owned() }),
            (Err(_), Some(Bite::Time)) => {
                Err(Error::Slow { url: self.remote.shown(), limit_s: self.limits.fetch.as_secs() })
            }
            (Err(_), Some(Bite::Size)) => {
                Err(Error::TooLarge { url: self.remote.shown(), limit_bytes: self.limits.mirror_bytes })
            }
            (Err(error), None) => Err(error),
        }
    }

    /// What the commit says about itself.
    pub fn commit(&self, id: &CommitId) -> Result<Commit, Error> {
        let repository = self.repository()?;
        let read = || -> Result<Commit, gix::Error> {
            let commit = repository.find_commit(object_id(id)?)?;
            let author = commit.author()?;
            Ok(Commit {
                id: id.clone(),
                author: format!("{} <{}>", author.name, author.email),
                summary: commit.message()?.summary().to_string(),
                committed_s: commit.time()?.seconds,
            })
        };
        read().map_err(|source| Error::Commit { commit: id.to_string(), source: Box::new(source) })
    }

    /// The commit's files.
    pub fn tree(&self, id: &CommitId) -> Result<Tree, Error> {
        let repository = self.repository()?;
        let found =
            object_id(id).and_then(|object| repository.find_commit(object)?.tree_id().map(gix::Id::detach));
        let root =
            found.map_err(|source| Error::Commit { commit: id.to_string(), source: Box::new(source) })?;
        Tree::read(&repository, id, root, &self.limits)
    }

    /// Asks for the refs of `specs` and fetches the first that exists, unless its object is here already.
    fn receive(
        &self,
        repository: &gix::Repository,
        specs: &[BString],
        stop: &std::sync::atomic::AtomicBool,
    ) -> Result<Option<gix::ObjectId>, Error> {
        let failed = |source: gix::Error| self.failed(source);
        let address = self.remote.address()?;
        let account = self.remote.identity()?;
        let has_secret = account.is_some() || address.password().is_some();
        if has_secret && address.scheme == gix::url::Scheme::Http {
            return Err(Error::Plaintext { url: self.remote.shown() });
        }
        let host = address.host().map(str::to_owned);
        let remote = repository
            .remote_at(address)
            .and_then(|remote| {
                remote.with_fetch_tags(fetch::Tags::None).with_refspecs(specs, Direction::Fetch)
            })
            .map_err(failed)?;
        let mut connection = remote.connect(Direction::Fetch).map_err(failed)?;
        if let Some(account) = account {
            connection.set_credentials(move |action| Ok(answer(action, &account, host.as_deref())));
        }
        let ask = connection.prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default());
        let ask = ask.map_err(failed)?;
        let mappings = &ask.ref_map().mappings;
        // In the order of the specs: a branch before a tag.
        let first = mappings.iter().min_by_key(|mapping| match mapping.spec_index {
            fetch::refmap::SpecIndex::ExplicitInRemote(index) => index,
            fetch::refmap::SpecIndex::Implicit(_) => usize::MAX,
        });
        let Some(id) = first.and_then(|mapping| mapping.remote.peeled_id()).map(gix::oid::to_owned) else {
            return Ok(None);
        };
        if !repository.has_object(id) {
            let depth = fetch::Shallow::DepthAtRemote(NonZeroU32::MIN);
            ask.with_shallow(depth).receive(gix::progress::Discard, stop).map_err(failed)?;
        }
        Ok(Some(id))
    }

    fn failed(&self, source: gix::Error) -> Error {
        let (url, source) = (self.remote.shown(), Box::new(source));
        if source.is_unauthenticated() || source.is_permission_denied() {
            return Error::Refused { url, source };
        }
        let local = self.remote.address().ok().filter(|address| address.scheme == gix::url::Scheme::File);
        let is_gone = |address: gix::Url| {
            let path = Path::new(std::ffi::OsStr::from_bytes(&address.path));
            gix::discover::is_git(path).is_err() && gix::discover::is_git(&path.join(".git")).is_err()
        };
        if local.is_some_and(is_gone) || source.is_not_found() || http_status(&source) == Some(404) {
            return Error::NoRepository { url, source: Some(source) };
        }
        Error::Unreachable { url, source }
    }

    fn repository(&self) -> Result<gix::Repository, Error> {
        // A daemon has nobody to answer a prompt.
        let options = gix::open::Options::default().open_path_as_is(true).config_overrides([
            "gitoxide.credentials.terminalPrompt=false",
            "gitoxide.http.connectTimeout=20000",
        ]);
        gix::open_opts(&self.path, options)
            .map_err(|source| Error::Mirror { path: self.path.clone(), source: Box::new(source) })
    }

    /// Makes the mirror anew: filled beside the old one's place, so that a crash leaves either none or an empty one.
    fn renew(&self) -> Result<(), Error> {
        let write = |source| Error::Write { path: self.path.clone(), source };
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(write(error)),
            _ => {}
        }
        std::fs::create_dir_all(&self.path).map_err(write)?;
        gix::init_bare(&self.path)
            .map(drop)
            .map_err(|source| Error::Mirror { path: self.path.clone(), source: Box::new(source) })
    }

    fn packs(&self) -> PathBuf {
        self.path.join("objects").join("pack")
    }

    fn pack_count(&self) -> usize {
        let packs = std::fs::read_dir(self.packs()).into_iter().flatten().flatten();
        packs.filter(|entry| entry.path().extension().is_some_and(|end| end == "pack")).count()
    }
}

/// The HTTP status in an error, which gix classifies for few codes only.
fn http_status(error: &gix::Error) -> Option<u16> {
    let mut errors = error.iter_errors();
    let found = errors.find_map(|error| {
        let mut cause = Some(error);
        while let Some(inner) = cause {
            if let Some(answer) = inner.downcast_ref::<reqwest::Error>() {
                return answer.status();
            }
            cause = inner.source();
        }
        None
    });
    found.map(|status| status.as_u16())
}

fn object_id(id: &CommitId) -> Result<gix::ObjectId, gix::Error> {
    gix::ObjectId::from_hex(id.as_str().as_bytes())
}

/// The refspecs that find `name`, best first.
fn specs(name: &str) -> Result<Vec<BString>, Error> {
    if name != "HEAD" && gix::validate::reference::name_partial(name.into()).is_err() {
        return Err(Error::BadRef { name: name.to_owned() });
    }
    if name == "HEAD" || name.starts_with("refs/") {
        return Ok(vec![format!("+{name}:{BRANCH}").into()]);
    }
    Ok(vec![format!("+refs/heads/{name}:{BRANCH}").into(), format!("+refs/tags/{name}:{TAG}").into()])
}

/// Gives the account to the configured host only: a redirect must not carry a password elsewhere.
fn answer(
    action: gix::credentials::helper::Action,
    account: &gix::sec::identity::Account,
    host: Option<&str>,
) -> Option<gix::credentials::protocol::Outcome> {
    let gix::credentials::helper::Action::Get(context) = action else { return None };
    let asked = context.url.clone().or_else(|| context.to_url()).map(|url| gix::url::parse(&url));
    match asked {
        Some(Ok(url)) if url.host() == host => {
            Some(gix::credentials::protocol::Outcome { identity: account.clone(), next: context.into() })
        }
        _ => None,
    }
}
