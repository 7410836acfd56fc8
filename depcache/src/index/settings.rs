//! Which indexes are asked: flags, requirements files, `UPDRAFT_INDEX_URL`, uv's and pip's settings, and last
//! what the base's own pip would ask.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::request::IndexPolicy;
use reqwest::Url;
use uv_normalize::PackageName;

use super::Cache;
use super::address::{address, place, shown};
use super::client::Certificates;
use super::config_files::{self, Configured};
use super::credentials::{Login, Netrc, take_from_url};
use super::default_index::{self, DefaultIndexError};
use super::flags::Flags;

/// Seconds without a byte after which a request is given up (and tried again).
const DEFAULT_TIMEOUT_S: u64 = 30;

/// How several indexes are used together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The first index that has the project answers alone.
    #[default]
    FirstIndex,
    /// All indexes' files are candidates, as pip does. Whoever can write to any index can replace any package.
    UnsafeBestMatch,
}

impl Strategy {
    /// As the flag spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstIndex => "first-index",
            Self::UnsafeBestMatch => "unsafe-best-match",
        }
    }
}

/// One index.
#[derive(Debug, Clone)]
pub struct IndexAddress {
    /// Its name, when the setting gives it one: credentials in variables are named after it.
    pub name: Option<String>,
    /// Its address, without credentials.
    pub url: Url,
    /// Credentials that the address carried.
    pub(super) login: Option<Login>,
}

impl IndexAddress {
    /// The address, when it carries credentials.
    pub fn with_login(mut url: Url) -> Option<Self> {
        let login = take_from_url(&mut url)?;
        Some(Self { name: None, url, login: Some(login) })
    }
}

/// Resolved settings of an [`super::Index`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Indexes in the order in which they are asked: extra ones before the main one.
    pub indexes: Vec<IndexAddress>,
    /// Addresses outside of indexes whose credentials requirements carry.
    pub places: Vec<IndexAddress>,
    /// Packages that come from one index only.
    pub index_for: BTreeMap<PackageName, IndexAddress>,
    /// Places with loose files, in order.
    pub find_links: Vec<Url>,
    /// How several indexes are used together.
    pub strategy: Strategy,
    /// Use the cache only.
    pub offline: bool,
    pub(super) netrc: Netrc,
    pub(super) certificates: Certificates,
    /// The program that is asked for credentials.
    pub(super) keyring: Option<String>,
    pub(super) timeout: Duration,
}

/// Why the settings do not name usable indexes.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an address that can be asked.
    #[error("`{text}` ({origin}) is not an index address: {problem}")]
    Address {
        /// As given, credentials removed.
        text: String,
        /// Setting that gave it.
        origin: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A find-links place that is neither an address nor a directory.
    #[error("`{text}` ({origin}) is neither a directory nor an http address")]
    FindLinks {
        /// As given.
        text: String,
        /// Setting that gave it.
        origin: String,
    },
    /// `--index-for` is not understood.
    #[error("`{text}` ({origin}) names no index for a package")]
    IndexFor {
        /// As given, credentials removed.
        text: String,
        /// Setting that gave it.
        origin: String,
    },
    /// A keyring provider that does not exist.
    #[error("`{text}` ({origin}) is no keyring provider")]
    Keyring {
        /// As given.
        text: String,
        /// Setting that gave it.
        origin: String,
    },
    /// Nothing names an index.
    #[error("no package index is configured")]
    NoIndex(#[source] DefaultIndexError),
}

impl SettingsError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Address { .. } => "an index address looks like https://host.example/simple",
            Self::FindLinks { .. } => {
                "--find-links takes a directory with wheels, or a page that links to them"
            }
            Self::IndexFor { .. } => {
                "write torch=https://host.example/simple, or torch=NAME of an index in uv.toml or UV_INDEX"
            }
            Self::Keyring { .. } => "`subprocess` asks the program `keyring`; `disabled` does not",
            Self::NoIndex(_) => {
                "give --index-url, set UPDRAFT_INDEX_URL, or use a Python that has pip: its default is used"
            }
        }
    }
}

/// Everything that settings are read from.
pub struct Sources<'a> {
    /// Command line.
    pub flags: &'a Flags,
    /// Requirements files.
    pub files: &'a Flags,
    /// Environment variables.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The interpreter whose pip is asked last.
    pub python: Option<&'a Path>,
    /// Where its answer is remembered.
    pub cache: Option<&'a Cache>,
}

impl Settings {
    /// Resolves the settings; `sources` are named in the order of precedence.
    pub fn resolve(sources: &Sources<'_>, strategy: Strategy, offline: bool) -> Result<Self, SettingsError> {
        let environment = sources.environment;
        let layers = [
            Configured::from_flags("command line", sources.flags),
            Configured::from_flags("requirements file", sources.files),
            config_files::updraft(environment),
            config_files::uv_environment(environment),
            config_files::pip_environment(environment),
            config_files::uv_files(environment),
            config_files::pip_files(environment),
        ];
        let no_index = layers.iter().any(|layer| layer.no_index);
        let address = |text: &str, origin: &str| address(text, origin, environment);
        let mut indexes = Vec::new();
        if !no_index {
            if let Some(layer) = layers.iter().find(|layer| !layer.extra_index_urls.is_empty()) {
                for text in &layer.extra_index_urls {
                    indexes.push(address(text, layer.origin)?);
                }
            }
            let main = layers.iter().find_map(|layer| Some((layer.index_url.as_ref()?, layer.origin)));
            indexes.push(if let Some((text, origin)) = main {
                address(text, origin)?
            } else {
                let text =
                    default_index::ask(sources.python, sources.cache).map_err(SettingsError::NoIndex)?;
                address(&text, "default of pip")?
            });
        }
        let mut index_for = BTreeMap::new();
        // Weaker settings first: stronger ones replace their pins.
        for layer in layers.iter().rev() {
            for (package, to) in &layer.index_for {
                let refuse = || SettingsError::IndexFor {
                    text: shown(&format!("{package}={to}")),
                    origin: layer.origin.into(),
                };
                let package: PackageName = package.parse().map_err(|_| refuse())?;
                let explicit = layers.iter().flat_map(|layer| &layer.explicit).find(|(name, _)| name == to);
                let pinned = match (explicit, indexes.iter().find(|index| index.name.as_ref() == Some(to))) {
                    (Some((name, url)), _) => address(&format!("{name}={url}"), layer.origin)?,
                    (None, Some(index)) => index.clone(),
                    (None, None) if to.contains("://") => address(to, layer.origin)?,
                    (None, None) => return Err(refuse()),
                };
                index_for.insert(package, pinned);
            }
        }
        let keyring = layers.iter().find_map(|layer| Some((layer.keyring_provider.as_ref()?, layer.origin)));
        let keyring = match keyring.map(|(text, origin)| (text.as_str(), origin)) {
            // pip's `auto` and `import` need pip's own Python; where they are set, nothing is asked.
            None | Some(("disabled" | "auto" | "import", _)) => None,
            Some(("subprocess", _)) => Some("keyring".to_owned()),
            Some((text, origin)) => {
                return Err(SettingsError::Keyring { text: text.to_owned(), origin: origin.to_owned() });
            }
        };
        let certificates = Certificates {
            authorities: layers.iter().find_map(|layer| layer.cert.clone()),
            client: layers.iter().find_map(|layer| layer.client_cert.clone()),
        };
        let mut find_links = Vec::new();
        if let Some(layer) = layers.iter().find(|layer| !layer.find_links.is_empty()) {
            for text in &layer.find_links {
                find_links.push(place(text, layer.origin)?);
            }
        }
        let timeout_s = layers.iter().find_map(|layer| layer.timeout_s).unwrap_or(DEFAULT_TIMEOUT_S);
        Ok(Self {
            indexes,
            places: Vec::new(),
            index_for,
            find_links,
            strategy,
            offline,
            certificates,
            keyring,
            netrc: netrc_path(environment).map(|path| Netrc::read(&path)).unwrap_or_default(),
            timeout: Duration::from_secs(timeout_s.max(1)),
        })
    }

    /// Settings that ask no index: for texts at addresses.
    pub fn without_index(
        environment: &dyn Fn(&str) -> Option<String>,
        offline: bool,
    ) -> Result<Self, SettingsError> {
        let flags = Flags { no_index: true, ..Flags::default() };
        let none = Flags::default();
        let sources = Sources { flags: &flags, files: &none, environment, python: None, cache: None };
        let settings = Self::resolve(&sources, Strategy::default(), offline)?;
        Ok(Self { find_links: Vec::new(), ..settings })
    }

    /// What of the settings decides which packages are found: part of a request's identity.
    pub fn policy(&self) -> IndexPolicy {
        IndexPolicy {
            urls: self.indexes.iter().map(|index| index.url.to_string()).collect(),
            find_links: self.find_links.iter().map(Url::to_string).collect(),
            // Pins ride with the strategy, so that requests without them keep their identity.
            strategy: self.index_for.iter().fold(self.strategy.as_str().to_owned(), |text, (name, index)| {
                format!("{text}; {name}={}", index.url)
            }),
        }
    }

    /// The indexes that may answer for a package, in order.
    pub(super) fn indexes_of(&self, name: &PackageName) -> &[IndexAddress] {
        self.index_for.get(name).map_or(&self.indexes, std::slice::from_ref)
    }

    /// Addresses of all indexes.
    pub(super) fn addresses(&self) -> Vec<Url> {
        self.indexes.iter().chain(self.index_for.values()).map(|index| index.url.clone()).collect()
    }

    /// Addresses with their credentials.
    pub(super) fn logins(&self) -> Vec<(Url, Login)> {
        let indexes = self.indexes.iter().chain(self.index_for.values()).chain(&self.places);
        indexes.filter_map(|index| Some((index.url.clone(), index.login.clone()?))).collect()
    }
}

fn netrc_path(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    environment("NETRC")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".netrc")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flags: &Flags, files: &Flags, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let environment =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let sources = Sources { flags, files, environment: &environment, python: None, cache: None };
        Settings::resolve(&sources, Strategy::FirstIndex, false)
    }

    fn urls(settings: &Settings) -> Vec<String> {
        settings.policy().urls
    }

    #[test]
    fn flags_come_before_files_before_variables() {
        let none = Flags::default();
        let flag = Flags { index_url: Some("https://flag.example/simple".into()), ..Flags::default() };
        let file = Flags { index_url: Some("https://file.example/simple".into()), ..Flags::default() };
        let all = [
            ("UPDRAFT_INDEX_URL", "https://updraft.example/simple"),
            ("UV_INDEX_URL", "https://uv.example/simple"),
            ("PIP_INDEX_URL", "https://pip.example/simple"),
            ("PIP_EXTRA_INDEX_URL", "https://a.example/ https://b.example/"),
        ];
        let extra = ["https://a.example/", "https://b.example/"];
        let first = |flags, files, from: usize| urls(&resolve(flags, files, &all[from..]).unwrap());
        assert_eq!(first(&flag, &file, 0), [extra[0], extra[1], "https://flag.example/simple"]);
        assert_eq!(first(&none, &file, 0), [extra[0], extra[1], "https://file.example/simple"]);
        assert_eq!(first(&none, &none, 0), [extra[0], extra[1], "https://updraft.example/simple"]);
        assert_eq!(first(&none, &none, 1), [extra[0], extra[1], "https://uv.example/simple"]);
        assert_eq!(first(&none, &none, 2), [extra[0], extra[1], "https://pip.example/simple"]);
    }

    #[test]
    fn no_index_leaves_find_links_and_errors_hide_passwords() {
        let dir = tempfile::tempdir().unwrap();
        let links = dir.path().display().to_string();
        let flags = Flags { no_index: true, find_links: vec![links], ..Flags::default() };
        let settings = resolve(&flags, &Flags::default(), &[]).unwrap();
        assert_eq!((urls(&settings).len(), settings.find_links.len()), (0, 1));

        let flags = Flags { index_url: Some("ftp://me:secret@host.example/".into()), ..Flags::default() };
        let error = resolve(&flags, &Flags::default(), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`ftp://host.example/` (command line) is not an index address: it is no http or https address"
        );
    }

    #[test]
    fn packages_may_have_an_index_of_their_own() {
        let flags = Flags {
            index_url: Some("https://main.example/simple".into()),
            index_for: vec![("torch".parse().unwrap(), "gpu".into())],
            ..Flags::default()
        };
        let variables = [
            ("UV_INDEX", "gpu=https://gpu.example/simple"),
            ("UV_INDEX_GPU_USERNAME", "me"),
            ("UV_INDEX_GPU_PASSWORD", "secret"),
            ("UPDRAFT_INDEX_FOR", "torch=https://weaker.example/ own=https://own.example/simple"),
        ];
        let settings = resolve(&flags, &Flags::default(), &variables).unwrap();
        let of = |name: &str| -> Vec<String> {
            settings.indexes_of(&name.parse().unwrap()).iter().map(|index| index.url.to_string()).collect()
        };
        assert_eq!(of("torch"), ["https://gpu.example/simple"]);
        assert_eq!(of("own"), ["https://own.example/simple"]);
        assert_eq!(of("other"), ["https://gpu.example/simple", "https://main.example/simple"]);
        assert_eq!(
            settings.policy().strategy,
            "first-index; own=https://own.example/simple; torch=https://gpu.example/simple"
        );
        assert_eq!(settings.logins()[0].1.user, "me");
        assert!(!format!("{settings:?}").contains("secret"));

        let flags = Flags { index_for: vec![("torch".parse().unwrap(), "nowhere".into())], ..flags };
        let error = resolve(&flags, &Flags::default(), &[]).unwrap_err();
        assert_eq!(error.to_string(), "`torch=nowhere` (command line) names no index for a package");
    }
}
