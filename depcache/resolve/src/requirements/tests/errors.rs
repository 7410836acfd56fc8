//! Every error as the user sees it.

use super::read;

fn shown(cases: &[&str]) -> String {
    let shown: Vec<String> =
        cases.iter().map(|text| read(&[("requirements.txt", text)], &[]).unwrap_err().render()).collect();
    shown.join("\n\n")
}

#[test]
fn requirements_by_name() {
    let hash = "0".repeat(64);
    let long = format!("a==1 --hash=sha256:{hash}\nb==1");
    let loose = format!("a>1 --hash=sha256:{hash}");
    let cases = [
        "pandas>>2",
        "pandas==",
        "a b",
        "[x]",
        "a==${NOPE}",
        "a --hash=md5:00",
        "a --hash=sha256:0 ",
        &long,
        &loose,
    ];
    insta::assert_snapshot!(shown(&cases), @r#"
    requirements.txt:1: this is not a requirement: no such comparison operator ">>", must be one of ~= == != <= >= < > ===
      1 | pandas>>2
        |       ^
    hint: expected a package name with an optional version, as in `pandas>=2.0,<3`

    requirements.txt:1: this is not a requirement: Unexpected end of version specifier, expected version
      1 | pandas==
        |       ^
    hint: expected a package name with an optional version, as in `pandas>=2.0,<3`

    requirements.txt:1: this is not a requirement: Expected one of `@`, `(`, `<`, `=`, `>`, `~`, `!`, `;`, found `b`
      1 | a b
        |   ^
    hint: expected a package name with an optional version, as in `pandas>=2.0,<3`

    requirements.txt:1: this is not a requirement: Expected package name starting with an alphanumeric character, found `[`
      1 | [x]
        | ^
    hint: expected a package name with an optional version, as in `pandas>=2.0,<3`

    requirements.txt:1: the variable NOPE is not set
      1 | a==${NOPE}
    hint: set NOPE where this runs, or write the value

    requirements.txt:1: md5:00 is not a usable hash
      1 | a --hash=md5:00
    hint: expected --hash=sha256:<64 digits> (also sha384, sha512)

    requirements.txt:1: sha256:0 is not a usable hash
      1 | a --hash=sha256:0
    hint: expected --hash=sha256:<64 digits> (also sha384, sha512)

    requirements.txt:2: this requirement has no hash, but hashes are required
      2 | b==1
    hint: one line with --hash makes hashes required for all: pin with == and add --hash to each

    requirements.txt:1: this requirement has no exact version (==), but hashes are required
      1 | a>1
    hint: one line with --hash makes hashes required for all: pin with == and add --hash to each
    "#);
}

#[test]
fn options() {
    let cases = [
        "-r missing.txt",
        "--speed",
        "-i",
        "--pre=yes",
        "-i https://a\n-i https://b",
        "--no-binary !",
        "--global-option=x",
        "-C a=b",
        "--process-dependency-links",
        "--hash=sha256:00",
        "-r 'a.txt",
        "a --config-settings=x",
        "a --pre",
    ];
    insta::assert_snapshot!(shown(&cases), @"
    requirements.txt:1: cannot read missing.txt: there is no such file
      1 | -r missing.txt
    hint: paths behind -r and -c are relative to the file that names them

    requirements.txt:1: unknown option --speed
      1 | --speed
    hint: remove it, or check its spelling

    requirements.txt:1: the option -i needs an address
      1 | -i

    requirements.txt:1: the option --pre needs no value
      1 | --pre=yes

    requirements.txt:2: a second --index-url; the first is in requirements.txt:1
      2 | -i https://b
    hint: use --extra-index-url for further indexes

    requirements.txt:1: the option --no-binary needs package names, :all: or :none:
      1 | --no-binary !

    requirements.txt:1: the option --global-option is not supported
      1 | --global-option=x
    hint: pip no longer knows it; name a wheel

    requirements.txt:1: the option -C is not supported
      1 | -C a=b
    hint: build the wheel where it is made, and name the wheel

    requirements.txt:1: the option --process-dependency-links is not supported
      1 | --process-dependency-links
    hint: pip no longer knows it; write the addresses as requirements

    requirements.txt:1: a --hash without a requirement is not supported
      1 | --hash=sha256:00
    hint: write it behind the requirement that it belongs to, or join the lines with a backslash

    requirements.txt:1: a quote is not closed
      1 | -r 'a.txt
    hint: quotes group the value of an option; remove it or close it

    requirements.txt:1: a build option behind a requirement is not supported
      1 | a --config-settings=x
    hint: build the wheel where it is made, and name the wheel

    requirements.txt:1: unknown option --pre
      1 | a --pre
    hint: remove it, or check its spelling
    ");
}

#[test]
fn places() {
    let cases = [
        "hg+https://host/x#egg=x",
        "svn+https://host/x",
        "x @ ftp://host/x.whl",
        "x @ https://host/x.exe",
        "x @ https://me:secret@host/x.git",
        "x @ https://host/x-1.0.whl",
        "x @ https://host/y-1.0-py3-none-any.whl",
        "x @ git@host:team/x.git",
        "x @ git+host/x",
        "x @ git+https://host/x@--upload-pack=y",
        "x @ git+https://host/x@",
        "x @ git+https://host",
        "x @ git+https://host/x#subdirectory=../y",
        "x @ git+https://host/x#path=y",
        "x @ https://host/x-1.tar.gz#md5=00",
        "x @",
        "./x ; python_version >",
        "-e https://host/x.whl",
        "-e",
        "git+https://host/x",
        "./x[a b]",
    ];
    insta::assert_snapshot!(shown(&cases), @"
    requirements.txt:1: a requirement from Mercurial is not supported
      1 | hg+https://host/x#egg=x
    hint: git is the only version control that is read

    requirements.txt:1: a requirement from Subversion is not supported
      1 | svn+https://host/x
    hint: git is the only version control that is read

    requirements.txt:1: an address with this scheme is not supported
      1 | x @ ftp://host/x.whl
    hint: known are https, http, file and git+…

    requirements.txt:1: `https://host/x.exe` cannot be installed: it is neither a wheel nor a source archive
      1 | x @ https://host/x.exe
    hint: an address must end with .whl, .tar.gz or .zip

    requirements.txt:1: `https://host/x.git` cannot be installed: it is neither a wheel nor a source archive
      1 | x @ https://host/x.git
    hint: write a git repository as `git+https://…`

    requirements.txt:1: `x-1.0.whl` cannot be installed: its name is not that of a wheel
      1 | x @ https://host/x-1.0.whl
    hint: a wheel is named like `name-1.0-py3-none-any.whl`

    requirements.txt:1: `https://host/y-1.0-py3-none-any.whl` cannot be installed: it is a wheel of y, not of x
      1 | x @ https://host/y-1.0-py3-none-any.whl
    hint: write the name of the package that the wheel holds

    requirements.txt:1: `git@host:team/x.git` cannot be installed: it has no scheme
      1 | x @ git@host:team/x.git
    hint: write a git repository as `git+ssh://git@host/path`

    requirements.txt:1: `host/x` cannot be installed: it has no scheme
      1 | x @ git+host/x
    hint: write it as `git+https://host/path` or `git+ssh://git@host/path`

    requirements.txt:1: `https://host/x@--upload-pack=y` cannot be installed: what stands behind @ is no branch, tag or commit
      1 | x @ git+https://host/x@--upload-pack=y
    hint: write it as `git+https://host/path@v1.0`

    requirements.txt:1: `https://host/x@` cannot be installed: what stands behind @ is no branch, tag or commit
      1 | x @ git+https://host/x@
    hint: write it as `git+https://host/path@v1.0`

    requirements.txt:1: `https://host` cannot be installed: it names no repository
      1 | x @ git+https://host
    hint: write it as `git+https://host/path`

    requirements.txt:1: `subdirectory=../y` cannot be installed: the subdirectory does not lie within it
      1 | x @ git+https://host/x#subdirectory=../y
    hint: write a relative path, as in `#subdirectory=python/api`

    requirements.txt:1: `path=y` cannot be installed: its fragment has the unknown key `path`
      1 | x @ git+https://host/x#path=y
    hint: known are egg, subdirectory and sha256

    requirements.txt:1: md5:00 is not a usable hash
      1 | x @ https://host/x-1.tar.gz#md5=00
    hint: expected --hash=sha256:<64 digits> (also sha384, sha512)

    requirements.txt:1: `` cannot be installed: there is no place
      1 | x @
    hint: write an address or a path, as in `name @ https://host/name-1.0.zip`

    requirements.txt:1: this is not a requirement: Expected marker value, found end of dependency specification
      1 | ./x ; python_version >
        |                       ^
    hint: expected a package name with an optional version, as in `pandas>=2.0,<3`

    requirements.txt:1: an editable requirement at an address is not supported
      1 | -e https://host/x.whl
    hint: only a directory can be edited: leave -e away

    requirements.txt:1: the option -e needs a directory
      1 | -e

    requirements.txt:1: the package at git+https://host/x has no name: nobody looks there
      1 | git+https://host/x
    hint: write the name before it, as in `name @ …`

    requirements.txt:1: this is not a requirement: `a b` is not the name of an extra
      1 | ./x[a b]
        | ^
    hint: expected a package name with an optional version, as in `pandas>=2.0,<3`
    ");
}

#[test]
fn constraints() {
    let cases = ["\na[b]<1", "-e ./x", "./x"];
    let shown: Vec<String> = cases
        .iter()
        .map(|text| read(&[("r.txt", "-c c.txt"), ("c.txt", text)], &[]).unwrap_err().render())
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"), @"
    c.txt:2: a constraint cannot have extras
      2 | a[b]<1
    hint: a constraint is a package name with versions, as in `numpy<2`

    c.txt:1: a constraint cannot be editable
      1 | -e ./x
    hint: a constraint is a package name with versions, as in `numpy<2`

    c.txt:1: a constraint cannot be a place without a name
      1 | ./x
    hint: a constraint is a package name with versions, as in `numpy<2`
    ");
}
