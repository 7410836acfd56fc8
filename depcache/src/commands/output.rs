//! Standard output and files that commands write.

use std::io::Write;
use std::path::Path;

use domain::exit;

use super::Failure;

/// Writes `text` to `path` (temporary file, then renamed), or to standard output.
pub(crate) fn write(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    let Some(path) = path else {
        return match std::io::stdout().write_all(text.as_bytes()) {
            // `| head` has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|error| Failure::of(exit::UNAVAILABLE, &error, None)),
        };
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(parent).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        // A temporary file is private; what people ask for is as readable as what an editor writes.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(|error| {
        Failure::new(exit::UNAVAILABLE, format!("{} cannot be written: {error}", path.display()), None)
    })
}
