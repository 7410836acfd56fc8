//! Object store keys. Every key that Updraft reads or writes is spelled here.

use crate::{BaseId, Digest, EnvId, LockId, PublicationId, RepositoryName, RequestId, TargetId};

/// A layer's compressed tar.
pub fn layer(tar_digest: &Digest) -> String {
    format!("v1/layers/{}/{tar_digest}.tar.zst", tar_digest.shard())
}

/// A layer's table of contents.
pub fn toc(tar_digest: &Digest) -> String {
    format!("v1/layers/{}/{tar_digest}.toc.zst", tar_digest.shard())
}

/// Which layer a wheel became for a target.
pub fn wheel(wheel_sha256: &Digest, target: TargetId) -> String {
    format!("v1/wheels/{wheel_sha256}/{target}.json")
}

/// A lock.
pub fn lock(id: LockId) -> String {
    format!("v1/locks/{id}.toml")
}

/// An environment's manifest.
pub fn environment(id: EnvId) -> String {
    format!("v1/envs/{id}.json")
}

/// An environment's attestation.
pub fn attestation(id: EnvId) -> String {
    format!("v1/envs/{id}.attestation.json")
}

/// A live base.
pub fn base(id: BaseId) -> String {
    format!("v1/bases/{id}.json")
}

/// Prefix of all live bases.
pub const BASES: &str = "v1/bases/";

/// The environment that answers a request.
pub fn alias(id: RequestId) -> String {
    format!("v1/aliases/{id}.json")
}

/// A build lease.
pub fn build_lease(id: RequestId) -> String {
    format!("v1/leases/build/{id}.json")
}

/// A commit's files.
pub fn tree(repository: &RepositoryName, commit: &str) -> String {
    format!("v1/trees/{repository}/{commit}.tar.zst")
}

/// A publication.
pub fn publication(repository: &RepositoryName, id: &PublicationId) -> String {
    format!("v1/trees/{repository}/publications/{id}.json")
}

/// A ref. The default ref is `main`.
pub fn reference(repository: &RepositoryName, name: &str) -> String {
    format!("v1/trees/{repository}/refs/{name}.json")
}

/// The ref that readers follow unless configured.
pub const DEFAULT_REF: &str = "main";

/// Prefix of all usage files.
pub const USAGE: &str = "usage/v1/";

/// A file of usage rows. `day` is `YYYY-MM-DD` and `hour` 0 to 23, both UTC and of the first row's window.
pub fn usage(day: &str, hour: u8, writer: &str, first_seq: u64) -> String {
    format!("{USAGE}dt={day}/hour={hour:02}/{writer}-{first_seq}.parquet")
}
