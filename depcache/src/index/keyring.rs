//! Credentials from the `keyring` program, as pip and uv ask it.

use std::process::Stdio;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::credentials::Login;

/// A keyring that wants to be unlocked by somebody at a screen must not stop a build.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of an answer; tokens have some kilobytes.
const ANSWER_LIMIT_BYTES: u64 = 64 << 10;

/// Credentials for `url`: by address, then by host, as `keyring get` knows them. `user` is what the address itself
/// names. No answer is no credentials: why is told at debug level, without the answer.
pub(super) async fn ask(program: &str, url: &Url, user: Option<&str>) -> Option<Login> {
    let host = url.host_str().unwrap_or_default();
    for place in [url.as_str(), host] {
        let answer = match user {
            Some(user) => run(program, &["get", place, user]).await,
            // keyring 25 and newer: user name and password, a line each.
            None => run(program, &["--mode", "creds", "get", place, ""]).await,
        };
        let Some(answer) = answer else { continue };
        let mut lines = answer.lines();
        let user = user.map(ToOwned::to_owned).or_else(|| lines.next().map(ToOwned::to_owned))?;
        if let Some(password) = lines.next().filter(|text| !text.is_empty()) {
            return Some(Login { user, password: SecretString::from(password.to_owned()) });
        }
    }
    None
}

async fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            tracing::debug!(%error, program, "the keyring program cannot be started");
            return None;
        }
    };
    let out = child.stdout.take()?;
    let answer = async {
        let mut text = String::new();
        out.take(ANSWER_LIMIT_BYTES).read_to_string(&mut text).await.ok()?;
        child.wait().await.ok()?.success().then_some(text)
    };
    if let Ok(answer) = tokio::time::timeout(TIMEOUT, answer).await {
        return answer;
    }
    tracing::warn!(program, timeout_s = TIMEOUT.as_secs(), "the keyring program did not answer");
    None
}
