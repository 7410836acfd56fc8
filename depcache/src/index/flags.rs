//! What is said about indexes where depcache is called.

/// What the command line, or a requirements file, says about indexes.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--index-url`.
    pub index_url: Option<String>,
    /// `--extra-index-url`.
    pub extra_index_urls: Vec<String>,
    /// `--find-links`.
    pub find_links: Vec<String>,
    /// `--no-index`.
    pub no_index: bool,
}
