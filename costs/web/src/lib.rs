//! The dashboard's pages: from figures to HTML. No network, no database.
//!
//! Invariants:
//! - A page is whole as it is served: no script is needed to read it, nothing is loaded from elsewhere.
//! - Every text from outside (DAG ids, worker names) is escaped by the template engine.
//! - Figures stand right-aligned with their unit in the head; charts have a text alternative and a table.
//!
//! ```
//! use costs_web::{Frame, error_page};
//! let frame = Frame::new("USD", "24h", "none");
//! let page = error_page(&frame, "`7w` is no window")?;
//! assert!(page.contains("is no window") && page.starts_with("<!doctype html>"));
//! # Ok::<(), costs_web::RenderError>(())
//! ```

mod chart;
mod dag;
mod format;
mod frame;
mod overview;
mod tables;

pub use dag::{AttemptLine, Dag};
pub use frame::{Frame, Notice, error_page};
pub use overview::{Overview, Tiles};

/// A page could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the page {page} cannot be written")]
pub struct RenderError {
    /// Which.
    page: &'static str,
    source: askama::Error,
}

impl RenderError {
    fn of(page: &'static str) -> impl Fn(askama::Error) -> Self {
        move |source| Self { page, source }
    }
}
