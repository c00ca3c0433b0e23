//! Runs fifty functions with six sizes each through the whole pipe, on lpt-local with the default limits of
//! an account at AWS: 15 requests per second to the control plane, 1,000 concurrent invocations. Prints for
//! each tool how long it takes, how many requests it sends, how many of them count against the 15, and how many
//! are throttled or fail. Invocations and GetFunction have quotas of their own.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

const FUNCTIONS: u32 = 50;
const SIZES: u32 = 6;
const NUM: &str = "5";

fn main() {
    let local = env!("CARGO_BIN_EXE_lpt-local");
    let bin = Path::new(local).parent().expect("a binary has a folder");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let path = std::env::var("PATH").unwrap_or_default();
    let names: Vec<String> = (0..FUNCTIONS).map(|number| format!("f{number}")).collect();
    // The tools run one after another, so that each is timed alone. In a pipe they do the same work.
    let script = format!(
        "step() {{
             tool=$1; shift
             date +%s.%N > $tool.begun; $tool \"$@\" 2> $tool.log; echo $? > $tool.exit; date +%s.%N > $tool.ended
         }}
         step lpt-prepare -v --num {NUM} {} > prepared
         step lpt-invoke -v prepared > invoked
         step lpt-analyze invoked > analyzed
         step lpt-select analyzed > selected
         step lpt-cleanup -v selected > cleaned",
        names.join(" ")
    );
    let mut service = Command::new(local);
    // A change takes about this long at AWS.
    service.args(["--update-delay-ms", "1500", "--cpu", "unlimited"]);
    for name in &names {
        service.arg("--function").arg(format!("{name}={}", bin.join("examples/echo").display()));
    }
    let begun = Instant::now();
    let status = service
        .args(["--", "sh", "-c", &script])
        .current_dir(&folder)
        .env("PATH", format!("{}:{path}", bin.display()))
        .env_remove("LPT_CONTROL_PLANE_RATE")
        .stderr(Stdio::null())
        .status()
        .expect("lpt-local starts");
    let seconds = begun.elapsed().as_secs_f64();

    let read = |name: String| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    println!("{FUNCTIONS} functions, {SIZES} sizes, {NUM} invocations a size; changes take 1.5 s\n");
    println!(
        "{:<12} {:>8} {:>9} {:>14} {:>14} {:>10} {:>9} {:>5}",
        "tool", "seconds", "requests", "control plane", "for a version", "throttled", "warnings", "exit"
    );
    for tool in ["lpt-prepare", "lpt-invoke", "lpt-analyze", "lpt-select", "lpt-cleanup"] {
        let log = read(format!("{tool}.log"));
        let requests: Vec<&str> =
            log.lines().filter(|line| line.contains(": lambda:") && line.ends_with(" ms")).collect();
        let is_apart = |line: &str| {
            line.contains(": lambda:InvokeFunction: ") || line.contains(": lambda:GetFunction: ")
        };
        let control_plane = requests.iter().filter(|line| !is_apart(line)).count();
        let throttled = requests.iter().filter(|line| line.contains("TooManyRequests")).count();
        let warnings = log.matches(": warning: ").count();
        // An error ends a tool with another exit code than 0.
        let exit = read(format!("{tool}.exit"));
        let at = |when: &str| read(format!("{tool}.{when}")).trim().parse().unwrap_or(f64::NAN);
        println!(
            "{tool:<12} {:>8.1} {:>9} {control_plane:>14} {:>14.1} {throttled:>10} {warnings:>9} {:>5}",
            at("ended") - at("begun"),
            requests.len(),
            control_plane as f64 / f64::from(FUNCTIONS * SIZES),
            exit.trim(),
        );
    }
    let records = |name: &str, record_type: &str| -> Vec<Value> {
        let text = read(name.to_owned());
        let records = text.lines().map(|line| serde_json::from_str(line).expect("the tools write records"));
        records.filter(|record: &Value| record["type"] == record_type).collect()
    };
    let invocations = records("invoked", "invocation");
    let usable = invocations.iter().filter(|invocation| invocation["outcome"] == "ok").count();
    let cleaned = records("cleaned", "cleaned");
    let deleted: usize =
        cleaned.iter().filter_map(|cleaned| cleaned["versionsDeleted"].as_array()).map(Vec::len).sum();
    let left: usize = cleaned.iter().filter_map(|cleaned| cleaned["left"].as_array()).map(Vec::len).sum();
    println!(
        "\n{usable} of {} invocations usable, {} selections, {deleted} versions deleted, {left} left, {status}, {seconds:.0} s in all",
        invocations.len(),
        records("selected", "selection").len(),
    );
}
