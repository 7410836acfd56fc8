//! Where a wheel's members go in an environment.

use super::WheelError;
use super::scripts::is_reserved;

/// Directories of an environment for one interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `lib/python3.11/site-packages`.
    pub site_packages: String,
    /// `include/site/python3.11`.
    pub include: String,
}

impl Layout {
    /// The layout for an implementation (`cpython`, `pypy`) and its minor version (`3.11`).
    ///
    /// ```
    /// let layout = depcache_layer::Layout::new("cpython", "3.11");
    /// assert_eq!(layout.site_packages, "lib/python3.11/site-packages");
    /// ```
    pub fn new(implementation: &str, minor: &str) -> Self {
        let family = if implementation == "cpython" { "python" } else { implementation };
        Self {
            site_packages: format!("lib/{family}{minor}/site-packages"),
            include: format!("include/site/{family}{minor}"),
        }
    }
}

/// Where a member goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Path in the environment.
    pub(super) path: String,
    /// A `.data/scripts` file: executable, `#!python` rewritten.
    pub(super) script: bool,
}

/// The place of the wheel's member `path`; `data` is `name-version.data`, `name` the distribution's.
pub(super) fn place(path: &str, data: &str, name: &str, layout: &Layout) -> Result<Place, WheelError> {
    let inside = path.strip_prefix(data).and_then(|rest| rest.strip_prefix('/'));
    let (path_in_env, script) = match inside.map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
        None => (format!("{}/{path}", layout.site_packages), false),
        Some((_, "")) => return Err(WheelError::Scheme { path: path.into() }),
        Some(("purelib" | "platlib", rest)) => (format!("{}/{rest}", layout.site_packages), false),
        Some(("headers", rest)) => (format!("{}/{name}/{rest}", layout.include), false),
        Some(("scripts", rest)) => (format!("bin/{rest}"), true),
        Some(("data", rest)) => (rest.to_owned(), false),
        Some(_) => return Err(WheelError::Scheme { path: path.into() }),
    };
    if belongs_to_environment(&path_in_env) {
        return Err(WheelError::Reserved { path: path.into() });
    }
    Ok(Place { path: path_in_env, script })
}

/// Files that make the environment what it is; compared without case, for file systems without case.
fn belongs_to_environment(path: &str) -> bool {
    let lower = path.to_lowercase();
    let (top, rest) = lower.split_once('/').unwrap_or((&lower, ""));
    match top {
        "bin" => rest.is_empty() || is_reserved(rest.split('/').next().unwrap_or_default()),
        "pyvenv.cfg" | ".updraft" | "lib64" => true,
        "lib" | "include" => rest.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Result<String, String> {
        place(path, "Demo-1.0.data", "demo", &Layout::new("cpython", "3.11"))
            .map(|place| format!("{}{}", place.path, if place.script { " (script)" } else { "" }))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn schemes_are_placed_as_an_installer_places_them() {
        let placed: Vec<_> = [
            "demo/a.py",
            "Demo-1.0.data/purelib/b.py",
            "Demo-1.0.data/platlib/c.so",
            "Demo-1.0.data/headers/d.h",
            "Demo-1.0.data/scripts/run",
            "Demo-1.0.data/data/share/man/e.1",
            "Demo-1.0.dist-info/METADATA",
            "Demo-1.0.data.py",
        ]
        .map(at)
        .into_iter()
        .map(Result::unwrap)
        .collect();
        assert_eq!(
            placed,
            [
                "lib/python3.11/site-packages/demo/a.py",
                "lib/python3.11/site-packages/b.py",
                "lib/python3.11/site-packages/c.so",
                "include/site/python3.11/demo/d.h",
                "bin/run (script)",
                "share/man/e.1",
                "lib/python3.11/site-packages/Demo-1.0.dist-info/METADATA",
                "lib/python3.11/site-packages/Demo-1.0.data.py",
            ]
        );
    }

    #[test]
    fn the_environments_own_files_cannot_be_replaced() {
        for path in [
            "scripts/python",
            "scripts/Python3.11",
            "data/bin/python3",
            "data/pyvenv.cfg",
            "data/PYVENV.CFG",
            "data/.updraft/manifest.json",
            "data/lib64/x",
            "data/bin",
            "data/lib",
        ] {
            let error = at(&format!("Demo-1.0.data/{path}")).unwrap_err();
            assert!(error.contains("belongs to the environment"), "{path}: {error}");
        }
        assert!(at("Demo-1.0.data/odd/x").unwrap_err().contains("unknown .data scheme"));
        assert!(at("Demo-1.0.data/scripts").unwrap_err().contains("unknown .data scheme"));
    }
}
