//! Analyzes saved runs beside the engines that people would reach for, DuckDB and polars, on the same files. Prints
//! medians of five pairs that are taken in turn, and the memory that lpt-analyze takes.
//!
//! The engines are asked by benches/engines.py for the query alone, without the start of Python; lpt-analyze is a whole
//! process. Set LPT_PYTHON to a Python that has duckdb and polars; `LPT_BENCH_MILLIONS=10` adds a file of so many
//! million invocations, of which only the memory and the time are taken.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const FUNCTIONS: usize = 50;
const SIZES: [u32; 6] = [128, 256, 512, 1024, 2048, 3008];
const INVOCATIONS: usize = 2_000_000;
const PAIRS: usize = 5;

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("saved-runs");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let ndjson = folder.join("runs.ndjson");
    write_runs(&ndjson, INVOCATIONS);
    let parquet = folder.join("runs.parquet");
    let _ = std::fs::remove_file(&parquet);
    let converted = Command::new(env!("CARGO_BIN_EXE_lpt-import"))
        .args(["--quiet", "--to", "parquet", "--output"])
        .args([&parquet, &ndjson])
        .status();
    assert!(converted.is_ok_and(|status| status.success()), "the runs can be converted");
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len()) as f64 / 1e9;
    println!(
        "{INVOCATIONS} invocations in {} groups: {:.2} GB of NDJSON, {:.3} GB of Parquet; {cores} threads; seconds\n",
        FUNCTIONS * SIZES.len(),
        size(&ndjson),
        size(&parquet)
    );
    println!(
        "{:<28} {:>8} {:>20} {:>8} {:>14}",
        "statistics of all groups", "lpt", "other", "", "times as fast"
    );
    for (form, file) in [("NDJSON", &ndjson), ("Parquet", &parquet)] {
        for (engine, what) in [("duckdb", ""), ("duckdb", "distinct"), ("polars", ""), ("polars", "distinct")]
        {
            compare(form, file, engine, what, &cores);
        }
        println!();
    }
    let mut floor: Vec<f64> = (0..PAIRS).map(|_| read_alone(&ndjson)).collect();
    println!("reading that NDJSON in blocks, one thread, and nothing else: {:.3} s", median(&mut floor));

    let small = folder.join("small.ndjson");
    write_runs(&small, 300);
    let mut times: Vec<f64> = (0..4 * PAIRS).map(|_| analyze(&small)).collect();
    let mut version: Vec<f64> =
        (0..4 * PAIRS).map(|_| seconds(Command::new(LPT_ANALYZE).arg("--version"))).collect();
    println!(
        "300 invocations, from the start of the process to its end: {:.1} ms; --version: {:.1} ms",
        1e3 * median(&mut times),
        1e3 * median(&mut version)
    );
    println!("\n{:>12} {:>10} {:>14}", "invocations", "seconds", "peak MB (10^6)");
    let millions =
        std::env::var("LPT_BENCH_MILLIONS").ok().and_then(|millions| millions.parse::<usize>().ok());
    for count in [Some(INVOCATIONS), millions.map(|millions| millions * 1_000_000)].into_iter().flatten() {
        let file = if count == INVOCATIONS { ndjson.clone() } else { folder.join("many.ndjson") };
        if count != INVOCATIONS {
            write_runs(&file, count);
        }
        let (seconds, peak) = peak_of(&file);
        println!("{count:>12} {seconds:>10.2} {peak:>14.0}");
    }
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

const LPT_ANALYZE: &str = env!("CARGO_BIN_EXE_lpt-analyze");

fn seconds(command: &mut Command) -> f64 {
    let begun = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it starts");
    assert!(status.success(), "{command:?}");
    begun.elapsed().as_secs_f64()
}

fn analyze(file: &Path) -> f64 {
    seconds(Command::new(LPT_ANALYZE).arg(file))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn python() -> String {
    std::env::var("LPT_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn compare(form: &str, file: &Path, engine: &str, what: &str, cores: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/engines.py");
    let ask = || {
        let mut command = Command::new(python());
        command
            .arg(&script)
            .arg(engine)
            .arg(file)
            .arg(cores)
            .args(Some(what).filter(|what| !what.is_empty()));
        let output = command.output().ok().filter(|output| output.status.success())?;
        let answer = String::from_utf8(output.stdout).ok()?;
        let [version, groups, seconds] = answer.split_whitespace().collect::<Vec<_>>()[..] else {
            return None;
        };
        assert_eq!(groups.parse(), Ok(FUNCTIONS * SIZES.len()), "{engine} has the same groups");
        Some((version.to_owned(), seconds.parse::<f64>().ok()?))
    };
    let (mut ours, mut theirs, mut version) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..PAIRS {
        ours.push(analyze(file));
        match ask() {
            Some((its_version, seconds)) => {
                version = its_version;
                theirs.push(seconds);
            }
            None => {
                println!("{form:<28} skipped: {} can't import {engine}, see LPT_PYTHON", python());
                return;
            }
        }
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let name = format!("{engine} {version}{}{what}", if what.is_empty() { "" } else { ", " });
    println!("{form:<28} {ours:>8.3} {name:>20} {theirs:>8.3} {:>14.2}", theirs / ours);
}

/// Reads a file in blocks of a megabyte.
fn read_alone(file: &Path) -> f64 {
    let begun = Instant::now();
    let mut file = File::open(file).expect("it was written");
    let mut block = vec![0; 1 << 20];
    while file.read(&mut block).expect("it can be read") > 0 {}
    begun.elapsed().as_secs_f64()
}

/// Returns the seconds and the peak of resident memory, in millions of bytes.
fn peak_of(file: &Path) -> (f64, f64) {
    let script = "import resource, subprocess, sys, time\n\
        begun = time.perf_counter()\n\
        subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)\n\
        print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)";
    let output = Command::new("python3")
        .args(["-c", script, LPT_ANALYZE])
        .arg(file)
        .output()
        .expect("python3 is here");
    let text = String::from_utf8(output.stdout).expect("numbers");
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    (numbers[0], numbers[1])
}

/// Writes runs as lpt-invoke does: one function after another, its sizes in turn as their invocations end.
fn write_runs(path: &PathBuf, invocations: usize) {
    let mut random = fastrand::Rng::with_seed(1);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).expect("the folder can be written"));
    for function in 0..FUNCTIONS {
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:orders-{function}");
        let run = format!("01a2074c9c607396b384c6f5{:08x}", random.u32(..));
        let mut indexes = [0_u32; SIZES.len()];
        for (size, memory) in SIZES.iter().enumerate() {
            let version = size + 2;
            writeln!(file, r#"{{"type":"configuration","runId":"{run}","functionArn":"{arn}","architecture":"x86_64","memorySizeMB":{memory},"alias":"lpt-{run}-{memory}","state":"ready","version":"{version}"}}"#)
                .expect("the disk has room");
        }
        for number in 0..invocations / FUNCTIONS {
            let size = random.usize(..SIZES.len());
            let (memory, index) = (SIZES[size], indexes[size]);
            indexes[size] += 1;
            let duration = (2e5 / f64::from(memory) * (1.0 + 0.2 * random.f64()) * 100.0).round() / 100.0;
            let cold = random.u8(..) < 3;
            let init = (1e4 * (1.0 + random.f64())).round() / 100.0;
            let billed = (duration + if cold { init } else { 0.0 }).ceil();
            let ms = number * 37 % 86_400_000;
            let (hour, minute, second, milli) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
            let id = random.u128(..);
            let id = format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                id as u32,
                (id >> 32) as u16,
                id >> 48 & 0xfff,
                id >> 64 & 0xfff,
                id >> 80
            );
            let client = duration + 12.0 + random.f64();
            let used = 60 + random.u8(..9);
            let init = if cold { format!(r#""initDurationMs":{init},"#) } else { String::new() };
            let version = size + 2;
            writeln!(file, r#"{{"type":"invocation","runId":"{run}","functionArn":"{arn}","version":"{version}","alias":"lpt-{run}-{memory}","architecture":"x86_64","memorySizeMB":{memory},"index":{index},"payloadIndex":0,"startedAt":"2026-11-23T{hour:02}:{minute:02}:{second:02}.{milli:03}Z","requestId":"{id}","outcome":"ok","coldStart":{cold},"durationMs":{duration},{init}"billedDurationMs":{billed},"maxMemoryUsedMB":{used},"clientDurationMs":{client},"attempts":1}}"#)
                .expect("the disk has room");
        }
    }
    writeln!(file, r#"{{"type":"end","tool":"lpt-invoke","records":{invocations},"status":"complete"}}"#)
        .expect("the disk has room");
    file.flush().expect("the disk has room");
}
