//! The tools as processes, alone and joined by pipes.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::terminal::Terminal;
use super::{binary, records, variables};

/// A tool to run.
pub struct Tool {
    name: String,
    command: Command,
    input: Stdin,
}

enum Stdin {
    Bytes(Vec<u8>),
    Nothing,
}

impl Tool {
    /// Returns a tool with nothing of this machine's AWS set-up and proxies in its environment.
    pub fn new(name: &str) -> Tool {
        let mut command = Command::new(binary(name));
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy().to_ascii_uppercase();
            if name.starts_with("AWS_") || name.ends_with("_PROXY") {
                command.env_remove(variable);
            }
        }
        command
            .env("TERM", "xterm")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        Tool { name: name.to_owned(), command, input: Stdin::Nothing }
    }

    /// Leads the tool to an endpoint, with stand-in credentials and without a pace: most services of tests have no limit.
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

    /// Runs the tool in a folder.
    pub fn within(mut self, folder: &super::Folder) -> Tool {
        self.command.current_dir(folder.path(""));
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

    /// Sets what it reads.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Tool {
        self.input = Stdin::Bytes(bytes.into());
        self
    }

    /// Starts the tool between two streams; the caller reads its stderr.
    pub fn spawn(mut self, input: Stdio, output: Stdio) -> Child {
        self.command.stdin(input).stdout(output).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the tool to its end, with `output` for its output.
    pub fn run_into(mut self, output: std::fs::File) -> Ran {
        let output = self.command.stdin(Stdio::null()).stdout(output).output().unwrap();
        Ran::new(self.name, output)
    }

    /// Runs the tool to its end, with stderr at a terminal that shows no colour.
    pub fn run_watched(mut self) -> Ran {
        let terminal = Terminal::new();
        self.command.env("TERM", "dumb").stdout(Stdio::piped()).stderr(terminal.stream());
        let ran = self.feed();
        Ran { stderr: terminal.text(), ..ran }
    }

    /// Runs the tool to its end, with stdout and stderr at a terminal. What it shows is its output.
    pub fn run_at_terminal(mut self) -> Ran {
        let terminal = Terminal::new();
        self.command.stdout(terminal.stream()).stderr(terminal.stream());
        let ran = self.feed();
        Ran { stdout: terminal.text(), ..ran }
    }

    /// Runs the tool to its end.
    pub fn run(mut self) -> Ran {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.feed()
    }

    /// Starts the tool, writes its input and waits for its end.
    fn feed(mut self) -> Ran {
        self.command.stdin(match self.input {
            Stdin::Bytes(_) => Stdio::piped(),
            Stdin::Nothing => Stdio::null(),
        });
        let mut child = self.command.spawn().unwrap();
        // It holds the ends of a terminal.
        drop(self.command);
        let feeder = child.stdin.take().map(|mut stdin| {
            let Stdin::Bytes(bytes) = self.input else { unreachable!("only bytes are piped") };
            // A tool that refuses its arguments does not read.
            std::thread::spawn(move || drop(stdin.write_all(&bytes)))
        });
        let output = child.wait_with_output().unwrap();
        if let Some(feeder) = feeder {
            feeder.join().unwrap();
        }
        Ran::new(self.name, output)
    }
}

/// Returns a shell's command that finds the tools, and the service at `endpoint`.
pub fn shell(command: &[&str], endpoint: &str) -> Command {
    let bin = std::path::Path::new(binary("lpt-prepare")).parent().unwrap();
    let mut shell = Command::new(command[0]);
    shell
        .args(&command[1..])
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .envs(variables(endpoint))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell
}

/// Tools joined by real pipes, as a shell joins them.
pub struct Pipe {
    stages: Vec<Stage>,
    /// Gone where its reader is.
    output: Option<BufReader<ChildStdout>>,
}

struct Stage {
    name: String,
    child: Child,
    stderr: Option<JoinHandle<String>>,
}

impl Pipe {
    /// Starts all the tools.
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
        Pipe { stages, output: Some(BufReader::new(upstream.expect("one tool at least"))) }
    }

    /// Reads the first lines of the pipe's output, and closes it: the reader is gone.
    pub fn read_lines_and_close(&mut self, lines: usize) -> String {
        let output = self.output.take().expect("it is closed once");
        output.lines().take(lines).map(|line| line.unwrap() + "\n").collect()
    }

    /// Reads the pipe's output up to the first line that contains `word`, with that line.
    pub fn read_until(&mut self, word: &str) -> String {
        let output = self.output.as_mut().expect("it is not closed");
        let mut text = String::new();
        let mut start = 0;
        while !text[start..].contains(word) {
            start = text.len();
            assert!(output.read_line(&mut text).unwrap() > 0, "the pipe ends without {word}: {text}");
        }
        text
    }

    /// Sends a signal to each stage that is still there, as Ctrl-C does.
    pub fn signal_all(&self, signal: Signal) {
        for stage in &self.stages {
            let _ = kill_process(Pid::from_child(&stage.child), signal);
        }
    }

    /// Whether all the tools have ended.
    pub fn has_ended(&mut self) -> bool {
        self.stages.iter_mut().all(|stage| stage.child.try_wait().unwrap().is_some())
    }

    /// Waits for all the tools. The output of the pipe is the last one's.
    pub fn finish(self) -> Vec<Ran> {
        let mut output = String::new();
        if let Some(mut rest) = self.output {
            rest.read_to_string(&mut output).unwrap();
        }
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

    /// Asserts that the tool did all that it was to do, and had nothing to warn of.
    #[track_caller]
    pub fn succeeds(self) -> Ran {
        assert_eq!(self.code, Some(0), "{} failed: {}", self.tool, self.stderr);
        assert!(!self.stderr.contains("warning"), "{}", self.stderr);
        self
    }

    /// Asserts that lpt-cleanup left nothing, and ended with the exit code of the pipe before it.
    #[track_caller]
    pub fn cleans_up_after(self, code: Option<i32>) -> Ran {
        assert_eq!(self.code, code, "{}: {}", self.tool, self.stderr);
        assert!(
            self.of_type("cleaned").iter().all(|record| record["left"] == serde_json::json!([])),
            "{}",
            self.stdout
        );
        self
    }

    /// Asserts that the tool failed with `code`, and with one line that contains each of `words`.
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

    /// Returns its records, each checked to be one.
    #[track_caller]
    pub fn records(&self) -> Vec<Value> {
        records::parse(&self.stdout)
    }

    /// Returns when its invocations began, in milliseconds.
    #[track_caller]
    pub fn starts(&self) -> Vec<i128> {
        let start = |invocation: &Value| {
            let text = invocation["startedAt"].as_str().unwrap();
            let start = OffsetDateTime::parse(text, &Rfc3339).unwrap();
            start.unix_timestamp_nanos() / 1_000_000
        };
        self.of_type("invocation").iter().map(start).collect()
    }

    /// Returns its records of one type.
    #[track_caller]
    pub fn of_type(&self, record_type: &str) -> Vec<Value> {
        let mut records = self.records();
        records.retain(|record| record["type"] == record_type);
        records
    }
}
