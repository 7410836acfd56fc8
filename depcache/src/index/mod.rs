//! The package index: pages, metadata and wheels, through a cache.
//!
//! - An index that *has* a project answers for it alone (`first-index`), so that nobody can slip a package
//!   of the same name under a private one; `unsafe-best-match` merges all indexes as pip does.
//! - Whatever has a hash is verified before it is used; wheels and metadata are cached by hash for good,
//!   pages as long as HTTP allows.
//! - Metadata that an index gives is only for resolving: the build compares it with the wheel's own.

mod address;
mod cache;
mod client;
mod config_files;
mod credentials;
mod default_index;
mod document;
mod error;
mod find_links;
mod flags;
mod html;
mod http;
mod keyring;
mod metadata;
mod page;
mod pages;
mod project;
mod remote_wheel;
mod settings;
mod simple;
mod wheel;

pub use cache::Cache;
pub(crate) use credentials::percent_decoded;
pub use default_index::DefaultIndexError;
pub use error::IndexError;
pub use flags::Flags;
pub use http::CONCURRENCY;
pub use metadata::CoreMetadata;
pub use project::ProjectFiles;
pub(crate) use remote_wheel::read_metadata;
pub use settings::{IndexAddress, Settings, SettingsError, Sources, Strategy};
pub use simple::{IndexFile, PageError};

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::sync::OnceCell;

use http::Http;

type Memo<K, V> = Mutex<HashMap<K, Arc<OnceCell<V>>>>;

/// A client of the configured indexes. Cheap to clone; clones share connections and memory.
#[derive(Debug, Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    http: Http,
    cache: Cache,
    pages: Memo<String, Arc<ProjectFiles>>,
    metadata: Memo<String, Arc<CoreMetadata>>,
    find_links: OnceCell<Vec<(String, Vec<IndexFile>)>>,
    /// Hosts that send whole files when they are asked for parts.
    without_ranges: Mutex<HashSet<String>>,
}

impl Inner {
    /// Whether the host of `url` was seen to ignore ranges.
    fn refuses_ranges(&self, url: &Url) -> bool {
        let hosts = self.without_ranges.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        hosts.contains(&url.origin().ascii_serialization())
    }

    fn forget_ranges(&self, url: &Url) {
        let mut hosts = self.without_ranges.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        hosts.insert(url.origin().ascii_serialization());
    }
}

impl Index {
    /// A client with these settings and this cache.
    pub fn new(settings: Settings, cache: Cache) -> Result<Self, IndexError> {
        let http = Http::new(&settings);
        let inner = Inner {
            settings,
            http,
            cache,
            pages: Memo::default(),
            metadata: Memo::default(),
            find_links: OnceCell::new(),
            without_ranges: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the client was made with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The cache it reads and fills.
    pub fn cache(&self) -> &Cache {
        &self.inner.cache
    }
}

fn memo<K: std::hash::Hash + Eq, V>(memo: &Memo<K, V>, key: K) -> Arc<OnceCell<V>> {
    // A panic while the lock was held leaves the map usable: entries are only ever added.
    let mut map = memo.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Arc::clone(map.entry(key).or_default())
}
