//! Changes to the text of requirements files: everything but the changed line stays as it is.

use crate::requirements::lines::{physical, without_comment};
use crate::requirements::{Expanded, Origin};

/// `name[extra] ; marker` with other specifiers, in the user's way of writing the rest.
pub(super) fn with_specifiers(requirement: &str, specifiers: &str) -> String {
    let (before, marker) = match requirement.split_once(';') {
        Some((before, marker)) => {
            let space = if before.ends_with(char::is_whitespace) { " " } else { "" };
            (before, Some(format!("{space};{marker}")))
        }
        None => (requirement, None),
    };
    let name = before.split(['<', '>', '=', '!', '~', '(']).next().unwrap_or(before).trim_end();
    format!("{name}{specifiers}{}", marker.unwrap_or_default())
}

/// The specifiers of a requirement text, without white space around.
pub(super) fn specifiers(requirement: &str) -> String {
    let before = requirement.split(';').next().unwrap_or_default();
    let start = before.find(['<', '>', '=', '!', '~', '(']).unwrap_or(before.len());
    before[start..].trim().trim_start_matches('(').trim_end_matches(')').to_owned()
}

/// Replaces a requirement in its file and in all that remembers where it stands.
pub(super) fn replace(expanded: &mut Expanded, origin: &Origin, after: &str) {
    let joined_lines = origin.last_line - origin.line;
    for file in expanded.files.iter_mut().filter(|file| file.path == origin.file) {
        let mut lines: Vec<String> = physical(&file.text).map(str::to_owned).collect();
        let (first, last) = (origin.line - 1, origin.last_line.min(lines.len()));
        if first >= last {
            continue;
        }
        let old: String = lines[first..last].concat();
        let new = if joined_lines == 0 && old.contains(&origin.text) {
            old.replacen(&origin.text, after, 1)
        } else {
            // A continued requirement becomes one line; a comment behind it stays.
            let end = if old.ends_with("\r\n") { "\r\n" } else { "\n" };
            let tail = lines[last - 1].trim_end();
            let comment = &tail[without_comment(tail).len()..];
            let space = if comment.is_empty() { "" } else { "  " };
            format!("{after}{space}{comment}{end}")
        };
        lines.splice(first..last, [new]);
        file.text = lines.concat();
    }
    for entry in expanded.requirements.iter_mut().chain(&mut expanded.constraints) {
        if entry.origin.file != origin.file {
            continue;
        }
        if entry.origin.line == origin.line {
            after.clone_into(&mut entry.origin.text);
            entry.origin.last_line = origin.line;
        } else if entry.origin.line > origin.line {
            entry.origin.line -= joined_lines;
            entry.origin.last_line -= joined_lines;
        }
    }
}

/// Inserts a line behind `line` (0: at the top) of a file and returns its number.
pub(super) fn insert(expanded: &mut Expanded, file: &str, line: usize, text: &str) -> usize {
    for source in expanded.files.iter_mut().filter(|source| source.path == file) {
        let end = if source.text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut lines: Vec<String> = physical(&source.text).map(str::to_owned).collect();
        let at = line.min(lines.len());
        if let Some(last) = lines[..at].last_mut()
            && !last.ends_with('\n')
        {
            last.push_str(end);
        }
        lines.insert(at, format!("{text}{end}"));
        source.text = lines.concat();
    }
    for entry in expanded.requirements.iter_mut().chain(&mut expanded.constraints) {
        if entry.origin.file == file && entry.origin.line > line {
            entry.origin.line += 1;
            entry.origin.last_line += 1;
        }
    }
    line + 1
}
