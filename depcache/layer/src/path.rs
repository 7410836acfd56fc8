//! Member paths: relative, `/` separated, nothing that climbs or hides.

/// Longest path of a member in bytes; `PATH_MAX` less room for the environment's own root.
pub const MAX_PATH_BYTES: usize = 3072;
/// Longest component in bytes: `NAME_MAX` of every file system that matters.
const MAX_COMPONENT_BYTES: usize = 255;

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Starts with `/`.
    #[error("it is absolute")]
    Absolute,
    /// Contains a `..` component.
    #[error("it climbs with `..`")]
    Climbs,
    /// Contains an empty or `.` component.
    #[error("it has an empty or `.` component")]
    NotNormal,
    /// Begins with a drive letter.
    #[error("it begins with a drive letter")]
    Drive,
    /// Contains a backslash, NUL or another control character.
    #[error("it has a backslash or a control character")]
    Character,
    /// Longer than [`MAX_PATH_BYTES`], or one component longer than 255 bytes.
    #[error("it is too long")]
    TooLong,
}

/// Accepts exactly the paths that a layer may hold.
///
/// ```
/// assert!(depcache_layer::check_path("lib/python3.11/site-packages/six.py").is_ok());
/// assert!(depcache_layer::check_path("lib/../../etc/passwd").is_err());
/// ```
pub fn check_path(path: &str) -> Result<(), PathFault> {
    if path.len() > MAX_PATH_BYTES {
        return Err(PathFault::TooLong);
    }
    if path.starts_with('/') {
        return Err(PathFault::Absolute);
    }
    if let [letter, b':', ..] = path.as_bytes()
        && letter.is_ascii_alphabetic()
    {
        return Err(PathFault::Drive);
    }
    if path.chars().any(|c| c == '\\' || c.is_control()) {
        return Err(PathFault::Character);
    }
    for component in path.split('/') {
        match component {
            ".." => return Err(PathFault::Climbs),
            "" | "." => return Err(PathFault::NotNormal),
            long if long.len() > MAX_COMPONENT_BYTES => return Err(PathFault::TooLong),
            _ => {}
        }
    }
    Ok(())
}

/// Resolves `relative` (which may climb) from the directory `from`, by words only; `None` when it leaves the root.
pub(crate) fn resolve(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The directory of `path`; empty for the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_escape_or_hide() {
        for (path, fault) in [
            ("/etc/passwd", PathFault::Absolute),
            ("a/../b", PathFault::Climbs),
            ("..", PathFault::Climbs),
            ("a//b", PathFault::NotNormal),
            ("a/./b", PathFault::NotNormal),
            ("a/", PathFault::NotNormal),
            ("", PathFault::NotNormal),
            ("C:/Windows/x", PathFault::Drive),
            ("a\\b", PathFault::Character),
            ("a\0b", PathFault::Character),
            ("a\nb", PathFault::Character),
        ] {
            assert_eq!(check_path(path), Err(fault), "{path:?}");
        }
        assert_eq!(check_path(&"x".repeat(256)), Err(PathFault::TooLong));
        assert_eq!(check_path(&"x/".repeat(1600)), Err(PathFault::TooLong));
        assert_eq!(check_path("naïve/ file.py"), Ok(()));
    }

    #[test]
    fn resolves_by_words() {
        assert_eq!(resolve("a/b", "../c").as_deref(), Some("a/c"));
        assert_eq!(resolve("a/b", "./..").as_deref(), Some("a"));
        assert_eq!(resolve("a", "../../c"), None);
    }
}
