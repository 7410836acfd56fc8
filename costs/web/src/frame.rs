//! What all pages have: head, window, notices.

use askama::Template;

use crate::RenderError;

/// Windows that are offered.
const WINDOWS: [(&str, &str); 4] =
    [("6h", "6 hours"), ("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days")];
/// Ways to share idle that are offered.
const SHARES: [(&str, &str); 3] = [("none", "on its own"), ("slots", "by slot time"), ("cost", "by cost")];

/// Something that people must know before they believe the figures.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Wrong figures, or only a hint.
    pub loud: bool,
    /// One sentence or two.
    pub text: String,
}

/// What all pages have.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Currency.
    pub currency: String,
    /// Window as asked for.
    pub window: String,
    /// How idle is shared, as asked for.
    pub share: String,
    /// Path of the page.
    pub path: String,
    /// Window in words: from and to.
    pub span: String,
    /// Notices, loud ones first.
    pub notices: Vec<Notice>,
    /// Length of the text of the state line at the foot: files, rows.
    pub foot: String,
}

/// A link of a choice.
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    pub(crate) href: String,
    pub(crate) chosen: bool,
}

impl Frame {
    /// A frame without notices.
    pub fn new(currency: &str, window: &str, share: &str) -> Self {
        Self {
            currency: currency.to_owned(),
            window: window.to_owned(),
            share: share.to_owned(),
            path: "/".to_owned(),
            span: String::new(),
            notices: Vec::new(),
            foot: String::new(),
        }
    }

    /// The query that keeps window and share.
    pub(crate) fn query(&self) -> String {
        query(&self.window, &self.share)
    }

    pub(crate) fn windows(&self) -> Vec<Choice> {
        let choice = |(window, name): (&'static str, &'static str)| Choice {
            name,
            href: format!("{}{}", self.path, query(window, &self.share)),
            chosen: window == self.window,
        };
        WINDOWS.map(choice).into()
    }

    pub(crate) fn shares(&self) -> Vec<Choice> {
        let choice = |(share, name): (&'static str, &'static str)| Choice {
            name,
            href: format!("{}{}", self.path, query(&self.window, share)),
            chosen: share == self.share,
        };
        SHARES.map(choice).into()
    }
}

fn query(window: &str, share: &str) -> String {
    let window = encoded(window);
    if share == "none" { format!("?window={window}") } else { format!("?window={window}&share_idle={share}") }
}

/// A text as a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: &'a Frame,
    title: &'static str,
    message: &'a str,
}

/// A page that says what went wrong.
pub fn error_page(frame: &Frame, message: &str) -> Result<String, RenderError> {
    ErrorPage { frame, title: "Not found", message }.render().map_err(RenderError::of("error"))
}
