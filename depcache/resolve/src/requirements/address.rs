//! Where a file lies that another file names: paths and addresses, joined in the text.

use crate::reference::without_credentials;

/// Whether the name is an address to be fetched.
pub fn is_remote(name: &str) -> bool {
    let lower = name.get(..8).unwrap_or(name).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// As messages name it.
pub(super) fn shown(name: &str) -> String {
    if is_remote(name) { without_credentials(name) } else { name.to_owned() }
}

/// `path` relative to the folder of `file`; `.` and `..` resolved in the text. Addresses are joined as browsers do.
pub(super) fn beside(file: &str, path: &str) -> String {
    if is_remote(path) {
        return path.to_owned();
    }
    if let Some(rest) = path.strip_prefix("file:") {
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        return rest.strip_prefix("localhost").unwrap_or(rest).to_owned();
    }
    if is_remote(file) {
        let (scheme, rest) = file.split_once("://").unwrap_or_default();
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, folder) = rest.split_once('/').unwrap_or((rest, ""));
        let joined = join(folder, path.trim_start_matches('/'), path.starts_with('/'));
        return format!("{scheme}://{host}/{joined}");
    }
    if path.starts_with('/') {
        return path.to_owned();
    }
    let joined = join(file, path, false);
    if file.starts_with('/') { format!("/{joined}") } else { joined }
}

/// `path` in the folder of `file`, without `.` and, where possible, without `..`.
fn join(file: &str, path: &str, from_root: bool) -> String {
    let folder = if from_root { "" } else { file.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_file_that_holds_them() {
        let cases = [
            ("a.txt", "b.txt", "b.txt"),
            ("x/a.txt", "../b.txt", "b.txt"),
            ("a.txt", "../b.txt", "../b.txt"),
            ("/x/a.txt", "b.txt", "/x/b.txt"),
            ("x/a.txt", "/b.txt", "/b.txt"),
            ("x/a.txt", "file:///b.txt", "/b.txt"),
            ("x/a.txt", "https://h/b.txt", "https://h/b.txt"),
            ("https://h:8/x/y/a.txt?q=/z", "../b.txt", "https://h:8/x/b.txt"),
            ("https://h/x/a.txt", "/b.txt", "https://h/b.txt"),
            ("https://h/a.txt", "../../b.txt", "https://h/../../b.txt"),
        ];
        for (file, path, expected) in cases {
            assert_eq!(beside(file, path), expected, "{file} {path}");
        }
    }
}
