//! The engines that people have: Spark, DuckDB and polars on saved runs, by the examples as they are.
//!
//! CI installs them; elsewhere the tests say that they are skipped.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::records::{end, invocation, lines, plan};
use crate::common::{Folder, Tool, binary, is_required, python_with};

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
    command
        .env("SPARK_HOME", spark)
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("PYSPARK_PYTHON", "python3")
        .env("LPT_ANALYZE", binary("lpt-analyze"));
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

fn submit(spark: &Path, master: &str, arguments: &[&Path]) -> Output {
    let conf = ["spark.ui.enabled=false", "spark.log.level=WARN", "spark.sql.shuffle.partitions=8"];
    let conf = conf.iter().flat_map(|conf| ["--conf", conf]);
    wait(
        command(spark, "spark-submit")
            .args(["--master", master])
            .args(conf)
            .arg(example("spark/analyze.py"))
            .args(arguments),
    )
}

/// Returns the lines that are not end records, sorted.
fn sorted(stream: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = stream.lines().filter(|line| !line.contains("\"type\":\"end\"")).collect();
    lines.sort_unstable();
    lines
}

/// Writes records of several functions, with their plans.
fn many_records(folder: &Folder, count: u32) -> PathBuf {
    let functions = ["orders", "users", "images", "search", "mail", "stock", "f"];
    let plans = functions.map(plan);
    let invocations = (0..count).map(|number| {
        let function = functions[number as usize % functions.len()];
        let memory = [128, 512, 1024, 3008][number as usize / 7 % 4];
        invocation(function)
            .memory(memory)
            .duration(f64::from(number.wrapping_mul(2_654_435_761) % 100_000) / 100.0)
            .with("requestId", format!("request-{number}"))
    });
    folder.file("runs.ndjson", &lines(plans.into_iter().chain(invocations).chain([end("lpt-invoke")])))
}

#[test]
fn spark_gives_the_same_as_one_process() {
    let Some(spark) = spark() else {
        return;
    };
    let folder = Folder::new();
    let runs = many_records(&folder, 100_000);
    let one = Tool::new("lpt-analyze").arg(&runs).run().succeeds();
    let parquet = folder.path("runs.parquet");
    Tool::new("lpt-import").args(["--to", "parquet", "--output"]).args([&parquet, &runs]).run().succeeds();
    let statistics = |stream: &str| -> Vec<String> {
        sorted(stream).into_iter().filter(|line| line.contains("statistics")).map(str::to_owned).collect()
    };
    for file in [&runs, &parquet] {
        let output = submit(&spark, "local[4]", &[file]);
        let stream = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        if file == &runs {
            assert_eq!(sorted(&stream), sorted(&one.stdout));
        } else {
            // Records that pass through are written anew from their columns.
            assert_eq!(statistics(&stream), statistics(&one.stdout));
        }
        let selected = Tool::new("lpt-select").stdin(stream).run().succeeds();
        assert_eq!(selected.of_type("selection").len(), 7);
    }
}

#[test]
fn spark_gives_the_same_on_a_master_with_two_workers() {
    let Some(spark) = spark() else {
        return;
    };
    let folder = Folder::new();
    let runs = many_records(&folder, 100_000);
    let one = Tool::new("lpt-analyze").arg(&runs).run().succeeds();
    let start = |arguments: &[&str]| {
        let mut command = command(&spark, "spark-class");
        command.args(arguments).env("SPARK_WORKER_DIR", folder.path("work"));
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
    let output = submit(&spark, &master, &[&runs]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sorted(&String::from_utf8(output.stdout).unwrap()), sorted(&one.stdout));
}

#[test]
fn a_part_that_fails_in_spark_fails_the_job_and_names_its_function() {
    let Some(spark) = spark() else {
        return;
    };
    let folder = Folder::new();
    let bad = invocation("images").with("durationMs", "fast");
    let runs = folder.file("runs.ndjson", &lines([invocation("orders"), bad, end("lpt-invoke")]));
    let output = submit(&spark, "local[2]", &[&runs]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("RuntimeError: ") && errors.contains("function:images"), "{errors}");
    assert!(errors.contains("durationMs: expected a number, found a string"), "{errors}");
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
            invocation("orders")
                .memory([512, 1024][number as usize % 2])
                .duration(f64::from(100 + number) * factor)
                .with("requestId", format!("{month}-{number}"))
                .with("startedAt", format!("2026-{month:02}-07T06:00:00.000Z"))
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
