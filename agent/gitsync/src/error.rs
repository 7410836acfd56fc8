//! What can go wrong between a git server and a tree.

use std::path::PathBuf;

/// Why a poll, a listing or an export failed. Fields are identifiers; addresses are without credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server does not answer, or broke off.
    #[error("the git repository {url} does not answer")]
    Unreachable {
        /// The repository.
        url: String,
        /// What git said.
        #[source]
        source: Box<gix::Error>,
    },
    /// There is no repository at this address.
    #[error("there is no git repository at {url}")]
    NoRepository {
        /// The repository.
        url: String,
        /// What git said, if it was asked.
        #[source]
        source: Option<Box<gix::Error>>,
    },
    /// The server wants other credentials.
    #[error("the git server refused the credentials for {url}")]
    Refused {
        /// The repository.
        url: String,
        /// What git said.
        #[source]
        source: Box<gix::Error>,
    },
    /// The credentials would travel unencrypted.
    #[error("refusing to send git credentials to {url}, which is not encrypted")]
    Plaintext {
        /// The repository.
        url: String,
    },
    /// The repository has no such branch or tag.
    #[error("{url} has no branch or tag `{name}`")]
    NoRef {
        /// The repository.
        url: String,
        /// The ref as configured.
        name: String,
    },
    /// The ref's name cannot be one.
    #[error("`{name}` is not the name of a branch or tag")]
    BadRef {
        /// The ref as configured.
        name: String,
    },
    /// The address cannot be read.
    #[error("`{url}` is not the address of a git repository")]
    BadAddress {
        /// The address, without credentials.
        url: String,
    },
    /// The fetch took too long.
    #[error("fetching {url} took longer than {limit_s} s")]
    Slow {
        /// The repository.
        url: String,
        /// The limit.
        limit_s: u64,
    },
    /// The fetch brought too much.
    #[error("one commit of {url} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The repository.
        url: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// The file with the password cannot be read.
    #[error("cannot read the git password from {}", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The mirror's folder cannot be used.
    #[error("cannot use the mirror at {}", path.display())]
    Mirror {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<gix::Error>,
    },
    /// The commit cannot be read from the mirror.
    #[error("commit {commit} cannot be read from the mirror")]
    Commit {
        /// The commit.
        commit: String,
        /// Why.
        #[source]
        source: Box<gix::Error>,
    },
    /// The commit's tree holds something that a published tree cannot.
    #[error("commit {commit}: {path} {problem}")]
    Tree {
        /// The commit.
        commit: String,
        /// The path, made printable.
        path: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The commit's tree is too big.
    #[error("commit {commit} has more than {limit} {what}")]
    Bounds {
        /// The commit.
        commit: String,
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A folder or file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What a published tree cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A submodule.
    #[error("is a submodule; submodules are not supported")]
    Submodule,
    /// A link that leaves the tree or turns in circles.
    #[error("is a link that leaves the repository")]
    LinkOutside,
    /// A path that is not UTF-8.
    #[error("is a path that is not UTF-8")]
    NotUtf8,
    /// A path that means something else to a file system.
    #[error("is not a path that can be published")]
    BadPath,
}

impl Error {
    /// Whether the same call may succeed later with nothing changed on this side.
    pub fn is_retryable(&self) -> bool {
        // A deleted repository or branch may be pushed again, a credential rotated, a disk freed: pollers keep asking.
        !matches!(
            self,
            Self::BadRef { .. }
                | Self::BadAddress { .. }
                | Self::Plaintext { .. }
                | Self::TooLarge { .. }
                | Self::Commit { .. }
                | Self::Tree { .. }
                | Self::Bounds { .. }
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "check the address and the network; the last published tree stays in use"
            }
            Self::NoRepository { .. } => {
                "check the address; a path must name a folder with a git repository in it"
            }
            Self::Refused { .. } => {
                "check the user name and the password or token, or configure a git credential helper"
            }
            Self::Plaintext { .. } => "use an https:// or ssh:// address",
            Self::NoRef { .. } => "push the branch, or configure the name of one that exists",
            Self::BadRef { .. } => "give a branch, a tag, a full ref such as refs/heads/main, or HEAD",
            Self::BadAddress { .. } => {
                "give a path, or an address that starts with https://, http://, ssh:// or file://"
            }
            Self::Slow { .. } => "the server may be overloaded or the commit very large; it is tried again",
            Self::TooLarge { .. } | Self::Bounds { .. } => {
                "keep data out of the repository, or raise the limit"
            }
            Self::Password { .. } => "check the file's path and permissions",
            Self::Mirror { .. } => {
                "the mirror holds nothing of its own: delete the folder and it is fetched again"
            }
            Self::Commit { .. } => {
                "the commit was not fetched yet or the mirror was damaged: it is fetched again"
            }
            Self::Tree { problem: Problem::Submodule, .. } => {
                "copy the submodule's files into the repository"
            }
            Self::Tree { problem: Problem::LinkOutside, .. } => "let the link point inside the repository",
            Self::Tree { .. } => "rename the file",
            Self::Write { .. } => "check the free space and the permissions of the folder",
        }
    }
}
