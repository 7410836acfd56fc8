use super::*;
use domain::Digest;

const SITE: &str = "lib/python3.11/site-packages";

/// A layer of `path=content` below site-packages.
fn layer(name: &str, files: &[&str]) -> Toc {
    let mut entries = BTreeMap::new();
    for file in files {
        let (path, content) = file.split_once('=').unwrap();
        let path = format!("{SITE}/{path}");
        for (at, _) in path.match_indices('/') {
            entries.insert(path[..at].to_owned(), None);
        }
        entries.insert(path, Some(Digest::of(content.as_bytes())));
    }
    let entries = entries
        .into_iter()
        .map(|(path, sha256)| TocEntry {
            path,
            kind: if sha256.is_some() { EntryKind::File } else { EntryKind::Directory },
            mode: 0o644,
            size: 0,
            offset: None,
            target: None,
            sha256,
        })
        .collect();
    Toc {
        schema: 1,
        tar_digest: Digest::of(name.as_bytes()),
        tar_size: 0,
        name: name.into(),
        version: "1".into(),
        needs_real_directories: false,
        frames: Vec::new(),
        entries,
    }
}

fn base(distributions: &[(&str, &[&str])]) -> BaseFiles {
    let files = |files: &[&str]| {
        let file = |file: &&str| {
            let (path, content) = file.split_once('=').unwrap();
            BaseFile {
                path: format!("{SITE}/{path}"),
                source: Path::new("/base").join(path),
                hash: record_hash(&Digest::of(content.as_bytes())),
            }
        };
        files.iter().map(file).collect()
    };
    BaseFiles::of(
        distributions.iter().map(|(name, list)| ((*name).to_owned(), files(list))).collect(),
        SITE,
        "/base",
    )
}

fn shadow(name: &str) -> Shadow {
    Shadow { name: name.into(), base_version: "1".into(), version: "2".into() }
}

/// Steps as lines, without what is always there.
fn lines(tree: &Tree) -> String {
    let short = |path: &str| path.strip_prefix(SITE).unwrap_or(path).trim_start_matches('/').to_owned();
    let mut lines = Vec::new();
    for step in &tree.steps {
        lines.push(match step {
            Step::Directory(path) if SITE.starts_with(path.as_str()) => continue,
            Step::Directory(path) => format!("{}/", short(path)),
            Step::Layer { path, layer } => format!("{} -> layer {layer}", short(path)),
            Step::Base { path, source } => format!("{} -> {}", short(path), source.display()),
            Step::Script { path, origin } => format!("{path} script of {origin:?}"),
            Step::Bytecode { path, sources, whole } => {
                format!("{} bytecode of {sources:?} whole={whole}", short(path))
            }
        });
    }
    for Conflict { path, winner, loser } in &tree.conflicts {
        lines.push(format!("conflict {}: {winner} over {loser}", short(path)));
    }
    lines.join("\n")
}

#[test]
fn directories_with_one_owner_are_one_link() {
    let layers = [
        layer("a", &["a/x/y.py=1", "a-1.dist-info/RECORD="]),
        layer("b", &["ns/b/z.py=1"]),
        layer("c", &["ns/c/z.py=1"]),
    ];
    let base = base(&[("k", &["k/m.py=1", "ns/k/m.py=1"])]);
    insta::assert_snapshot!(lines(&tree(&layers, &base, &[])), @r"
    a -> layer 0
    a-1.dist-info -> layer 0
    k -> /base/k
    ns/
    ns/b -> layer 1
    ns/c -> layer 2
    ns/k -> /base/ns/k
    ");
}

#[test]
fn the_later_layer_wins_and_stale_bytecode_is_left_out() {
    // The winner's module did not compile: the loser's bytecode must not stand for it.
    let layers = [
        layer(
            "a",
            &[
                "p/m.py=1",
                "p/__pycache__/m.cpython-311.pyc=1",
                "p/other.py=1",
                "p/__pycache__/other.cpython-311.pyc=1",
            ],
        ),
        layer("b", &["p/m.py=2", "p/same.py=1"]),
        layer("c", &["p/same.py=1"]),
    ];
    insta::assert_snapshot!(lines(&tree(&layers, &base(&[]), &[])), @r"
    p/
    p/m.py -> layer 1
    p/other.py -> layer 0
    p/same.py -> layer 2
    p/__pycache__/
    p/__pycache__/other.cpython-311.pyc -> layer 0
    conflict p/m.py: b over a
    ");
}

#[test]
fn a_layer_wins_over_an_unshadowed_file_of_the_base() {
    let layers = [layer("a", &["p/m.py=new", "p/__pycache__/m.cpython-311.pyc=1"])];
    let base = base(&[("k", &["p/m.py=old", "p/n.py=1"])]);
    insta::assert_snapshot!(lines(&tree(&layers, &base, &[])), @r#"
    p/
    p/m.py -> layer 0
    p/n.py -> /base/p/n.py
    p/__pycache__ bytecode of ["/base/p/n.py"] whole=false
    p/__pycache__/
    p/__pycache__/m.cpython-311.pyc -> layer 0
    conflict p/m.py: a over base
    "#);
}

#[test]
fn shadowed_distributions_are_absent_and_their_neighbours_are_not_lost() {
    let base = base(&[
        ("gone", &["gone/m.py=1", "ns/gone.py=1", "deep/a/gone/m.py=1", "single.py=1"]),
        ("kept", &["kept/m.py=1", "ns/kept.py=1", "deep/a/kept/m.py=1", "deep/b/m.py=1", "kept_single.py=1"]),
    ]);
    insta::assert_snapshot!(lines(&tree(&[], &base, &[shadow("gone")])), @r#"
    kept_single.py -> /base/kept_single.py
    __pycache__ bytecode of ["/base/kept_single.py"] whole=false
    deep/
    deep/a/
    deep/a/kept -> /base/deep/a/kept
    deep/b -> /base/deep/b
    kept -> /base/kept
    ns/
    ns/kept.py -> /base/ns/kept.py
    ns/__pycache__ bytecode of ["/base/ns/kept.py"] whole=false
    "#);
}

#[test]
fn a_file_and_a_directory_of_one_name_do_not_mix() {
    let layers =
        [layer("a", &["m/x.py=1"]), layer("b", &["m=1"]), layer("c", &["n=1"]), layer("d", &["n/x.py=1"])];
    insta::assert_snapshot!(lines(&tree(&layers, &base(&[]), &[])), @r"
    m -> layer 1
    n -> layer 3
    conflict m: b over a
    conflict n: d over c
    ");
}

#[test]
fn layers_that_look_around_get_real_directories() {
    let mut layers = [layer("a", &["torch/lib/a.so=1"]), layer("b", &["nvidia/lib/b.so=1"])];
    layers[0].needs_real_directories = true;
    insta::assert_snapshot!(lines(&tree(&layers, &base(&[]), &[])), @r"
    nvidia -> layer 1
    torch/
    torch/lib/
    torch/lib/a.so -> layer 0
    ");
}
