//! The engines that people have: Spark, DuckDB and polars on saved runs, by the examples as they are.
//!
//! CI installs them; elsewhere the tests say that they are skipped.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::common::records::{Record, arn, configuration, end, invocation, lines, plan};
use crate::common::{Folder, Tool, binary, is_required, python_with};

const FUNCTIONS: [&str; 7] = ["orders", "users", "images", "search", "mail", "stock", "f"];

/// The longest that Spark may take, so that a test ends.
const PATIENCE: Duration = Duration::from_secs(180);

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

/// Returns the folder of Spark, if it and Java are here.
fn spark() -> Option<PathBuf> {
    if !python_with("pyspark") {
        return None;
    }
    let has_java = Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success());
    if !has_java {
        assert!(!is_required(), "java is not here");
        println!("skipped: java is not here");
        return None;
    }
    let script = "import pyspark; print(pyspark.__path__[0], end='')";
    let output = Command::new("python3").args(["-c", script]).output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap().into())
}

/// Returns a command of Spark that keeps to this machine.
fn command(spark: &Path, program: &str) -> Command {
    let mut command = Command::new(spark.join("bin").join(program));
    command.env("SPARK_HOME", spark).env("SPARK_LOCAL_IP", "127.0.0.1").env("PYSPARK_PYTHON", "python3");
    command
}

/// Ends a process with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a process, and ends it if it takes too long.
fn wait(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        Command::new("kill").arg(id.to_string()).status().unwrap();
        panic!("it takes more than {PATIENCE:?}")
    })
}

/// Runs the example on files or folders of records.
fn submit(spark: &Path, master: &str, lpt_analyze: &str, records: &[&Path], output: &Path) -> Output {
    let conf = ["spark.ui.enabled=false", "spark.log.level=WARN", "spark.sql.shuffle.partitions=8"];
    let conf = conf.iter().flat_map(|conf| ["--conf", conf]);
    wait(
        command(spark, "spark-submit")
            .env("LPT_ANALYZE", lpt_analyze)
            .args(["--master", master])
            .args(conf)
            .arg(example("spark/analyze.py"))
            .args(records)
            .arg(output),
    )
}

/// Returns the stream in a folder that Spark has written, whose files each end with an `end` record.
fn stream_in(folder: &Path) -> String {
    assert!(folder.join("_SUCCESS").exists(), "it is not whole");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let parts = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("part-"));
    parts.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Writes a program that stands for lpt-analyze, and becomes it when another one has begun meanwhile. If that does not
/// happen it fails.
fn meeting(folder: &Folder) -> String {
    let begun = folder.path("begun");
    std::fs::create_dir(&begun).unwrap();
    let script = format!(
        "#!/bin/sh\n: > '{begun}/'$$\ntries=0\nuntil [ $(ls '{begun}' | wc -l) -ge 2 ]; do\n\
         tries=$((tries + 1)); [ $tries -lt 600 ] || exit 1; sleep 0.1; done\nexec '{analyze}' \"$@\"\n",
        begun = begun.display(),
        analyze = binary("lpt-analyze"),
    );
    let program = folder.file("meeting.sh", &script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program.display().to_string()
}

/// Returns the lines that are not end records, sorted.
fn sorted(stream: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = stream.lines().filter(|line| !line.contains("\"type\":\"end\"")).collect();
    lines.sort_unstable();
    lines
}

/// Writes records of several functions, with their plans.
fn many_records(folder: &Folder, count: u32) -> PathBuf {
    let versions = FUNCTIONS.into_iter().flat_map(|function| {
        let states = ["creating", "ready"].map(|state| configuration(function).with("state", state));
        std::iter::once(plan(function)).chain(states)
    });
    let invocations = (0..count).map(|number| {
        let function = FUNCTIONS[number as usize % FUNCTIONS.len()];
        let memory = [128, 512, 1024, 3008][number as usize / 7 % 4];
        invocation(function)
            .memory(memory)
            .duration(f64::from(number.wrapping_mul(2_654_435_761) % 100_000) / 100.0)
            .with("requestId", format!("request-{number}"))
    });
    folder.file("runs.ndjson", &lines(versions.chain(invocations).chain([end("lpt-invoke")])))
}

#[test]
fn spark_gives_the_same_as_one_process_and_analyzes_functions_side_by_side() {
    let Some(spark) = spark() else {
        return;
    };
    let folder = Folder::new();
    let runs = many_records(&folder, 100_000);
    let one = Tool::new("lpt-analyze").arg(&runs).run().succeeds();
    let output = folder.path("statistics");
    let ran = submit(&spark, "local[4]", &meeting(&folder), &[&runs], &output);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(sorted(&stream_in(&output)), sorted(&one.stdout));
    let selected = Tool::new("lpt-select").arg(&output).run().succeeds();
    assert_eq!(selected.of_type("selection").len(), FUNCTIONS.len());
}

/// The records that pass through are written anew from their columns.
#[test]
fn spark_reads_the_folders_of_a_partition_in_parquet() {
    let Some(spark) = spark() else {
        return;
    };
    let folder = Folder::new();
    let of_commit =
        |record: Record| record.with("tag.commit", "0dd1e").with("startedAt", "2026-11-27T06:00:00.000Z");
    let runs = ["orders", "users"].map(|function| of_commit(invocation(function).duration(0.1)));
    let runs = folder.file("runs.ndjson", &lines(runs.into_iter().chain([end("lpt-invoke")])));
    let tables = folder.path("runs");
    let import = ["--to", "parquet", "--partition-by", "functionArn,date", "--output"];
    Tool::new("lpt-import").args(import).args([&tables, &runs]).run().succeeds();
    let (by_commit, output) = (["--group-by", "tag.commit"], folder.path("statistics"));
    let one = Tool::new("lpt-analyze").args(by_commit).arg(&runs).run().succeeds();
    let [separator, flag, field] = ["--", by_commit[0], by_commit[1]].map(Path::new);
    let ran = wait(
        command(&spark, "spark-submit")
            .env("LPT_ANALYZE", binary("lpt-analyze"))
            .args(["--master", "local[2]", "--conf", "spark.ui.enabled=false"])
            .arg(example("spark/analyze.py"))
            .args([&tables, &output])
            .args([separator, flag, field]),
    );
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(sorted(&stream_in(&output)), sorted(&one.stdout));
}

#[test]
fn spark_gives_the_same_on_a_master_with_two_workers() {
    let Some(spark) = spark() else {
        return;
    };
    let folder = Folder::new();
    let runs = many_records(&folder, 100_000);
    let one = Tool::new("lpt-analyze").arg(&runs).run().succeeds();
    let compressed = folder.path("runs.ndjson.gz");
    let mut gzip = GzEncoder::new(File::create(&compressed).unwrap(), Compression::fast());
    gzip.write_all(&std::fs::read(&runs).unwrap()).unwrap();
    gzip.finish().unwrap();
    let start = |arguments: &[&str]| {
        let mut command = command(&spark, "spark-class");
        command.args(arguments).env("SPARK_WORKER_DIR", folder.path("work"));
        // A worker's programs are in its own environment, and not in that of the driver.
        command.env("LPT_ANALYZE", binary("lpt-analyze"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        (Ends(child), log)
    };
    let (_master, mut log) = start(&[
        "org.apache.spark.deploy.master.Master",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--webui-port",
        "0",
    ]);
    let begun = Instant::now();
    let master = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0 && begun.elapsed() < PATIENCE, "no master");
        if let Some((_, address)) = line.split_once("Starting Spark master at ") {
            break address.trim().to_owned();
        }
    };
    // What else they say must not fill the pipe.
    std::thread::spawn(move || log.lines().for_each(drop));
    let worker = [
        "org.apache.spark.deploy.worker.Worker",
        "--cores",
        "2",
        "--memory",
        "1g",
        "--host",
        "127.0.0.1",
        "--webui-port",
        "0",
    ];
    let _workers = [(); 2].map(|()| {
        let (worker, log) = start(&[&worker[..], &[&*master]].concat());
        std::thread::spawn(move || log.lines().for_each(drop));
        worker
    });
    let output = folder.path("statistics");
    let ran = submit(&spark, &master, "not the driver's", &[&compressed], &output);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(sorted(&stream_in(&output)), sorted(&one.stdout));
}

/// What the driver says is on stdout, where spark-submit puts it.
#[test]
fn a_function_that_fails_in_spark_fails_the_job_and_is_named() {
    let Some(spark) = spark() else {
        return;
    };
    let folder = Folder::new();
    let bad = invocation("images").with("durationMs", "fast");
    let runs = folder.file("runs.ndjson", &lines([invocation("orders"), bad, end("lpt-invoke")]));
    let output = folder.path("statistics");
    let ran = submit(&spark, "local[2]", binary("lpt-analyze"), &[&runs], &output);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.starts_with(&format!("{}: lpt-analyze: stdin:1: durationMs: ", arn("images"))), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!output.join("_SUCCESS").exists());
}

#[test]
fn a_function_without_a_price_leaves_the_others_whole_in_spark() {
    let Some(spark) = spark() else {
        return;
    };
    let folder = Folder::new();
    let unpriced = invocation("images").region("xx-none-1");
    let runs = folder.file("runs.ndjson", &lines([unpriced, invocation("orders"), end("lpt-invoke")]));
    let output = folder.path("statistics");
    let ran = submit(&spark, "local[2]", binary("lpt-analyze"), &[&runs], &output);
    assert_eq!(ran.status.code(), Some(3), "{ran:?}");
    assert!(String::from_utf8_lossy(&ran.stderr).contains("no price for compute in xx-none-1"), "{ran:?}");
    let one = Tool::new("lpt-analyze").arg(&runs).run();
    assert_eq!((one.code, sorted(&stream_in(&output))), (Some(3), sorted(&one.stdout)));
    let selected = Tool::new("lpt-select").arg(&output).run();
    assert_eq!(selected.of_type("end")[0]["partly"], true);
}

/// Both answer the same questions, with the same figures as lpt-analyze.
#[test]
fn the_questions_of_duckdb_and_polars_are_answered() {
    if !python_with("duckdb") || !python_with("polars") {
        return;
    }
    let folder = Folder::new();
    let of_month = |month: u32, factor: f64| {
        (0..40_u32).map(move |number| {
            let invocation = invocation("orders")
                .memory([512, 1024][number as usize % 2])
                .duration(f64::from(100 + number) * factor);
            let id = format!("{month}-{number}");
            // Some are known by their run and index, as those of a tail without a request id.
            let known = match number % 3 {
                0 => invocation.with("runId", id).with("index", number),
                _ => invocation.with("requestId", id),
            };
            known.with("startedAt", format!("2026-{month:02}-07T06:00:00.000Z"))
        })
    };
    let runs = lines(of_month(10, 1.0).chain(of_month(11, 1.5)).chain([end("lpt-invoke")]));
    let runs = folder.file("runs.ndjson", &runs);
    // Once more, because an invocation counts once.
    let import = ["--to", "parquet", "--partition-by", "functionArn,date", "--output"];
    Tool::new("lpt-import").args(import).args([&folder.path("runs"), &runs, &runs]).run().succeeds();
    let python = |arguments: &[&str]| {
        let output = wait(Command::new("python3").args(arguments).current_dir(folder.path("")));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let analyzed = Tool::new("lpt-analyze").args(["--discard-top-bottom", "0"]).arg(&runs).run().succeeds();
    let of_512 = &analyzed.of_type("statistics")[0];
    let p95 = of_512["p95DurationMs"].as_f64().unwrap();
    let cost = of_512["averageCost"].as_f64().unwrap() * 1e6;
    for query in ["cost-and-p95-by-size", "moved-since-last-month"] {
        let file = example(&format!("duckdb/{query}.sql"));
        let script = "import duckdb, sys; print(duckdb.sql(open(sys.argv[1]).read()).fetchall()[0])";
        let row = python(&["-c", script, file.to_str().unwrap()]);
        let numbers: Vec<f64> =
            row.trim_matches(['(', ')', '\n']).split(", ").filter_map(|cell| cell.parse().ok()).collect();
        match (query, &numbers[..]) {
            ("cost-and-p95-by-size", [512.0, 40.0, its_p95, its_cost]) => {
                assert!((its_p95 - p95).abs() < 1e-9, "{row}");
                assert!((its_cost / cost - 1.0).abs() < 1e-5, "{row}, and {cost}");
            }
            ("moved-since-last-month", [512.0 | 1024.0, .., change]) => {
                assert!((change - 0.5).abs() < 0.02, "{row}");
            }
            _ => panic!("{query}: {row}"),
        }
    }
    let answers = python(&[example("polars/questions.py").to_str().unwrap()]);
    assert!(answers.contains(&format!("{p95:.2}").trim_end_matches('0').to_owned()), "{p95} in {answers}");
    assert!(answers.contains("What has moved since last month"), "{answers}");
}
