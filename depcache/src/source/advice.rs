//! What the log of a failed build tells to do. Compilers, linkers and build tools have said the same for decades.

/// Headers that packages of Airflow's world ask for, and who brings them.
const HEADERS: [(&str, &str); 16] = [
    ("lber.h", "libldap2-dev"),
    ("ldap.h", "libldap2-dev"),
    ("sasl/", "libsasl2-dev"),
    ("sasl.h", "libsasl2-dev"),
    ("libpq-fe.h", "libpq-dev"),
    ("mysql.h", "default-libmysqlclient-dev"),
    ("sql.h", "unixodbc-dev"),
    ("sqltypes.h", "unixodbc-dev"),
    ("gssapi", "libkrb5-dev"),
    ("krb5", "libkrb5-dev"),
    ("ffi.h", "libffi-dev"),
    ("openssl/", "libssl-dev"),
    ("libxml/", "libxml2-dev"),
    ("libxslt/", "libxslt1-dev"),
    ("xmlsec/", "libxmlsec1-dev"),
    ("zlib.h", "zlib1g-dev"),
];
/// Code that Cython made years ago, met by a newer Python.
const OLD_CODE: [&str; 3] =
    ["has no member named 'use_tracing'", "has no member named 'exc_type'", "has no member named 'ob_digit'"];
const TOO_OLD: &str = "its C code is older than this Python: choose a newer version, or one with wheels";

/// The first thing that the log's end lets us advise.
pub(super) fn of(log: &str) -> Option<String> {
    log.lines().find_map(of_line)
}

fn of_line(line: &str) -> Option<String> {
    if let Some(header) = between(line, "fatal error: ", ": No such file") {
        return Some(about_header(header));
    }
    if OLD_CODE.iter().any(|words| line.contains(words)) {
        return Some(TOO_OLD.into());
    }
    if let Some(library) = line.split_once("cannot find -l").map(|(_, rest)| word(rest)) {
        return Some(format!("the library {library} is missing: install its development package"));
    }
    let missing_program = between(line, "error: command '", "' failed: No such file")
        .or_else(|| between(line, "unable to execute '", "': No such file"))
        .or_else(|| between(line, "No such file or directory: '", "'").filter(|path| !path.contains('/')));
    if let Some(program) = missing_program {
        return Some(match program.rsplit('/').next().unwrap_or(program) {
            "gcc" | "cc" | "clang" | "g++" | "c++" | "x86_64-linux-gnu-gcc" | "aarch64-linux-gnu-gcc" => {
                "a C compiler is needed: install one (Debian: build-essential)".into()
            }
            name => format!("the program {name} is needed: install it"),
        });
    }
    let pkg_config = line.contains("pkg-config") || line.contains("pkgconf");
    if pkg_config
        && ["not found", "No such", "Can not find", "cannot find"].iter().any(|words| line.contains(words))
    {
        return Some(
            "its library is not found: install pkg-config and the library's development package, or give its own \
             variables as UPDRAFT_BUILD_ENV_NAME=VALUE"
                .into(),
        );
    }
    if line.contains("pg_config executable not found") {
        return Some(
            "pg_config is needed: install PostgreSQL's client development package (Debian: libpq-dev)".into(),
        );
    }
    if line.contains("can't find Rust compiler") || line.contains("Cargo, the Rust package manager, is not") {
        return Some("a Rust compiler is needed; note that builds have no network for crates".into());
    }
    if let Some(module) = between(line, "ModuleNotFoundError: No module named '", "'") {
        return Some(format!(
            "its build imports {module} without naming it in [build-system] requires; choose another version, or a wheel"
        ));
    }
    let offline =
        ["Temporary failure in name resolution", "Name or service not known", "Network is unreachable"];
    if offline.iter().any(|words| line.contains(words)) {
        return Some(
            "its build wants the network, which builds do not have: choose another version, or a wheel"
                .into(),
        );
    }
    if line.contains("MemoryError") || line.contains("virtual memory exhausted") {
        return Some("it needs more memory: allow more with UPDRAFT_BUILD_MEMORY_BYTES".into());
    }
    None
}

fn about_header(header: &str) -> String {
    let package = |name: &str| {
        format!("the header {header} is missing: install its development package (Debian: {name})")
    };
    match header {
        "Python.h" => package("python3-dev, or that of the base's version"),
        // Gone with Python 3.11.
        "longintrepr.h" => TOO_OLD.into(),
        _ => match HEADERS.iter().find(|(start, _)| header.starts_with(start)) {
            Some((_, name)) => package(name),
            None => format!("the header {header} is missing: install the development package of its library"),
        },
    }
}

fn between<'t>(line: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = line.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found).filter(|found| found.len() < 100)
}

fn word(text: &str) -> &str {
    text.split([':', ' ']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn logs_as_tools_write_them() {
        let logs = [
            "x.c:3:10: fatal error: libpq-fe.h: No such file or directory",
            "x.c:3:10: fatal error: own/thing.h: No such file or directory",
            "sasl/saslwrapper.cpp:196:12: fatal error: longintrepr.h: No such file or directory",
            "Exception: Can not find valid pkg-config name.",
            "/tmp/a.c:1:10: fatal error: Python.h: No such file or directory",
            "/usr/bin/ld: cannot find -lssl: No such file or directory",
            "error: command 'gcc' failed: No such file or directory",
            "FileNotFoundError: [Errno 2] No such file or directory: 'cmake'",
            "FileNotFoundError: [Errno 2] No such file or directory: 'src/missing.txt'",
            "ModuleNotFoundError: No module named 'numpy'",
            "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
            "nothing of interest",
        ];
        let advice: Vec<String> = logs.iter().map(|log| of(log).unwrap_or_else(|| "-".into())).collect();
        insta::assert_snapshot!(advice.join("\n"), @r"
        the header libpq-fe.h is missing: install its development package (Debian: libpq-dev)
        the header own/thing.h is missing: install the development package of its library
        its C code is older than this Python: choose a newer version, or one with wheels
        its library is not found: install pkg-config and the library's development package, or give its own variables as UPDRAFT_BUILD_ENV_NAME=VALUE
        the header Python.h is missing: install its development package (Debian: python3-dev, or that of the base's version)
        the library ssl is missing: install its development package
        a C compiler is needed: install one (Debian: build-essential)
        the program cmake is needed: install it
        -
        its build imports numpy without naming it in [build-system] requires; choose another version, or a wheel
        its build wants the network, which builds do not have: choose another version, or a wheel
        -
        ");
    }
}
