//! Other tools read our locks: pip and uv install the same set from them.

use std::path::{Path, PathBuf};
use std::process::Command;

use depcache::lock::{Lock, LockedFile, LockedPackage, LockedSource};
use domain::Digest;

use crate::world::World;

/// A program of the virtual environment that `UPDRAFT_TEST_PEERS` names.
pub(crate) fn peer(name: &str) -> Option<PathBuf> {
    let Some(peers) = std::env::var_os("UPDRAFT_TEST_PEERS") else {
        not_compared("UPDRAFT_TEST_PEERS names no virtual environment with pip and uv");
        return None;
    };
    Some(PathBuf::from(peers).join("bin").join(name))
}

#[allow(clippy::print_stdout, reason = "tests say what they left out")]
pub(crate) fn not_compared(why: &str) {
    println!("not compared: {why}");
}

fn run(command: &mut Command) -> String {
    let output = command.env_remove("PYTHONPATH").output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Names and versions in a virtual environment, by Python itself.
fn installed(venv: &Path) -> String {
    let code = "from importlib.metadata import distributions as d
print('\\n'.join(sorted(f'{x.name.lower().replace(\"_\", \"-\")} {x.version}' for x in d() if x.name != 'pip')))";
    run(Command::new(venv.join("bin/python")).args(["-I", "-c", code]))
}

/// What [`installed`] says when exactly the lock's packages are there.
fn set(lock: &Lock) -> String {
    let line =
        |package: &LockedPackage| [package.name.clone(), " ".into(), package.version.clone(), "\n".into()];
    lock.packages.iter().flat_map(line).collect()
}

fn venv(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    run(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&path));
    path
}

/// A source distribution that builds without any other package.
fn sdist(world: &World) -> (String, Vec<u8>) {
    let code = r#"
import io, sys, tarfile
backend = '''
import zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    info = "from_source-1.5.dist-info"
    files = {"from_source.py": "VALUE = 1", f"{info}/METADATA": "Metadata-Version: 2.1\\nName: from-source\\nVersion: 1.5\\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    name = "from_source-1.5-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
'''
files = {
    "PKG-INFO": "Metadata-Version: 2.2\nName: from-source\nVersion: 1.5\n",
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "from-source"\nversion = "1.5"\n',
    "backend.py": backend,
}
with tarfile.open(sys.argv[1], "w:gz") as archive:
    for name, text in files.items():
        member = tarfile.TarInfo(f"from_source-1.5/{name}")
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
"#;
    let filename = "from_source-1.5.tar.gz".to_owned();
    let path = world.path(&filename);
    run(Command::new("python3").args(["-c", code]).arg(&path));
    (filename, std::fs::read(path).unwrap())
}

#[test]
fn pip_and_uv_install_the_same_set() {
    let (Some(pip), Some(uv)) = (peer("pip"), peer("uv")) else { return };
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let ran = world.run(&["lock", "requirements.txt", "--base", "none", "--write"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);

    // And a package that is locked as source distribution.
    let (filename, bytes) = sdist(&world);
    let size = Some(bytes.len() as u64);
    let sha256 = Digest::of(&bytes);
    world.index.add_bytes("from-source", &filename, bytes, None);
    let url = world.index.url().replace("/simple", "/files/") + &filename;
    let mut lock = Lock::from_toml(&std::fs::read_to_string(world.path("pylock.toml")).unwrap()).unwrap();
    let file = LockedFile { filename, sha256, url: Some(url), path: None, size, upload_time: None };
    lock.packages.push(LockedPackage {
        name: "from-source".into(),
        version: "1.5".into(),
        extras: vec![],
        requires: vec![],
        index: None,
        source: LockedSource::Sdist(file),
        metadata_sha256: None,
    });
    let expected = set(&lock);
    std::fs::write(world.path("pylock.toml"), lock.to_toml()).unwrap();

    let with_pip = venv(&world, "with-pip");
    run(Command::new(pip)
        .args(["--isolated", "--python"])
        .arg(&with_pip)
        .args(["install", "--no-cache-dir", "-r"])
        .arg(world.path("pylock.toml")));
    assert_eq!(installed(&with_pip), expected);

    let cache = world.path("uv-cache");
    let uv = |venv: &Path, arguments: &[&str]| {
        run(Command::new(&uv)
            .args(["pip"])
            .args(arguments)
            .arg(world.path("pylock.toml"))
            .args(["--no-config", "--python"])
            .arg(venv.join("bin/python"))
            .arg("--cache-dir")
            .arg(&cache));
    };
    let synced = venv(&world, "synced");
    uv(&synced, &["sync"]);
    assert_eq!(installed(&synced), expected);
    let with_uv = venv(&world, "with-uv");
    uv(&with_uv, &["install", "-r"]);
    assert_eq!(installed(&with_uv), expected);
}

/// Packages that everybody uses, from the index that this machine's pip uses.
#[test]
fn pip_and_uv_install_real_packages() {
    let (Some(pip), Some(uv)) = (peer("pip"), peer("uv")) else { return };
    let world = World::new();
    world.write("requirements.txt", "requests>=2.30\nrich\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_depcache"));
    command
        .args(["lock", "requirements.txt", "--base", "none", "--write"])
        .current_dir(world.path(""))
        .env("UPDRAFT_CACHE_DIR", world.path("cache"));
    let output = command.output().unwrap();
    if output.status.code() == Some(69) {
        return not_compared("no package index answers");
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lock = Lock::from_toml(&std::fs::read_to_string(world.path("pylock.toml")).unwrap()).unwrap();
    let expected = set(&lock);

    let with_pip = venv(&world, "with-pip");
    run(Command::new(pip)
        .arg("--python")
        .arg(&with_pip)
        .args(["install", "-r"])
        .arg(world.path("pylock.toml")));
    assert_eq!(installed(&with_pip), expected);
    let synced = venv(&world, "synced");
    run(Command::new(uv)
        .args(["pip", "sync", "--python"])
        .arg(synced.join("bin/python"))
        .arg(world.path("pylock.toml")));
    assert_eq!(installed(&synced), expected);
}
