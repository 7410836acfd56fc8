//! What is said about indexes where depcache is called.

use std::path::PathBuf;

use uv_normalize::PackageName;

/// What the command line, or a requirements file, says about indexes.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--index-url`, perhaps as `name=url`.
    pub index_url: Option<String>,
    /// `--extra-index-url`, each perhaps as `name=url`.
    pub extra_index_urls: Vec<String>,
    /// `--index-for`: packages that come from one index only, which serves no others; an address or the name of an
    /// index that other settings define.
    pub index_for: Vec<(PackageName, String)>,
    /// `--find-links`.
    pub find_links: Vec<String>,
    /// `--no-index`.
    pub no_index: bool,
    /// `--cert`: PEM file with the authorities that are trusted, instead of the machine's.
    pub cert: Option<PathBuf>,
    /// `--client-cert`: PEM file with a certificate and its key.
    pub client_cert: Option<PathBuf>,
    /// `--keyring-provider`: `subprocess` asks the `keyring` program where an index wants credentials; `disabled`.
    pub keyring_provider: Option<String>,
}
