//! Changed texts as unified diffs.

use std::fmt::Write;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// The unified diff of one file; empty when nothing changed.
///
/// Proposals change and add single lines, so that a common start and end and line-by-line comparison between them is
/// all that is needed: `before` and `after` must differ by replaced or inserted lines only in the order of the lines.
pub fn unified(path: &str, before: &str, after: &str) -> String {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let edits = edits(&old, &new);
    let mut out = String::new();
    let changed: Vec<usize> = edits
        .iter()
        .enumerate()
        .filter(|(_, edit)| !matches!(edit, Edit::Same(_)))
        .map(|(at, _)| at)
        .collect();
    let Some(&first) = changed.first() else { return out };
    write!(out, "--- {path}\n+++ {path}\n").ok();
    let mut start = first.saturating_sub(CONTEXT);
    let mut last = first;
    let mut groups = Vec::new();
    for at in changed.into_iter().skip(1) {
        if at > last + 2 * CONTEXT + 1 {
            groups.push((start, (last + CONTEXT + 1).min(edits.len())));
            start = at.saturating_sub(CONTEXT);
        }
        last = at;
    }
    groups.push((start, (last + CONTEXT + 1).min(edits.len())));
    for (start, end) in groups {
        hunk(&mut out, &edits, start, end);
    }
    out
}

enum Edit<'t> {
    Same(&'t str),
    Gone(&'t str),
    Added(&'t str),
}

/// Longest common subsequence over what lies between the common start and the common end.
fn edits<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Edit<'t>> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (left, right) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let width = right.len() + 1;
    let mut length = vec![0usize; (left.len() + 1) * width];
    for at in (0..left.len()).rev() {
        for to in (0..right.len()).rev() {
            length[at * width + to] = if left[at] == right[to] {
                length[(at + 1) * width + to + 1] + 1
            } else {
                length[(at + 1) * width + to].max(length[at * width + to + 1])
            };
        }
    }
    let mut edits: Vec<Edit<'t>> = old[..start].iter().map(|line| Edit::Same(line)).collect();
    let (mut at, mut to) = (0, 0);
    while at < left.len() || to < right.len() {
        if at < left.len() && to < right.len() && left[at] == right[to] {
            edits.push(Edit::Same(left[at]));
            (at, to) = (at + 1, to + 1);
        } else if to == right.len()
            || (at < left.len() && length[(at + 1) * width + to] >= length[at * width + to + 1])
        {
            edits.push(Edit::Gone(left[at]));
            at += 1;
        } else {
            edits.push(Edit::Added(right[to]));
            to += 1;
        }
    }
    edits.extend(old[old.len() - end..].iter().map(|line| Edit::Same(line)));
    edits
}

fn hunk(out: &mut String, edits: &[Edit<'_>], start: usize, end: usize) {
    let count = |edits: &[Edit<'_>], of_old: bool| {
        let counts = |edit: &&Edit<'_>| match edit {
            Edit::Same(_) => true,
            Edit::Gone(_) => of_old,
            Edit::Added(_) => !of_old,
        };
        edits.iter().filter(counts).count()
    };
    let (before, inside) = (&edits[..start], &edits[start..end]);
    let position = |of_old: bool| {
        let lines = count(inside, of_old);
        // An empty side is placed behind the line before it.
        (count(before, of_old) + usize::from(lines > 0), lines)
    };
    let ((old_at, old_lines), (new_at, new_lines)) = (position(true), position(false));
    writeln!(out, "@@ -{old_at},{old_lines} +{new_at},{new_lines} @@").ok();
    for edit in inside {
        match edit {
            Edit::Same(line) => writeln!(out, " {line}").ok(),
            Edit::Gone(line) => writeln!(out, "-{line}").ok(),
            Edit::Added(line) => writeln!(out, "+{line}").ok(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn a_replaced_and_an_added_line() {
        let before = "# ours\na==1\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
        let after = "# ours\na==2\nb\nc\nd\ne\nf\ng\nh\nnumpy<2\ni\nj\n";
        insta::assert_snapshot!(unified("requirements.txt", before, after), @r"
        --- requirements.txt
        +++ requirements.txt
        @@ -1,5 +1,5 @@
         # ours
        -a==1
        +a==2
         b
         c
         d
        @@ -7,5 +7,6 @@
         f
         g
         h
        +numpy<2
         i
         j
        ");
    }

    #[test]
    fn nothing_changed_and_empty_files() {
        assert_eq!(unified("a", "x\n", "x\n"), "");
        insta::assert_snapshot!(unified("a", "", "x\n"), @r"
        --- a
        +++ a
        @@ -0,0 +1,1 @@
        +x
        ");
    }
}
