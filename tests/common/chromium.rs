//! A page in headless Chromium, over the DevTools protocol on two pipes:
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::Folder;

/// Whether Chromium is here. If not, says that the test is skipped; where `LPT_REQUIRE_CHROMIUM` is set, it has to be.
pub fn is_here() -> bool {
    let found = Command::new("chromium").arg("--version").output().is_ok_and(|ran| ran.status.success());
    assert!(found || std::env::var_os("LPT_REQUIRE_CHROMIUM").is_none(), "chromium is not installed");
    if !found {
        println!("skipped: chromium is not installed");
    }
    found
}

/// A page that is open, and what it has said and asked for.
pub struct Page {
    browser: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
    events: Vec<Value>,
    /// The profile, which is removed when the browser has ended.
    _profile: Folder,
}

impl Page {
    /// Opens a file in a window of this width, and waits until it is loaded.
    pub fn open(file: &Path, width: u32) -> Page {
        let profile = Folder::new();
        // It reads calls from the descriptor 3 and writes answers to 4.
        let mut browser = Command::new("sh")
            .args(["-c", "exec chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --remote-debugging-pipe --user-data-dir=\"$1\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .arg(profile.path("profile"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = browser.stdin.take().unwrap();
        let from = BufReader::new(browser.stdout.take().unwrap());
        let mut page =
            Page { browser, to, from, session: None, calls: 0, events: Vec::new(), _profile: profile };
        let target = page.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        page.session = page.call("Target.attachToTarget", attach)["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600});
        page.call("Emulation.setDeviceMetricsOverride", metrics);
        page.call("Page.navigate", json!({"url": format!("file://{}", file.display())}));
        while !page.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = page.read();
            page.events.push(event);
        }
        page
    }

    /// Returns what an expression in JavaScript is in the page.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let call = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", call);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Returns the errors in the page so far: those that its scripts threw, and what the console shows.
    pub fn errors(&self) -> Vec<&Value> {
        let is_error = |event: &&Value| {
            ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"]
                .contains(&event["method"].as_str().unwrap_or_default())
        };
        self.events.iter().filter(is_error).collect()
    }

    /// Returns the addresses that the page has asked for, itself first.
    pub fn requests(&self) -> Vec<&str> {
        let is_request = |event: &&Value| event["method"] == "Network.requestWillBeSent";
        self.events
            .iter()
            .filter(is_request)
            .filter_map(|event| event["params"]["request"]["url"].as_str())
            .collect()
    }

    /// Makes a call, and returns its result.
    #[track_caller]
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{call}\0").as_bytes()).unwrap();
        loop {
            let mut answer = self.read();
            if answer["id"] == self.calls {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn read(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "chromium has ended");
        serde_json::from_slice(&message).unwrap()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.browser.wait();
    }
}
