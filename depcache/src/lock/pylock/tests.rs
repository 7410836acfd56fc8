use std::collections::BTreeMap;

use domain::{BaseId, Digest, Mode, TargetId};

use super::super::{Lock, LockInputs, LockedFile, LockedPackage, LockedSource};

pub(super) fn file(filename: &str) -> LockedFile {
    LockedFile {
        filename: filename.into(),
        sha256: Digest::of(b"x"),
        url: Some(format!("https://host.example/{filename}")),
        path: None,
        size: Some(7),
        upload_time: Some("2025-09-29T23:20:14.123456Z".into()),
    }
}

pub(super) fn package(name: &str, version: &str, source: LockedSource) -> LockedPackage {
    LockedPackage {
        name: name.into(),
        version: version.into(),
        extras: vec![],
        requires: vec![],
        index: None,
        source,
        metadata_sha256: None,
    }
}

pub(super) fn lock() -> Lock {
    let digest = Digest::of(b"x");
    let mut pandas = package("pandas", "2.3.3", LockedSource::Wheel(file("pandas-2.3.3-py3-none-any.whl")));
    pandas.extras = vec!["html".into()];
    pandas.requires = vec!["numpy".into(), "six".into()];
    pandas.index = Some("https://host.example/simple/".into());
    pandas.metadata_sha256 = Some(digest);
    Lock {
        base_id: BaseId(digest),
        target_id: TargetId(digest),
        requires_python: "==3.11.*".into(),
        mode: Mode::Task,
        requested: vec!["pandas".into()],
        shadows: vec![],
        kept: BTreeMap::from([("six".into(), "1.17.0".into())]),
        packages: vec![pandas],
        inputs: None,
    }
}

/// A lock with every kind of source.
fn sources() -> Lock {
    let mut lock = lock();
    lock.inputs = Some(LockInputs {
        requirements: vec!["alpha @ https://host.example/tree.tar.gz".into(), "beta>=2".into()],
        constraints_sha256: Some(Digest::of(b"x")),
        rules: "prefer".into(),
        protect: vec!["attrs".into()],
        exclude_newer: Some("2026-01-01T00:00:00Z".into()),
        indexes_sha256: None,
    });
    let in_folder = |path: &str| LockedFile { url: None, path: Some(path.into()), ..file("gamma-1.zip") };
    lock.packages = vec![
        package(
            "alpha",
            "1.0",
            LockedSource::Archive { file: file("tree.tar.gz"), subdirectory: Some("python/alpha".into()) },
        ),
        package("beta", "2.0rc1", LockedSource::Sdist(file("beta-2.0rc1.tar.gz"))),
        package(
            "delta",
            "0.3",
            LockedSource::Vcs {
                url: "https://host.example/delta.git".into(),
                requested_revision: Some("main".into()),
                commit: "0123456789abcdef0123456789abcdef01234567".into(),
                subdirectory: None,
            },
        ),
        package(
            "epsilon",
            "0.1.dev0",
            LockedSource::Directory { path: "libs/epsilon".into(), editable: true, subdirectory: None },
        ),
        package(
            "gamma",
            "1",
            LockedSource::Archive { file: in_folder("./vendor/gamma-1.zip"), subdirectory: None },
        ),
    ];
    lock
}

#[test]
fn reads_what_it_writes() {
    let lock = lock();
    assert_eq!(Lock::from_toml(&lock.to_toml()).unwrap(), lock);
    insta::assert_snapshot!(lock.to_toml(), @r#"
    lock-version = "1.0"
    requires-python = "==3.11.*"
    created-by = "updraft"

    [[packages]]
    name = "pandas"
    version = "2.3.3"
    dependencies = [
        { name = "numpy" },
        { name = "six" },
    ]
    index = "https://host.example/simple/"
    wheels = [
        { name = "pandas-2.3.3-py3-none-any.whl", upload-time = 2025-09-29T23:20:14.123456Z, url = "https://host.example/pandas-2.3.3-py3-none-any.whl", size = 7, hashes = { sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" } },
    ]

    [packages.tool.updraft]
    extras = ["html"]
    metadata-sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

    [tool.updraft]
    base-id = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    target-id = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    mode = "task"
    requested = ["pandas"]

    [tool.updraft.base-pins]
    six = "1.17.0"
    "#);
}

#[test]
fn every_source_has_its_table() {
    let lock = sources();
    assert_eq!(Lock::from_toml(&lock.to_toml()).unwrap(), lock);
    insta::assert_snapshot!(lock.to_toml(), @r#"
    lock-version = "1.0"
    requires-python = "==3.11.*"
    created-by = "updraft"

    [[packages]]
    name = "alpha"
    archive = { url = "https://host.example/tree.tar.gz", size = 7, upload-time = 2025-09-29T23:20:14.123456Z, hashes = { sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" }, subdirectory = "python/alpha" }

    [packages.tool.updraft]
    version = "1.0"

    [[packages]]
    name = "beta"
    version = "2.0rc1"
    sdist = { name = "beta-2.0rc1.tar.gz", upload-time = 2025-09-29T23:20:14.123456Z, url = "https://host.example/beta-2.0rc1.tar.gz", size = 7, hashes = { sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" } }

    [[packages]]
    name = "delta"
    vcs = { type = "git", url = "https://host.example/delta.git", requested-revision = "main", commit-id = "0123456789abcdef0123456789abcdef01234567" }

    [packages.tool.updraft]
    version = "0.3"

    [[packages]]
    name = "epsilon"
    directory = { path = "libs/epsilon", editable = true }

    [packages.tool.updraft]
    version = "0.1.dev0"

    [[packages]]
    name = "gamma"
    archive = { path = "./vendor/gamma-1.zip", size = 7, upload-time = 2025-09-29T23:20:14.123456Z, hashes = { sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" } }

    [packages.tool.updraft]
    version = "1"

    [tool.updraft]
    base-id = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    target-id = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    mode = "task"
    requested = ["pandas"]

    [tool.updraft.inputs]
    requirements = [
        "alpha @ https://host.example/tree.tar.gz",
        "beta>=2",
    ]
    constraints-sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    rules = "prefer"
    protect = ["attrs"]
    exclude-newer = "2026-01-01T00:00:00Z"

    [tool.updraft.base-pins]
    six = "1.17.0"
    "#);
}

#[test]
fn addresses_are_no_part_of_the_identity() {
    let bare = lock().without_urls();
    assert!(!bare.to_toml().contains("host.example"));
    assert_eq!(bare.id().unwrap(), lock().id().unwrap());
    // What came by an address cannot be found without it.
    assert!(sources().without_urls().to_toml().contains("delta.git"));
}

/// Locks of wheels that are in stores have this identity.
#[test]
fn the_identity_of_a_lock_of_wheels_stays() {
    insta::assert_snapshot!(lock().id().unwrap(), @"74043fa81710324dac3f3aaa33a6a33aa0c7a4ff8b2c95504ee3becb1755633f");
}

#[test]
fn content_is_part_of_the_identity() {
    let of = |change: &dyn Fn(&mut LockedSource)| {
        let mut lock = sources();
        lock.packages.iter_mut().for_each(|package| change(&mut package.source));
        lock.id().unwrap()
    };
    let same = of(&|_| {});
    let moved = of(&|source| {
        if let LockedSource::Vcs { url, requested_revision, .. } = source {
            url.push('x');
            *requested_revision = None;
        }
    });
    assert_eq!(moved, same);
    let other_commit = of(&|source| {
        if let LockedSource::Vcs { commit, .. } = source {
            *commit = commit.replace('0', "1");
        }
    });
    let other_folder = of(&|source| {
        if let LockedSource::Archive { subdirectory, .. } = source {
            *subdirectory = None;
        }
    });
    assert!(other_commit != same && other_folder != same);
}

#[test]
fn what_is_not_a_lock_for_here_is_refused() {
    let refuse = |text: &str| Lock::from_toml(text).unwrap_err().to_string();
    assert_eq!(refuse("x"), "it is no pylock.toml");
    for version in ["2.0", "1.1", "1"] {
        let text =
            lock().to_toml().replace("lock-version = \"1.0\"", &format!("lock-version = \"{version}\""));
        assert_eq!(refuse(&text), format!("its lock-version is {version}, this program reads 1.0"));
    }
    insta::assert_snapshot!(
        refuse("lock-version = \"1.0\"\ncreated-by = \"uv\"\npackages = []"),
        @"uv wrote it, and it has no [tool.updraft] table: it says for no base and target what to install"
    );
}

/// One change of a good lock, and what is said of it.
#[test]
fn fields_that_lead_elsewhere_are_refused() {
    let changes = [
        ("sha256 = ", "md5 = "),
        ("name = \"alpha\"", "name = \"Alpha\""),
        ("name = \"beta\"", "name = \"alpha\""),
        ("version = \"2.0rc1\"", "version = \"2.0-rc1\""),
        ("version = \"2.0rc1\"\n", ""),
        ("name = \"beta-2.0rc1.tar.gz\"", "name = \"beta-2.0rc2.tar.gz\""),
        ("name = \"beta-2.0rc1.tar.gz\"", "name = \"../beta-2.0rc1.tar.gz\""),
        ("name = \"beta-2.0rc1.tar.gz\"", "name = \"beta-2.0rc1-py3-none-any.whl\""),
        ("path = \"./vendor/", "path = \"./vendor/../../"),
        ("path = \"./vendor/", "path = \"vendor\\\\"),
        ("path = \"libs/epsilon\"", "path = \"\""),
        ("path = \"libs/epsilon\"", "path = \"../epsilon\""),
        ("subdirectory = \"python/alpha\"", "subdirectory = \"/etc\""),
        ("subdirectory = \"python/alpha\"", "subdirectory = \"python/../..\""),
        ("type = \"git\"", "type = \"hg\""),
        ("commit-id = \"0123", "commit-id = \"main"),
        ("requested-revision = \"main\"", "requested-revision = \"--upload-pack=evil\""),
        ("url = \"https://host.example/delta.git\"", "url = \"ext::sh -c evil\""),
        ("url = \"https://host.example/tree.tar.gz\"", "url = \"javascript:tree.tar.gz\""),
        ("size = 7", "size = -7"),
        ("size = 7", "size = \"seven\""),
        (
            "directory = {",
            "archive = { url = \"https://host.example/e.zip\", hashes = { sha256 = \"\" } }\ndirectory = {",
        ),
        (
            "sdist = {",
            "vcs = { type = \"git\", url = \"https://host.example/x\", commit-id = \"0123456789abcdef0123456789abcdef01234567\" }\nsdist = {",
        ),
    ];
    let good = sources().to_toml();
    let said: Vec<_> = changes
        .iter()
        .map(|(from, to)| {
            assert!(good.contains(from), "{from}");
            match Lock::from_toml(&good.replacen(from, to, 1)) {
                Ok(_) => format!("accepted: {to}"),
                Err(error) => error.to_string(),
            }
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    tree.tar.gz has no sha256
    `Alpha` is not the normal form of a package name
    beta-2.0rc1.tar.gz is not a source distribution of alpha 2.0rc1
    beta has no usable version: `2.0-rc1`
    beta has no usable version: ``
    beta-2.0rc2.tar.gz is not a source distribution of beta 2.0rc1
    beta: file name `../beta-2.0rc1.tar.gz` is no file name
    beta-2.0rc1-py3-none-any.whl is not a source distribution of beta 2.0rc1
    gamma: path `./vendor/../../gamma-1.zip` leads out of its folder
    gamma: file name `vendor\\gamma-1.zip` is no file name
    epsilon: directory path `` is empty, too long, or has control characters
    epsilon: directory path `../epsilon` leads out of its folder
    alpha: subdirectory `/etc` is no relative path
    alpha: subdirectory `python/../..` leads out of its folder
    delta: vcs type `hg` is not supported, only git is
    delta: commit-id `main456789abcdef0123456789abcdef01234567` is no full commit: expected 40 or 64 hexadecimal digits
    delta: requested-revision `--upload-pack=evil` is no name of a revision
    delta: vcs url `ext::sh -c evil` is no address that can be fetched
    alpha: file name `` is no file name
    it is no pylock.toml
    it is no pylock.toml
    e.zip has no sha256
    beta has 2 sources; it needs one of wheels, sdist, archive, vcs, directory
    ");
}
