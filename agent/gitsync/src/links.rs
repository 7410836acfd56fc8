//! Where a link of a tree leads, decided without a file system.

use std::collections::HashMap;

/// Links followed before a chain counts as a circle; Linux stops at 40 too.
const MAX_FOLLOWED: usize = 40;

/// Whether the link at `path` with `target` stays inside the tree whose links are `links` (path → target).
///
/// A target that does not exist is inside: it dangles inside the tree, as in the repository.
pub(crate) fn stays_inside(path: &str, links: &HashMap<String, String>) -> bool {
    let mut followed = 0;
    let Some(target) = links.get(path) else { return true };
    let parent: Vec<&str> = path.split('/').collect();
    let mut place: Vec<String> = parent[..parent.len() - 1].iter().map(|part| (*part).to_owned()).collect();
    let mut ahead: Vec<String> = steps(target);
    if target.starts_with('/') {
        return false;
    }
    while let Some(step) = ahead.pop() {
        match step.as_str() {
            "" | "." => {}
            ".." => {
                if place.pop().is_none() {
                    return false;
                }
            }
            name => {
                place.push(name.to_owned());
                // Another link on the way: the file system goes where that one leads before it sees a `..`.
                if let Some(next) = links.get(&place.join("/")) {
                    followed += 1;
                    if next.starts_with('/') || followed > MAX_FOLLOWED {
                        return false;
                    }
                    place.pop();
                    ahead.extend(steps(next));
                }
            }
        }
    }
    true
}

/// The components of a path, last first.
fn steps(target: &str) -> Vec<String> {
    target.split('/').rev().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn links(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(path, target)| ((*path).to_owned(), (*target).to_owned())).collect()
    }

    #[test]
    fn rules() {
        for (pairs, path, inside) in [
            (&[("a", "b")][..], "a", true),
            (&[("d/a", "../b")], "d/a", true),
            (&[("a", "../b")], "a", false),
            (&[("a", "/etc/passwd")], "a", false),
            (&[("d/a", "../../b")], "d/a", false),
            (&[("a", "b"), ("b", "a")], "a", false),
            // Read by text alone the second stays in x/y; on disk d leads to the root first.
            (&[("x/y/d", "../.."), ("x/y/e", "d/../z")], "x/y/e", false),
            (&[("x/y/d", "../.."), ("x/y/e", "d/z")], "x/y/e", true),
            (&[("a", "b"), ("b", "../out")], "a", false),
        ] {
            assert_eq!(stays_inside(path, &links(pairs)), inside, "{pairs:?} {path}");
        }
    }

    proptest! {
        // The file system is the oracle: a link that we accept resolves inside, or to nothing at all.
        #[test]
        fn accepted_links_resolve_inside(
            pairs in proptest::collection::btree_map("[ab]{1,2}(/[ab]){0,2}", "(\\.\\./|[ab]/|\\./){0,4}[ab]", 1..5),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().join("outer/root");
            std::fs::create_dir_all(&root).unwrap();
            let mut made = HashMap::new();
            for (path, target) in &pairs {
                let place = root.join(path);
                // As in a git tree: a link has nothing beneath it.
                let through_link = made.keys().any(|link: &String| path.starts_with(&format!("{link}/")));
                if through_link || std::fs::create_dir_all(place.parent().unwrap()).is_err() { continue }
                if std::os::unix::fs::symlink(target, &place).is_ok() {
                    made.insert(path.clone(), target.clone());
                }
            }
            let root = root.canonicalize().unwrap();
            for path in made.keys() {
                if let (true, Ok(real)) = (stays_inside(path, &made), root.join(path).canonicalize()) {
                    prop_assert!(real.starts_with(&root), "{path} of {made:?} is {real:?}");
                }
            }
        }
    }
}
