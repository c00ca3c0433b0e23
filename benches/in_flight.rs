//! Measures the memory that lpt-invoke needs for an invocation in flight: its peak resident memory by
//! `--concurrency`, `--num` and the size of the payload, against lpt-local with as many processes of a
//! function that waits. Also counts whether each invocation has one record, and how often it was throttled.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

mod service;

use service::{FUNCTION, Service};

/// Concurrency, number of invocations, bytes of payload, concurrency limit of lpt-local, and wait of the
/// function in ms.
const CASES: [(u32, u32, usize, u32, u32); 10] = [
    (1, 1_000, 0, 1000, 0),
    (1, 10_000, 0, 1000, 0),
    (100, 1_000, 0, 1000, 50),
    (100, 10_000, 0, 1000, 50),
    (1000, 1_000, 0, 1000, 500),
    (1000, 5_000, 0, 1000, 500),
    (1000, 10_000, 0, 1000, 500),
    (1000, 2_000, 0, 500, 100),
    (1, 10, 1_000_000, 1000, 500),
    (100, 100, 1_000_000, 1000, 500),
];

struct Measured {
    peak_kib: u64,
    seconds: f64,
    records: usize,
    distinct: usize,
    usable: usize,
    repeated: u64,
}

fn main() {
    println!(
        "{:>11} {:>7} {:>9} {:>7} {:>9} {:>8} {:>8} {:>9} {:>9} {:>11}",
        "concurrency",
        "num",
        "payload",
        "places",
        "records",
        "distinct",
        "usable",
        "repeated",
        "seconds",
        "peak MiB"
    );
    let mut least: Option<u64> = None;
    for case @ (concurrency, num, payload, places, _) in CASES {
        let measured = measure(case);
        println!(
            "{concurrency:>11} {num:>7} {payload:>9} {places:>7} {:>9} {:>8} {:>8} {:>9} {:>9.1} {:>11.1}",
            measured.records,
            measured.distinct,
            measured.usable,
            measured.repeated,
            measured.seconds,
            measured.peak_kib as f64 / 1024.0
        );
        let least = *least.get_or_insert(measured.peak_kib);
        if concurrency > 1 && payload == 0 {
            let each = measured.peak_kib.saturating_sub(least) as f64 / f64::from(concurrency - 1);
            println!("{:>42} {each:.1} KiB for each in flight", "");
        }
    }
}

fn measure((concurrency, num, payload, places, wait): (u32, u32, usize, u32, u32)) -> Measured {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str| File::create(folder.join(name)).expect("the target folder can be written");
    let event = format!("{{\"waitMs\":{wait},\"filler\":\"{}\"}}", "x".repeat(payload));
    std::fs::write(folder.join("event.json"), event).expect("the target folder can be written");
    let service = Service::start(&["--control-plane-rate", "0", "--concurrency", &places.to_string()]);
    let tool = |tool: &str| {
        let mut command = Command::new(tool);
        command.envs(service.variables.iter().cloned());
        command
    };
    tool(env!("CARGO_BIN_EXE_lpt-prepare"))
        .args(["--power-values", "128", "--control-plane-rate", "0", FUNCTION])
        .stdout(file("plan.ndjson"))
        .status()
        .expect("lpt-prepare starts");
    let begun = Instant::now();
    let mut invoke = tool(env!("CARGO_BIN_EXE_lpt-invoke"))
        .args(["--quiet", "--parallel", "--concurrency", &concurrency.to_string(), "--num", &num.to_string()])
        .args(["--payload-file", "event.json", "plan.ndjson"])
        .current_dir(folder)
        .stdout(file("runs.ndjson"))
        .spawn()
        .expect("lpt-invoke starts");
    let peak_kib = peak(&mut invoke);
    let seconds = begun.elapsed().as_secs_f64();

    let runs = std::fs::read_to_string(folder.join("runs.ndjson")).expect("lpt-invoke wrote it");
    let records = runs.lines().map(|line| serde_json::from_str(line).expect("the tools write records"));
    let invocations: Vec<Value> = records.filter(|record: &Value| record["type"] == "invocation").collect();
    let attempts = invocations.iter().filter_map(|invocation| invocation["attempts"].as_u64());
    Measured {
        peak_kib,
        seconds,
        records: invocations.len(),
        distinct: invocations.iter().map(|invocation| &invocation["index"]).collect::<HashSet<_>>().len(),
        usable: invocations.iter().filter(|invocation| invocation["outcome"] == "ok").count(),
        repeated: attempts.map(|attempts| attempts - 1).sum(),
    }
}

/// Returns the peak resident memory of a process in KiB: the kernel's value, last read before the process
/// ends.
fn peak(process: &mut Child) -> u64 {
    let mut peak = 0;
    while process.try_wait().expect("it is our child").is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(10));
    }
    peak
}
