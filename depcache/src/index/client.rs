//! The connection settings: certificates, proxies, redirects, time-outs.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, Identity};

use super::IndexError;
use super::http::CONCURRENCY;

/// Name resolution, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Redirects of one request; content networks need one or two.
const REDIRECTS_LIMIT: usize = 5;
/// Bytes of a certificate file; the bundles of operating systems have about 250 kB.
const CERTIFICATES_LIMIT_BYTES: u64 = 8 << 20;

/// Who is trusted, and who we are.
#[derive(Debug, Clone, Default)]
pub(super) struct Certificates {
    /// PEM file of authorities trusted instead of the machine's.
    pub(super) authorities: Option<PathBuf>,
    /// PEM file with our own certificate and its key.
    pub(super) client: Option<PathBuf>,
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct RedirectFault(pub(super) &'static str);

/// A client whose requests end: connecting, waiting for bytes and redirects are bounded. Proxies come from the
/// environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
pub(super) fn client(certificates: &Certificates, timeout: Duration) -> Result<reqwest::Client, IndexError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("updraft-depcache/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .read_timeout(timeout)
        .pool_max_idle_per_host(CONCURRENCY)
        // No Referer: a private index's address is nobody's business.
        .referer(false)
        .redirect(Policy::custom(follow));
    let refused = |path: &PathBuf, source| IndexError::Certificate { path: path.clone(), source };
    if let Some(path) = &certificates.authorities {
        let authorities = Certificate::from_pem_bundle(&read(path)?).map_err(|error| refused(path, error))?;
        if authorities.is_empty() {
            return Err(IndexError::NoCertificate { path: path.clone() });
        }
        builder = builder.tls_certs_only(authorities);
    }
    if let Some(path) = &certificates.client {
        builder = builder.identity(Identity::from_pem(&read(path)?).map_err(|error| refused(path, error))?);
    }
    builder.build().map_err(IndexError::Client)
}

fn read(path: &PathBuf) -> Result<Vec<u8>, IndexError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(CERTIFICATES_LIMIT_BYTES).read_to_end(&mut bytes))
        .map_err(|source| IndexError::Disk { path: path.clone(), action: "read", source })?;
    Ok(bytes)
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from = attempt.previous().last().map(reqwest::Url::scheme);
    match fault(from, attempt.url().scheme(), attempt.previous().len()) {
        Some(fault) => attempt.error(fault),
        None => attempt.follow(),
    }
}

fn fault(from: Option<&str>, to: &str, followed: usize) -> Option<RedirectFault> {
    if followed > REDIRECTS_LIMIT {
        return Some(RedirectFault("it sends on more than five times"));
    }
    if !["http", "https"].contains(&to) {
        return Some(RedirectFault("it is no http or https address"));
    }
    (from == Some("https") && to == "http").then_some(RedirectFault("https would become http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_never_leave_the_network_or_its_encryption() {
        assert_eq!(fault(Some("http"), "https", 1), None);
        assert_eq!(fault(Some("https"), "https", 5), None);
        assert!(fault(Some("https"), "http", 1).is_some());
        assert!(fault(Some("http"), "file", 1).is_some());
        assert!(fault(Some("https"), "https", 6).is_some());
    }

    #[test]
    fn a_certificate_file_without_certificates_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, "nothing\n").unwrap();
        let certificates = Certificates { authorities: Some(path), client: None };
        let error = client(&certificates, Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, IndexError::NoCertificate { .. }), "{error}");
    }
}
