//! What the tests stand on: lpt-local as a server, the tools as processes, pipes between them, and the account as
//! it is seen from outside.

pub mod faults;
pub mod s3;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The built binary of a tool.
pub fn binary(tool: &str) -> &'static str {
    match tool {
        "lpt-prepare" => env!("CARGO_BIN_EXE_lpt-prepare"),
        "lpt-invoke" => env!("CARGO_BIN_EXE_lpt-invoke"),
        "lpt-analyze" => env!("CARGO_BIN_EXE_lpt-analyze"),
        "lpt-select" => env!("CARGO_BIN_EXE_lpt-select"),
        "lpt-apply" => env!("CARGO_BIN_EXE_lpt-apply"),
        "lpt-cleanup" => env!("CARGO_BIN_EXE_lpt-cleanup"),
        "lpt-local" => env!("CARGO_BIN_EXE_lpt-local"),
        other => panic!("no tool is called {other}"),
    }
}

/// The built binary of a function in examples/functions.
pub fn function(name: &str) -> PathBuf {
    let path = PathBuf::from(binary("lpt-local")).with_file_name("examples").join(name);
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    path
}

/// What leads an SDK to `endpoint`, with stand-in credentials.
pub fn variables(endpoint: &str) -> [(&'static str, &str); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]
}

/// What an SDK's client of `endpoint` goes by.
pub fn client_config(endpoint: &str, region: &'static str) -> aws_sdk_lambda::config::Builder {
    aws_sdk_lambda::Config::builder()
        .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(aws_sdk_lambda::config::Region::new(region))
        .credentials_provider(aws_credential_types::Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
}

/// A zip with one executable file in it.
pub fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    archive.start_file(name, options).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap().into_inner()
}

/// A folder of the test's own, gone with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::now_v7().to_string());
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A Lambda service of the test's own.
pub struct Local {
    server: Child,
    endpoint: String,
}

impl Local {
    /// A service with no limit on the control plane, for tests that are not about it.
    pub fn with(functions: &[&str]) -> Local {
        let mut arguments = vec!["--control-plane-rate", "0", "--update-delay-ms", "20"];
        for function in functions {
            arguments.extend(["--function", function]);
        }
        Local::start(&arguments)
    }

    pub fn start(arguments: &[&str]) -> Local {
        let mut server = Command::new(binary("lpt-local"))
            .args(arguments)
            .env_remove("AWS_REGION")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let endpoint = loop {
            let Some(line) = lines.next() else {
                panic!("lpt-local ended before it served: {said:?}");
            };
            let line = line.unwrap();
            if let Some(rest) = line.split("AWS_ENDPOINT_URL=").nth(1) {
                break rest.split(' ').next().unwrap().to_owned();
            }
            said.push(line);
        };
        // Reads on, so that the server never writes into a full or closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Local { server, endpoint }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A tool that talks to this service.
    pub fn tool(&self, name: &str) -> Tool {
        Tool::new(name).towards(&self.endpoint)
    }

    /// An SDK's client of this service, and a runtime to call it in.
    pub fn client(&self) -> (tokio::runtime::Runtime, aws_sdk_lambda::Client) {
        self.client_in("us-east-1")
    }

    /// The same in another region.
    pub fn client_in(&self, region: &'static str) -> (tokio::runtime::Runtime, aws_sdk_lambda::Client) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = client_config(&self.endpoint, region);
        (runtime, aws_sdk_lambda::Client::from_conf(config.build()))
    }

    /// What is in the account.
    pub fn account(&self) -> Account {
        let (runtime, client) = self.client();
        runtime.block_on(async {
            let mut functions = BTreeMap::new();
            let listed = client.list_functions().send().await.unwrap();
            assert!(listed.next_marker().is_none(), "tests have few functions");
            for function in listed.functions() {
                let name = function.function_name().unwrap();
                let mut versions = BTreeSet::new();
                let mut pages =
                    client.list_versions_by_function().function_name(name).into_paginator().items().send();
                while let Some(version) = pages.next().await {
                    let version = version.unwrap();
                    versions.insert((
                        version.version().unwrap().to_owned(),
                        version.memory_size().unwrap(),
                        version.description().unwrap_or_default().to_owned(),
                    ));
                }
                let mut aliases = BTreeSet::new();
                let mut pages = client.list_aliases().function_name(name).into_paginator().items().send();
                while let Some(alias) = pages.next().await {
                    let alias = alias.unwrap();
                    aliases.insert((
                        alias.name().unwrap().to_owned(),
                        alias.function_version().unwrap().to_owned(),
                    ));
                }
                functions.insert(name.to_owned(), Function { versions, aliases });
            }
            Account { functions }
        })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.server), Signal::TERM);
        let _ = self.server.wait();
    }
}

/// An answer with `status` and the error `code`, as Lambda's REST API words it, the connection's last.
fn refusal(status: &str, code: &str, message: &str) -> String {
    let body = format!("{{\"Message\":\"{message}\"}}");
    let head = format!(
        "HTTP/1.1 {status}\r\nx-amzn-ErrorType: {code}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    head + &body
}

/// An endpoint that gives every request the same answer, as no function's state could bring it about.
pub struct Refusing {
    endpoint: String,
}

impl Refusing {
    /// Answers with this status, error and message.
    pub fn with(status: &'static str, code: &'static str, message: &'static str) -> Refusing {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut length = 0;
                for line in BufReader::new(&stream).lines() {
                    let line = line.unwrap().to_ascii_lowercase();
                    if let Some(value) = line.strip_prefix("content-length: ") {
                        length = value.parse::<u64>().unwrap();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                assert!(length < 4096, "the body is in the reader's buffer already");
                // A client that has left does not want it.
                let _ = stream.write_all(refusal(status, code, message).as_bytes());
            }
        });
        Refusing { endpoint }
    }

    /// A tool that talks to this endpoint.
    pub fn tool(&self, name: &str) -> Tool {
        Tool::new(name).towards(&self.endpoint)
    }
}

/// All that a run could change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub functions: BTreeMap<String, Function>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Version, memory, description; `$LATEST` is one of them.
    pub versions: BTreeSet<(String, i32, String)>,
    /// Alias, version.
    pub aliases: BTreeSet<(String, String)>,
}

impl Account {
    /// The memory of `$LATEST`.
    pub fn memory_of(&self, function: &str) -> i32 {
        self.functions[function].versions.iter().find(|(version, ..)| version == "$LATEST").unwrap().1
    }
}

/// A tool to run.
pub struct Tool {
    name: String,
    command: Command,
    input: Stdin,
}

enum Stdin {
    Text(String),
    Nothing,
}

impl Tool {
    /// A tool with nothing of this machine's AWS set-up in its environment.
    pub fn new(name: &str) -> Tool {
        let mut command = Command::new(binary(name));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("AWS_") {
                command.env_remove(variable);
            }
        }
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        Tool { name: name.to_owned(), command, input: Stdin::Nothing }
    }

    /// Leads it to an endpoint, with stand-in credentials and as fast as it can: most services of tests have no limit.
    pub fn towards(self, endpoint: &str) -> Tool {
        let tool = self.env("LPT_CONTROL_PLANE_RATE", "0");
        variables(endpoint).into_iter().fold(tool, |tool, (name, value)| tool.env(name, value))
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Tool {
        self.command.arg(argument);
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Tool {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, variable: &str, value: impl AsRef<OsStr>) -> Tool {
        self.command.env(variable, value);
        self
    }

    pub fn env_remove(mut self, variable: &str) -> Tool {
        self.command.env_remove(variable);
        self
    }

    /// What it reads.
    pub fn stdin(mut self, text: impl Into<String>) -> Tool {
        self.input = Stdin::Text(text.into());
        self
    }

    /// Starts it between two streams; its stderr is for the caller to read.
    pub fn spawn(mut self, input: Stdio, output: Stdio) -> Child {
        self.command.stdin(input).stdout(output).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it to its end, with its output going to `output`.
    pub fn run_into(mut self, output: std::fs::File) -> Ran {
        let output = self.command.stdin(Stdio::null()).stdout(output).output().unwrap();
        Ran::new(self.name, output)
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ran {
        self.command.stdin(match self.input {
            Stdin::Text(_) => Stdio::piped(),
            Stdin::Nothing => Stdio::null(),
        });
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let feeder = child.stdin.take().map(|mut stdin| {
            let Stdin::Text(text) = self.input else { unreachable!("only text is piped") };
            // A tool that refuses its arguments does not read.
            std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())))
        });
        let output = child.wait_with_output().unwrap();
        if let Some(feeder) = feeder {
            feeder.join().unwrap();
        }
        Ran::new(self.name, output)
    }
}

/// Tools joined by real pipes, as a shell joins them.
pub struct Pipe {
    stages: Vec<Stage>,
    output: ChildStdout,
}

struct Stage {
    name: String,
    child: Child,
    stderr: Option<JoinHandle<String>>,
}

impl Pipe {
    /// Starts all of them.
    pub fn start(tools: Vec<Tool>) -> Pipe {
        let mut stages = Vec::new();
        let mut upstream = None;
        for mut tool in tools {
            tool.command.stdin(upstream.take().map_or_else(Stdio::null, |stdout: ChildStdout| stdout.into()));
            let mut child = tool.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            upstream = child.stdout.take();
            let stderr = child.stderr.take().map(read_in_background);
            stages.push(Stage { name: tool.name, child, stderr });
        }
        Pipe { stages, output: upstream.expect("one tool at least") }
    }

    /// Reads the first lines of the pipe's output, and then no more: the reader is gone.
    pub fn read_lines_and_close(&mut self, lines: usize) -> String {
        let (empty, _) = std::io::pipe().unwrap();
        let output = std::mem::replace(&mut self.output, std::os::fd::OwnedFd::from(empty).into());
        let lines = BufReader::new(output).lines().take(lines);
        lines.map(|line| line.unwrap() + "\n").collect()
    }

    /// Sends a signal to each stage that is still there, as Ctrl-C does.
    pub fn signal_all(&self, signal: Signal) {
        for stage in &self.stages {
            let _ = kill_process(Pid::from_child(&stage.child), signal);
        }
    }

    /// Waits for all of them. The last one's output counts as that of the pipe, each has its stderr and exit code.
    pub fn finish(self) -> Vec<Ran> {
        let mut output = String::new();
        BufReader::new(self.output).read_to_string(&mut output).unwrap();
        let last = self.stages.len() - 1;
        let mut ran = Vec::new();
        for (at, mut stage) in self.stages.into_iter().enumerate() {
            let status = stage.child.wait().unwrap();
            let stderr = stage.stderr.take().unwrap().join().unwrap();
            let stdout = if at == last { output.clone() } else { String::new() };
            ran.push(Ran { tool: stage.name, code: status.code(), stdout, stderr });
        }
        ran
    }
}

pub fn read_in_background(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    })
}

/// A tool that has ended.
#[derive(Debug)]
pub struct Ran {
    pub tool: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn new(tool: String, output: Output) -> Ran {
        Ran {
            tool,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It did all that it was to do, and has nothing to warn of.
    #[track_caller]
    pub fn succeeds(self) -> Ran {
        assert_eq!(self.code, Some(0), "{} failed: {}", self.tool, self.stderr);
        assert!(!self.stderr.contains("warning"), "{}", self.stderr);
        self
    }

    /// It failed with `code` and one line that contains each of `words`.
    #[track_caller]
    pub fn fails_with(self, code: i32, words: &[&str]) -> Ran {
        assert_eq!(self.code, Some(code), "{}: {}", self.tool, self.stderr);
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "one line says it: {}", self.stderr);
        assert!(lines[0].starts_with(&format!("{}: ", self.tool)), "{}", lines[0]);
        for word in words {
            assert!(lines[0].contains(word), "no {word:?} in: {}", lines[0]);
        }
        self
    }

    /// Its records, each checked to be one: an object whose first field is its type.
    #[track_caller]
    pub fn records(&self) -> Vec<Value> {
        records(&self.stdout)
    }

    /// Its records of one type.
    #[track_caller]
    pub fn of_type(&self, record_type: &str) -> Vec<Value> {
        let mut records = self.records();
        records.retain(|record| record["type"] == record_type);
        records
    }
}

/// The records in a text.
#[track_caller]
pub fn records(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "a line is cut off: {text}");
    text.lines()
        .map(|line| {
            assert!(line.starts_with("{\"type\":\""), "no record: {line}");
            serde_json::from_str(line).unwrap()
        })
        .collect()
}
