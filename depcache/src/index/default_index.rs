//! The index that the interpreter's own pip would ask. It is asked, never known: an image that ships a
//! patched pip keeps its index.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Cache;
use crate::base::{keep_answer, recall_answer};

/// Prints `PyPI.simple_url` of the pip of this interpreter, of the interpreter under a venv, or of the wheel
/// that ensurepip carries; then the file that says so.
const ASK: &str = r"
import glob, os, sys, sysconfig
def ask():
    from pip._internal.models import index
    print(index.PyPI.simple_url)
    print(index.__file__)
places = [None, sysconfig.get_path('purelib', vars={'base': sys.base_prefix, 'installed_base': sys.base_prefix})]
try:
    import ensurepip
    places += sorted(glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), '_bundled', 'pip-*.whl')))
    places += sorted(glob.glob('/usr/share/python-wheels/pip-*.whl'))
except ImportError:
    pass
for place in places:
    if place: sys.path.insert(0, place)
    try:
        ask()
        break
    except ImportError:
        if place: sys.path.remove(place)
else:
    sys.exit(3)
";

/// Why pip could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum DefaultIndexError {
    /// There is no interpreter to ask.
    #[error("there is no interpreter whose pip could be asked for its default")]
    NoInterpreter,
    /// The interpreter did not start.
    #[error("{} cannot be started to ask its pip", python.display())]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Neither it nor ensurepip has a pip.
    #[error("{} has no pip to ask", python.display())]
    NoPip {
        /// The interpreter.
        python: PathBuf,
    },
}

/// The default index of `python`'s pip; remembered while interpreter and pip are unchanged.
pub(super) fn ask(python: Option<&Path>, cache: Option<&Cache>) -> Result<String, DefaultIndexError> {
    const WHAT: &str = "default-index";
    let python = python.ok_or(DefaultIndexError::NoInterpreter)?;
    if let Some(known) = cache.and_then(|cache| recall_answer(WHAT, python, cache)) {
        return Ok(known);
    }
    let (address, file) = ask_pip(python)?;
    if let Some(cache) = cache {
        // In a wheel, the file is a member of it.
        let file = Path::new(&file).ancestors().find(|path| path.is_file()).map(Path::to_owned);
        keep_answer(WHAT, python, file.as_slice(), &address, cache);
    }
    Ok(address)
}

fn ask_pip(python: &Path) -> Result<(String, String), DefaultIndexError> {
    let python = python.to_owned();
    let start = |source| DefaultIndexError::Start { python: python.clone(), source };
    let mut child = Command::new(&python)
        .args(["-I", "-c", ASK])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(start)?;
    let mut text = String::new();
    // An address and a path: what is longer than this is something else.
    let read = child.stdout.take().map(|out| out.take(8192).read_to_string(&mut text));
    let status = child.wait().map_err(start)?;
    let mut lines = text.lines().map(str::trim);
    match (read, lines.next(), lines.next()) {
        (Some(Ok(_)), Some(address), file) if status.success() && !address.is_empty() => {
            Ok((address.to_owned(), file.unwrap_or_default().to_owned()))
        }
        _ => Err(DefaultIndexError::NoPip { python }),
    }
}
