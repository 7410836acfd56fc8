//! Chromium without a window, spoken to over its debugging pipe (JSON, each message ends with a zero byte).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_mins(1);

/// Ended by its process id when dropped.
pub(crate) struct Browser {
    child: Child,
    requests: File,
    answers: Receiver<Value>,
    session: Value,
    last_id: u64,
    _folder: tempfile::TempDir,
}

/// What a page was seen to be.
#[derive(Debug)]
pub(crate) struct Seen {
    /// From the start of navigation to the first text or picture.
    pub(crate) first_paint_ms: f64,
    /// Of the whole page, wider than the window when something overflows.
    pub(crate) scroll_width: u64,
    /// PNG.
    pub(crate) picture: Vec<u8>,
}

/// Where Chromium is; `None` with a line when it is not installed.
#[expect(clippy::print_stdout, reason = "a test that does not look says so")]
pub(crate) fn find() -> Option<PathBuf> {
    let named = std::env::var_os("UPDRAFT_TEST_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)));
    let found = named.into_iter().chain(on_path).find(|program| program.is_file());
    if found.is_none() {
        println!("no Chromium here (apt-get install chromium): the dashboard is not looked at");
    }
    found
}

impl Browser {
    pub(crate) fn start(program: &PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = folder.path().join(name);
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            path
        };
        let (input, output) = (pipe("in"), pipe("out"));
        // The shell gives the pipes their numbers, then is replaced by the browser.
        let child = Command::new("sh")
            .args(["-c", "exec \"$0\" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
                   --disable-background-networking --remote-debugging-pipe --user-data-dir=\"$3\" 3<\"$1\" 4>\"$2\""])
            .args([program, &input, &output, &folder.path().join("profile")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let requests = File::options().write(true).open(input).unwrap();
        let reader = BufReader::new(File::open(output).unwrap());
        let (sender, answers) = channel();
        // Ends with the pipe.
        std::thread::spawn(move || {
            for message in reader.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { continue };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser =
            Self { child, requests, answers, session: Value::Null, last_id: 0, _folder: folder };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        browser.session = browser.call("Target.attachToTarget", &attach)["sessionId"].clone();
        browser.call("Page.enable", &json!({}));
        browser
    }

    /// Opens an address in a window of this size and looks.
    pub(crate) fn look(&mut self, url: &str, width: u64, height: u64, scheme: &str) -> Seen {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &scheme);
        self.call("Page.navigate", &json!({"url": url}));
        self.until(|message| message["method"] == "Page.loadEventFired");
        let painted = "new Promise(done => { const look = () => { \
            const entry = performance.getEntriesByName('first-contentful-paint')[0]; \
            entry ? done(entry.startTime) : requestAnimationFrame(look) }; look() })";
        let first_paint_ms = self.evaluate(painted).as_f64().unwrap();
        let scroll_width = self.evaluate("document.documentElement.scrollWidth").as_u64().unwrap();
        let full = self.evaluate("document.documentElement.scrollHeight").as_u64().unwrap();
        let clip = json!({"x": 0, "y": 0, "width": width, "height": full, "scale": 1});
        let shot = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.call("Page.captureScreenshot", &shot)["data"].as_str().unwrap().to_owned();
        let picture = base64::engine::general_purpose::STANDARD.decode(picture).unwrap();
        Seen { first_paint_ms, scroll_width, picture }
    }

    /// The value of an expression in the page; promises are awaited.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let ask = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        self.call("Runtime.evaluate", &ask)["result"]["value"].clone()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut request = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_null() {
            request["sessionId"] = self.session.clone();
        }
        self.requests.write_all(format!("{request}\0").as_bytes()).unwrap();
        let answer = self.until(|message| message["id"] == id);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.answers.recv_timeout(ANSWER).unwrap_or_else(|_| panic!("Chromium is silent"));
            if wanted(&message) {
                return message;
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
