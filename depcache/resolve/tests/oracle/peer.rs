//! The other implementation: a Python process with `packaging`, fed by lines.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Interpreter of the virtual environment that `UPDRAFT_TEST_PEERS` names; says so when there is none.
pub(crate) fn python() -> Option<PathBuf> {
    let Some(peers) = std::env::var_os("UPDRAFT_TEST_PEERS") else {
        println!("not compared: UPDRAFT_TEST_PEERS names no virtual environment with packaging");
        return None;
    };
    Some(PathBuf::from(peers).join("bin/python"))
}

/// Answers to `questions`, in their order.
pub(crate) fn ask(python: &std::path::Path, questions: &[Value]) -> Vec<Value> {
    let mut peer = Command::new(python)
        .args(["-I", "-c", include_str!("peer.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = peer.stdin.take().unwrap();
    let output = BufReader::new(peer.stdout.take().unwrap());
    // Written beside reading: both pipes are small.
    let answers: Vec<Value> = std::thread::scope(|scope| {
        scope.spawn(move || {
            for question in questions {
                // A peer that died shows in its status and in missing answers.
                if writeln!(input, "{question}").is_err() {
                    break;
                }
            }
        });
        output.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
    });
    assert!(peer.wait().unwrap().success());
    assert_eq!(answers.len(), questions.len());
    answers
}
