//! Logs on stderr: JSON lines for machines, plain lines for people.

use std::io::{IsTerminal, stderr};
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// [`Self::Text`] on a terminal, else [`Self::Json`].
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(Error::Format { text: text.to_owned() }),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The format is unknown.
    #[error("`{text}` is no log format: expected auto, json or text")]
    Format {
        /// What was given.
        text: String,
    },
    /// The filter does not parse.
    #[error("the log filter `{filter}` cannot be read: expected directives such as `info,depcache=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// Where it fails.
        source: ParseError,
    },
    /// A subscriber is installed already.
    #[error("logging was set up twice")]
    Twice(#[source] TryInitError),
}

/// Installs the process's log subscriber: once, from `main`. `filter` is a list of directives,
/// `info,depcache=debug`. Colour only on a terminal and without `NO_COLOR`.
pub fn init(format: Format, filter: &str) -> Result<(), Error> {
    let env_filter =
        EnvFilter::try_new(filter).map_err(|source| Error::Filter { filter: filter.to_owned(), source })?;
    let terminal = stderr().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt().with_env_filter(env_filter).with_writer(stderr);
    match format {
        Format::Auto if terminal => builder.with_ansi(colour).finish().try_init(),
        Format::Text => builder.with_ansi(colour).finish().try_init(),
        Format::Auto | Format::Json => builder.json().flatten_event(true).finish().try_init(),
    }
    .map_err(Error::Twice)
}
