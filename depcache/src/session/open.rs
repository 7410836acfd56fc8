//! Clients of the indexes that settings name.

use std::path::Path;

use depcache_resolve::Expanded;

use super::{OpenError, Session};
use crate::direct;
use crate::index::{Flags, Index, Settings, SettingsError, Sources};

impl Session {
    /// Settings of a client for what requirements name by address, before it is known which indexes they name.
    pub(crate) fn settings_without_index(&self) -> Result<Settings, SettingsError> {
        let environment = |name: &str| self.variables.get(name).cloned();
        Settings::without_index(&environment, self.offline)
    }

    /// A client of the indexes that flags, files and settings name. Blocking: may ask the interpreter's pip.
    pub fn open_index(&self, expanded: &Expanded) -> Result<Index, OpenError> {
        let files = Flags {
            index_url: expanded.options.index_url.clone(),
            extra_index_urls: expanded.options.extra_index_urls.clone(),
            find_links: expanded.options.find_links.clone(),
            no_index: expanded.options.no_index,
            ..Flags::default()
        };
        let environment = |name: &str| self.variables.get(name).cloned();
        let sources = Sources {
            flags: &self.flags,
            files: &files,
            environment: &environment,
            python: Some(Path::new(&self.base.base.interpreter.executable)),
            cache: Some(&self.cache),
        };
        let mut settings =
            Settings::resolve(&sources, self.strategy, self.offline).map_err(OpenError::Settings)?;
        settings.places = direct::logins(expanded);
        Index::new(settings, self.cache.clone()).map_err(OpenError::Client)
    }
}
