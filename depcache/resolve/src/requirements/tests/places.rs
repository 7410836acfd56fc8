//! Places as pip and uv read them.

use super::{Expanded, read, texts};

/// `name[extras] <- place (marker)` of every line.
fn places(text: &str) -> String {
    let expanded =
        read(&[("requirements.txt", text)], &[]).unwrap_or_else(|error| panic!("{}", error.render()));
    let shown: Vec<String> = expanded
        .requirements
        .iter()
        .map(|entry| {
            let hashes: Vec<_> =
                entry.allowed_hashes().map(|hash| hash.to_string()[..10].to_owned()).collect();
            format!("{entry} {:?} {}", entry.direct.as_ref().unwrap().place, hashes.join(" "))
        })
        .collect();
    shown.join("\n")
}

#[test]
fn addresses_and_paths() {
    let hash = "0".repeat(64);
    let text = format!(
        "--no-require-hashes\nx @ https://host.example/x-1.0-py3-none-any.whl\n\
         X_y [b,a]  @  https://me:secret@host.example/any.zip#sha256={hash} ; python_version >= '3.8'  # why\n\
         https://host.example/x-1.0-py3-none-any.whl\n\
         https://host.example/a%2Bb/x_y-1.0.tar.gz; os_name == 'posix'\n\
         https://host.example/archive/main.zip#egg=x[dev]&subdirectory=python/\n\
         ./wheels/x-1.0-py3-none-any.whl --hash=sha256:{hash}\n\
         ./wheels/x-1.0-py3-none-any.whl[dev, test] ; os_name == 'posix'\n\
         x-1.0.tar.gz\n\
         file:///a/b%20c/x-1.0.zip\n\
         file://localhost/a/x-1.0.zip\n\
         x @ file:../x\n\
         x @ ./black editable\n\
         x @ .\n\
         /opt/x-1.0-py3-none-any.whl;python_version>'3'\n"
    );
    insta::assert_snapshot!(places(&text), @"
    x @ https://host.example/x-1.0-py3-none-any.whl Url(https://host.example/x-1.0-py3-none-any.whl) 
    x-y[b,a] @ https://host.example/any.zip ; python_full_version >= '3.8' Url(https://host.example/any.zip) sha256:000
    x @ https://host.example/x-1.0-py3-none-any.whl Url(https://host.example/x-1.0-py3-none-any.whl) 
    x-y @ https://host.example/a%2Bb/x_y-1.0.tar.gz ; os_name == 'posix' Url(https://host.example/a%2Bb/x_y-1.0.tar.gz) 
    x[dev] @ https://host.example/archive/main.zip#subdirectory=python Url(https://host.example/archive/main.zip) 
    x @ ./wheels/x-1.0-py3-none-any.whl Path(./wheels/x-1.0-py3-none-any.whl, editable: false) sha256:000
    x[dev,test] @ ./wheels/x-1.0-py3-none-any.whl ; os_name == 'posix' Path(./wheels/x-1.0-py3-none-any.whl, editable: false) 
    x @ x-1.0.tar.gz Path(x-1.0.tar.gz, editable: false) 
    x @ /a/b c/x-1.0.zip Path(/a/b c/x-1.0.zip, editable: false) 
    x @ /a/x-1.0.zip Path(/a/x-1.0.zip, editable: false) 
    x @ ../x Path(../x, editable: false) 
    x @ ./black editable Path(./black editable, editable: false) 
    x @ . Path(., editable: false) 
    x @ /opt/x-1.0-py3-none-any.whl ; python_full_version >= '3.1' Path(/opt/x-1.0-py3-none-any.whl, editable: false)
    ");
}

#[test]
fn repositories() {
    let text = "x @ git+https://host.example/x\n\
                git+https://host.example/x.git@v1.0#egg=x\n\
                git+ssh://git@host.example/team/x@feature/y#egg=x[a]&subdirectory=python\n\
                x[a] @ git+file:///srv/x@0123abc ; os_name == 'posix'\n\
                pandas  [tabulate]  @  git+https://secret@host.example/pandas.git \\\n # a comment\n";
    insta::assert_snapshot!(places(text), @r#"
    x @ git+https://host.example/x Git(https://host.example/x, None) 
    x @ git+https://host.example/x.git@v1.0 Git(https://host.example/x.git, Some("v1.0")) 
    x[a] @ git+ssh://git@host.example/team/x@feature/y#subdirectory=python Git(ssh://git@host.example/team/x, Some("feature/y")) 
    x[a] @ git+file:///srv/x@0123abc ; os_name == 'posix' Git(file:///srv/x, Some("0123abc")) 
    pandas[tabulate] @ git+https://host.example/pandas.git Git(https://host.example/pandas.git, None)
    "#);
}

#[test]
fn editable_is_a_copy_and_said() {
    let text = "-e x @ ./x[d,dev] # why\n--editable=x@file:///x\n-e 'x @ ./a b' ; python_version >= '3.9'\n";
    insta::assert_snapshot!(places(text), @"
    x @ file:./x%5Bd%2Cdev%5D Path(./x[d,dev], editable: true) 
    x @ /x Path(/x, editable: true) 
    x @ ./a b ; python_full_version >= '3.9' Path(./a b, editable: true)
    ");
    let expanded: Expanded = read(&[("r.txt", text)], &[]).unwrap();
    insta::assert_snapshot!(expanded.notes[0], @"r.txt:1: -e installs a copy, built now: later edits need a new build");
}

#[test]
fn what_looks_like_a_place_and_is_none() {
    let expanded = read(&[("r.txt", "zip\na.b-c\nx[dev]>=1\nwhl==2.0\nx>=1.0.zip0 ")], &[]);
    assert!(expanded.is_err(), "a version must be one");
    let expanded = read(&[("r.txt", "zip\na.b-c\nx[dev]>=1\nwhl==2.0\n")], &[]).unwrap();
    assert!(expanded.requirements.iter().all(|entry| entry.direct.is_none()));
    assert_eq!(texts(&expanded.requirements).len(), 4);
}

#[test]
fn what_has_no_effect_is_said() {
    let text = "--trusted-host host.example\n--use-feature=fast-deps --prefer-binary\n-c c.txt\n--no-require-hashes\na==1\n";
    let expanded = read(&[("r.txt", text), ("c.txt", "-r d.txt"), ("d.txt", "b<2")], &[]).unwrap();
    let notes: Vec<String> = expanded.notes.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(notes.join("\n"), @"
    r.txt:1: --trusted-host has no effect: certificates are always checked; SSL_CERT_FILE names a CA of your own
    r.txt:2: --use-feature has no effect: it switches features of pip
    r.txt:2: --prefer-binary has no effect: a version's wheel always goes before its source distribution
    c.txt:1: what -r brings into a constraints file are constraints (pip would install it)
    ");
}

#[test]
fn hash_mode_can_be_forbidden() {
    let hash = "0".repeat(64);
    let text = format!("a==1 --hash=sha256:{hash}\nb\n");
    assert!(read(&[("r.txt", &text)], &[]).is_err());
    let expanded = read(&[("r.txt", &format!("--no-require-hashes\n{text}"))], &[]).unwrap();
    assert!(!expanded.options.require_hashes && expanded.requirements[0].hashes.len() == 1);
    assert!(read(&[("r.txt", &format!("--no-require-hashes --require-hashes\n{text}"))], &[]).is_err());
}

#[test]
fn files_at_addresses_name_files_beside_them() {
    let files = [
        ("r.txt", "-c https://host.example/2.0/constraints.txt\n-r https://host.example/r/a.txt\na\n"),
        ("https://host.example/2.0/constraints.txt", "a<2\n"),
        ("https://host.example/r/a.txt", "-r ../b.txt\n"),
        ("https://host.example/b.txt", "-r r/a.txt\nb\n"),
    ];
    let expanded = read(&files, &[]).unwrap();
    assert_eq!(texts(&expanded.constraints), ["https://host.example/2.0/constraints.txt:1 a<2"]);
    assert_eq!(texts(&expanded.requirements), ["https://host.example/b.txt:2 b", "r.txt:3 a"]);
}
