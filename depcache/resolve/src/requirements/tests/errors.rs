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
    insta::assert_snapshot!(shown(&cases), @"");
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
    insta::assert_snapshot!(shown(&cases), @"");
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
    insta::assert_snapshot!(shown(&cases), @"");
}

#[test]
fn constraints() {
    let cases = ["\na[b]<1", "-e ./x", "./x"];
    let shown: Vec<String> = cases
        .iter()
        .map(|text| read(&[("r.txt", "-c c.txt"), ("c.txt", text)], &[]).unwrap_err().render())
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"), @"");
}
