//! Measures how exactly lpt-local gives a function the CPU share of its memory. The tools measure the
//! CPU-bound function at several sizes side by side in one run; the ratio is duration × memory relative to
//! that at 1,024 MB. 1.00 is exact.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

const SIZES: &str = "128,256,512,1024";
const NUM: &str = "20";

fn main() {
    println!("CPU-bound function, {NUM} invocations a size, sizes side by side; median duration in ms,");
    println!("and duration x memory as a ratio of that at 1024 MB (1.00 is in proportion to 1/memory)\n");
    println!("{:<12} {:>8} {:>10} {:>8}", "cpu", "MB", "median", "ratio");
    for throttle in ["cgroup", "duty-cycle"] {
        match medians(throttle) {
            Ok(medians) => {
                let reference = medians[&1024] * 1024.0;
                for (memory, median) in &medians {
                    let ratio = median * *memory as f64 / reference;
                    println!("{throttle:<12} {memory:>8} {median:>10.1} {ratio:>8.2}");
                }
            }
            Err(why) => println!("{throttle:<12} not measured: {why}"),
        }
    }
}

/// Returns the median duration of warm invocations in ms, by size in MB.
fn medians(throttle: &str) -> Result<BTreeMap<u64, f64>, String> {
    let local = env!("CARGO_BIN_EXE_lpt-local");
    let bin = std::path::Path::new(local).parent().ok_or("a binary has a folder")?;
    let path = std::env::var("PATH").map_err(|error| error.to_string())?;
    let script = format!(
        "lpt-prepare --power-values {SIZES} --num {NUM} f | lpt-invoke | lpt-analyze --starts warm | lpt-cleanup"
    );
    let output = Command::new(local)
        .args(["--cpu", throttle, "--function"])
        .arg(format!("f={}", bin.join("examples/cpu-bound").display()))
        .args(["--", "sh", "-c", &script])
        .env("PATH", format!("{}:{path}", bin.display()))
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let records =
        text.lines().map(|line| serde_json::from_str::<Value>(line).expect("the tools write records"));
    let medians: BTreeMap<u64, f64> = records
        .filter(|record| record["type"] == "statistics")
        .filter_map(|record| Some((record["memorySizeMB"].as_u64()?, record["p50DurationMs"].as_f64()?)))
        .collect();
    if medians.contains_key(&1024) {
        Ok(medians)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
