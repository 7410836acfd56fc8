//! Scripts that run whatever directory the environment lies in.

use super::EntryPoints;

/// Starts the `python` beside the script, wherever the environment was moved: `sh` runs the second line,
/// Python reads it as a string. `realpath` makes a link to the script from elsewhere work too.
pub const SHEBANG: &str =
    "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n' '''\n";

/// Why an entry point is no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScriptFault {
    /// The name is no plain file name.
    #[error("its name is not a plain file name")]
    Name,
    /// It would replace the interpreter or the environment's own files.
    #[error("its name belongs to the environment itself")]
    Reserved,
    /// Not `module:attribute`.
    #[error("its reference is not of the form module:attribute")]
    Reference,
}

/// `bin/` files for the console and GUI scripts, as `(name, content)`.
pub(super) fn generate(points: &EntryPoints) -> Result<Vec<(String, String)>, (String, ScriptFault)> {
    let mut scripts = Vec::new();
    for (name, reference) in
        ["gui_scripts", "console_scripts"].iter().filter_map(|g| points.get(*g)).flatten()
    {
        let fault = |fault| (name.clone(), fault);
        check_name(name).map_err(fault)?;
        let content = launcher(reference).ok_or_else(|| fault(ScriptFault::Reference))?;
        scripts.retain(|(earlier, _)| earlier != name);
        scripts.push((name.clone(), content));
    }
    Ok(scripts)
}

fn check_name(name: &str) -> Result<(), ScriptFault> {
    let plain = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || "._- +@".contains(c))
        && name.len() <= 200;
    if !plain {
        return Err(ScriptFault::Name);
    }
    if is_reserved(name) { Err(ScriptFault::Reserved) } else { Ok(()) }
}

/// Whether a file of this name in `bin/` belongs to the environment: the interpreter in any case and spelling.
pub(super) fn is_reserved(name: &str) -> bool {
    let lower = name.to_lowercase();
    let stem = lower.strip_suffix(".exe").unwrap_or(&lower);
    ["python", "pythonw"].iter().any(|interpreter| {
        stem.strip_prefix(interpreter)
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
    })
}

fn launcher(reference: &str) -> Option<String> {
    let reference = reference.split('[').next()?.trim();
    let (module, attribute) = reference.split_once(':')?;
    let (module, attribute) = (module.trim(), attribute.trim());
    let dotted = |text: &str| {
        text.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c == '_' || c.is_alphanumeric()))
    };
    if !dotted(module) || !dotted(attribute) {
        return None;
    }
    let import = attribute.split('.').next()?;
    Some(format!(
        "{SHEBANG}import sys\nfrom {module} import {import}\n\nif __name__ == \"__main__\":\n    sys.exit({attribute}())\n"
    ))
}

/// Content of a script with its interpreter line made independent of location; `None` when the script is not
/// Python's (a shell script, a binary) and is to be kept as it is.
///
/// ```
/// let script = depcache_layer::relocate_script(b"#!/opt/venv/bin/python3\nprint(1)\n").unwrap();
/// assert!(script.ends_with(b"print(1)\n") && script.starts_with(b"#!/bin/sh\n'''exec'"));
/// assert!(depcache_layer::relocate_script(b"#!/bin/bash\necho 1\n").is_none());
/// ```
pub fn relocate_script(content: &[u8]) -> Option<Vec<u8>> {
    let line_end = content.iter().position(|byte| *byte == b'\n')?;
    let first = std::str::from_utf8(&content[..line_end]).ok()?.strip_prefix("#!")?;
    let mut rest = &content[line_end + 1..];
    let program = first.split_whitespace().next().unwrap_or_default();
    let named =
        |text: &str| text.rsplit('/').next().is_some_and(|name| name.to_lowercase().starts_with("python"));
    // `#!/bin/sh` + `'''exec' …python…`: what installers write when the path is long or must be relocatable.
    if program == "/bin/sh" && rest.starts_with(b"'''exec'") {
        let close = rest.windows(5).position(|w| w == b"' '''")?;
        let after = close + 5;
        rest = &rest[after + usize::from(rest.get(after) == Some(&b'\n'))..];
    } else if !(named(program) || program.ends_with("/env") && first.split_whitespace().skip(1).any(named)) {
        return None;
    }
    Some([SHEBANG.as_bytes(), rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(name: &str, reference: &str) -> EntryPoints {
        EntryPoints::from([("console_scripts".into(), [(name.into(), reference.into())].into())])
    }

    #[test]
    fn a_console_script_imports_the_first_part_of_its_attribute() {
        let scripts = generate(&points("hello", "pkg.cli:App.run [color]")).unwrap();
        insta::assert_snapshot!(scripts[0].1, @r#"
        #!/bin/sh
        '''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
        ' '''
        import sys
        from pkg.cli import App

        if __name__ == "__main__":
            sys.exit(App.run())
        "#);
    }

    #[test]
    fn names_that_escape_or_replace_the_interpreter_are_refused() {
        for (name, fault) in [
            ("../evil", ScriptFault::Name),
            ("a/b", ScriptFault::Name),
            ("", ScriptFault::Name),
            (".hidden", ScriptFault::Name),
            ("python", ScriptFault::Reserved),
            ("PYTHON3", ScriptFault::Reserved),
            ("python3.11", ScriptFault::Reserved),
            ("Python.exe", ScriptFault::Reserved),
        ] {
            assert_eq!(generate(&points(name, "a:b")).unwrap_err().1, fault, "{name}");
        }
        assert!(generate(&points("python-argcomplete", "a:b")).is_ok());
        for reference in ["a", "a:", "a b:c", "a:b()", "a:b;import os"] {
            assert_eq!(
                generate(&points("x", reference)).unwrap_err().1,
                ScriptFault::Reference,
                "{reference}"
            );
        }
    }

    #[test]
    fn interpreter_lines_of_all_kinds_are_relocated() {
        for first in [
            "#!/a b/bin/python",
            "#!python",
            "#!pythonw",
            "#!/usr/bin/env python3",
            "#!/usr/bin/env -S python -u",
        ] {
            let script = format!("{first}\nbody\n");
            if first.contains("a b") {
                assert!(relocate_script(script.as_bytes()).is_none(), "kernels do not run it either");
                continue;
            }
            assert_eq!(
                relocate_script(script.as_bytes()).unwrap(),
                format!("{SHEBANG}body\n").into_bytes(),
                "{first}"
            );
        }
        let twice = relocate_script(format!("{SHEBANG}body\n").as_bytes()).unwrap();
        assert_eq!(twice, format!("{SHEBANG}body\n").into_bytes());
        assert_eq!(relocate_script(b"\x7fELF"), None);
    }
}
