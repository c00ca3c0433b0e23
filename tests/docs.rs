//! The man pages: those in section 1 are made of the arguments, and what the others say of records is true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use lpt::records::{AnyRecord, Cleaned, End, Left, Outcome, Record as _};
use serde_aux::serde_introspection::serde_introspect;
use serde_json::Value;

use crate::common::has;

/// The date of the version, in each page.
const DATE: &str = "2026-11-27";

/// The tools of the pipe, as their folders are called.
const TOOLS: [&str; 8] = ["prepare", "invoke", "import", "analyze", "select", "apply", "cleanup", "plot"];

/// A page of section 1: the tool's arguments, and what clap cannot know.
struct Page {
    command: clap::Command,
    /// Sections that are written by hand, in roff, before the exit status.
    sections: &'static str,
    /// What a command line does, and the command line.
    examples: &'static [(&'static str, &'static str)],
    /// The pages to read next, besides lpt(7).
    see_also: &'static [(&'static str, char)],
}

fn pages() -> Vec<Page> {
    vec![
        Page {
            command: lpt::tools::prepare::Args::command(),
            sections: "",
            examples: &[
                (
                    "Measure one function with the usual sizes, and remove the versions afterwards:",
                    "lpt-prepare my-function | lpt-invoke | lpt-analyze | lpt-select | lpt-cleanup",
                ),
                (
                    "Publish a version for every 128 MB from 256 to 1024 MB, and keep the records:",
                    "lpt-prepare --power-values 256-1024:128 my-function > plan.ndjson",
                ),
                (
                    "Print what IAM must allow for a run, without asking AWS:",
                    "lpt-prepare --policy arn:aws:lambda:us-east-1:123456789012:function:my-function > policy.json",
                ),
            ],
            see_also: &[("lpt-invoke", '1'), ("lpt-cleanup", '1'), ("lpt-records", '5')],
        },
        Page {
            command: lpt::tools::invoke::Args::command(),
            sections: include_str!("../man/lpt-invoke.sections"),
            examples: &[
                (
                    "Invoke the versions in plan.ndjson with a payload from a file, and save the records:",
                    "lpt-invoke --payload-file event.json plan.ndjson > runs.ndjson",
                ),
                (
                    "Find the cheapest size with few invocations:",
                    "lpt-prepare my-function | lpt-invoke --adaptive | lpt-analyze | lpt-select | lpt-cleanup",
                ),
                (
                    "Invoke each size 50 times, 5 invocations at a time over all sizes:",
                    "lpt-invoke --num 50 --parallel --concurrency 5 plan.ndjson > runs.ndjson",
                ),
                (
                    "Resume an interrupted run whose versions are already deleted, and keep its measurements:",
                    "lpt-prepare my-function | lpt-invoke --resume runs.ndjson --save more.ndjson | lpt-analyze | lpt-select | lpt-cleanup",
                ),
            ],
            see_also: &[("lpt-prepare", '1'), ("lpt-analyze", '1'), ("lpt-records", '5')],
        },
        Page {
            command: lpt::tools::import::Args::command(),
            sections: include_str!("../man/lpt-import.sections"),
            examples: &[
                (
                    "Analyze what a function in production has reported since yesterday, and invoke nothing:",
                    "aws logs filter-log-events --log-group-name /aws/lambda/f --filter-pattern REPORT --output json | lpt-import --function arn:aws:lambda:eu-west-1:123456789012:function:f --architecture arm64 | lpt-analyze --format table",
                ),
                (
                    "Keep all runs as Parquet, in a folder for each function and day, and analyze them:",
                    "lpt-import --to parquet --partition-by functionArn,date --output runs *.ndjson && lpt-analyze runs",
                ),
                ("Look at a run in a spreadsheet:", "lpt-import --to csv --output runs.csv runs.ndjson"),
            ],
            see_also: &[("lpt-analyze", '1'), ("lpt-records", '5')],
        },
        Page {
            command: lpt::tools::analyze::Args::command(),
            sections: include_str!("../man/lpt-analyze.sections"),
            examples: &[
                (
                    "Decide again on an earlier run, for speed:",
                    "lpt-analyze --strategy speed runs.ndjson | lpt-select > /dev/null",
                ),
                (
                    "Look at cold starts only, without trimming:",
                    "lpt-analyze --starts cold --discard-top-bottom 0 runs.ndjson",
                ),
                (
                    "Fail if a build costs 5 % more than the released one at any size, and show what changed:",
                    "lpt-analyze --compare released.ndjson --fail-if 'cost>5%' --format table build.ndjson",
                ),
            ],
            see_also: &[("lpt-invoke", '1'), ("lpt-select", '1'), ("lpt-records", '5')],
        },
        Page {
            command: lpt::tools::select::Args::command(),
            sections: include_str!("../man/lpt-select.sections"),
            examples: &[
                (
                    "Print the best size by cost and nothing else:",
                    "lpt-analyze runs.ndjson | lpt-select --quiet | jq 'select(.type == \"selection\") | .memorySizeMB'",
                ),
                (
                    "Let cost count three times as much as duration:",
                    "lpt-analyze runs.ndjson | lpt-select --strategy balanced --balanced-weight 0.75 > /dev/null",
                ),
                (
                    "Show which sizes are worth measuring too:",
                    "lpt-analyze runs.ndjson | lpt-select --interpolate > /dev/null",
                ),
                (
                    "Pay up to 5 % more for speed, as long as 99 of 100 invocations take 300 ms at most:",
                    "lpt-analyze runs.ndjson | lpt-select --within 5% --max-duration-p99 300ms > /dev/null",
                ),
                (
                    "Decide between two architectures, each at its own best size:",
                    "lpt-analyze runs.ndjson | lpt-select --between f,f-arm > /dev/null",
                ),
            ],
            see_also: &[("lpt-analyze", '1'), ("lpt-apply", '1'), ("lpt-records", '5')],
        },
        Page {
            command: lpt::tools::apply::Args::command(),
            sections: "",
            examples: &[
                (
                    "Give the function the size that an earlier run found best:",
                    "lpt-analyze --strategy balanced runs.ndjson | lpt-select | lpt-apply > applied.ndjson",
                ),
                (
                    "Leave $LATEST as it is, and point the alias live at a new version with that size:",
                    "lpt-analyze --strategy balanced runs.ndjson | lpt-select | lpt-apply --alias live > applied.ndjson",
                ),
            ],
            see_also: &[("lpt-select", '1'), ("lpt-cleanup", '1'), ("lpt-records", '5')],
        },
        Page {
            command: lpt::tools::cleanup::Args::command(),
            sections: "",
            examples: &[
                (
                    "Clean up after an interrupted run, from its records:",
                    "lpt-cleanup runs.ndjson > cleaned.ndjson",
                ),
                (
                    "Show what earlier runs have left of a function, then remove it, without any records:",
                    "lpt-cleanup --leftovers --function my-function > /dev/null; lpt-cleanup --leftovers --function my-function --yes > cleaned.ndjson",
                ),
            ],
            see_also: &[("lpt-prepare", '1'), ("lpt-records", '5')],
        },
        Page {
            command: lpt::tools::plot::Args::command(),
            sections: include_str!("../man/lpt-plot.sections"),
            examples: &[
                (
                    "Make a page of a run, with each invocation:",
                    "lpt-analyze runs.ndjson | lpt-plot - runs.ndjson --output report.html",
                ),
                (
                    "The same with the size that lpt-select chose under a limit:",
                    "lpt-analyze runs.ndjson > statistics.ndjson; lpt-select --max-duration-p95 300ms statistics.ndjson | lpt-plot statistics.ndjson - runs.ndjson --output report.html",
                ),
                (
                    "Show how cost and duration have changed from run to run:",
                    "lpt-analyze --group-by runId runs/*.ndjson | lpt-plot --output history.html",
                ),
                ("Make a picture for a document:", "lpt-analyze runs.ndjson | lpt-plot --output sizes.svg"),
            ],
            see_also: &[("lpt-analyze", '1'), ("lpt-select", '1'), ("lpt-records", '5')],
        },
        Page {
            command: lpt::local::Args::command(),
            sections: include_str!("../man/lpt-local.sections"),
            examples: &[
                (
                    "Try the pipe on an executable that speaks the Runtime API:",
                    "lpt-local --function f=./bootstrap -- sh -c 'lpt-prepare f | lpt-invoke | lpt-analyze | lpt-select | lpt-cleanup'",
                ),
                (
                    "Serve a Python handler until SIGINT, for any SDK with the variables that it prints:",
                    "lpt-local --listen 127.0.0.1:9001 --function f=./src,runtime=python3.13,handler=app.handler",
                ),
                (
                    "Rename the columns of another program's recording, and try the pipe on it:",
                    "awk 'NR == 1 { gsub(\"memory_mb\", \"memorySizeMB\"); gsub(\"batch\", \"environment\"); gsub(\"duration_ms\", \"durationMs\"); gsub(\"billed_ms\", \"billedDurationMs\") } 1' ubc.csv > f.csv; lpt-local --replay f=f.csv --seed 7 -- sh -c 'lpt-prepare --power-values 256,512,1024 f | lpt-invoke | lpt-analyze | lpt-select'",
                ),
            ],
            see_also: &[("lpt-prepare", '1')],
        },
    ]
}

impl Page {
    fn file(&self) -> String {
        format!("{}.1", self.command.get_name())
    }

    fn render(&self) -> String {
        const MEMORY: &str = "a vector takes all";
        let name = self.command.get_name();
        let man = Man::new(self.command.clone());
        let version = env!("CARGO_PKG_VERSION");
        let title = format!(".TH {} 1 \"{DATE}\" \"lpt {version}\" \"lpt\"\n.nh\n", name.replace('-', "\\-"));
        let mut page = title.into_bytes();
        man.render_name_section(&mut page).expect(MEMORY);
        self.synopsis_and_description().to_writer(&mut page).expect(MEMORY);
        man.render_options_section(&mut page).expect(MEMORY);
        page.extend_from_slice(self.sections.as_bytes());
        self.what_clap_cannot_know().to_writer(&mut page).expect(MEMORY);
        let page = String::from_utf8(page).expect("help texts are UTF-8");
        // What clap_mangen writes before possible values is an empty line with too many requests.
        let page = page.replace("\n.br\n\n.br\n", "\n\n");
        page.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// As `--help` has them: clap_mangen's synopsis says neither what repeats nor what stands behind `--`.
    fn synopsis_and_description(&self) -> Roff {
        let mut roff = Roff::new();
        let name = self.command.get_name();
        let usage = self.command.clone().render_usage().to_string();
        let usage = usage
            .strip_prefix("Usage: ")
            .and_then(|usage| usage.strip_prefix(name))
            .expect("usage begins with the name");
        roff.control("SH", ["SYNOPSIS"]).text([bold(name), roman(usage)]);
        roff.control("SH", ["DESCRIPTION"]);
        let about = self.command.get_long_about().expect("a description below the summary").to_string();
        // The first paragraph stands under NAME.
        for (at, paragraph) in about.split("\n\n").skip(1).enumerate() {
            if at > 0 {
                roff.control("PP", []);
            }
            roff.text([roman(paragraph)]);
        }
        roff
    }

    fn what_clap_cannot_know(&self) -> Roff {
        let mut roff = Roff::new();
        roff.control("SH", ["EXIT STATUS"]);
        if self.command.get_name() == "lpt-local" {
            roff.text([roman(
                "With a command, its exit status. Without one, 0 after a signal, 1 if it failed, and 2 for wrong arguments.",
            )]);
        } else {
            roff.text([roman("0 is success. "), bold("lpt"), roman("(7) lists the others.")]);
        }
        roff.control("SH", ["EXAMPLES"]);
        for (at, (what, line)) in self.examples.iter().enumerate() {
            if at > 0 {
                roff.control("PP", []);
            }
            roff.text([roman(*what)]);
            roff.control("PP", []).control("RS", ["4"]).control("EX", []);
            roff.text([roman(folded(line))]);
            roff.control("EE", []).control("RE", []);
        }
        roff.control("SH", ["SEE ALSO"]);
        let mut names = Vec::new();
        for (name, section) in self.see_also {
            names.extend([bold(*name), roman(format!("({section}), "))]);
        }
        names.extend([bold("lpt"), roman("(7)")]);
        roff.text(names);
        roff
    }
}

/// Folds a command line as one would write it into a script of 80 columns, which the page indents by 11: after `|`, `&&`
/// or `;` where possible, otherwise with a backslash before an option or any other word.
fn folded(line: &str) -> String {
    const WIDTH: usize = 80 - 11;
    let (mut text, mut rest) = (String::new(), line.to_owned());
    while rest.chars().count() > WIDTH {
        let spaces = rest.match_indices(' ').map(|(at, _)| at).filter(|at| (8..WIDTH - 2).contains(at));
        let rank = |at: &usize| match (&rest[..*at], &rest[at + 1..]) {
            (before, _) if before.ends_with(['|', ';', '&']) => 2,
            (_, after) if after.starts_with("--") => 1,
            _ => 0,
        };
        let at = spaces.max_by_key(|at| (rank(at), *at)).expect("no word is that long");
        let continued = if rank(&at) == 2 { "" } else { " \\" };
        text += &format!("{}{continued}\n", &rest[..at]);
        rest = format!("    {}", &rest[at + 1..]);
    }
    text + &rest
}

fn man() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn the_man_pages_of_the_tools_are_those_of_their_arguments() {
    let bless = std::env::var_os("LPT_BLESS").is_some_and(|value| value == "1");
    let mut differ = Vec::new();
    for page in pages() {
        let file = man().join(page.file());
        let rendered = page.render();
        if bless {
            fs::write(&file, rendered).unwrap();
        } else if fs::read_to_string(&file).ok().as_ref() != Some(&rendered) {
            differ.push(format!("man/{}", page.file()));
        }
    }
    assert!(
        differ.is_empty(),
        "not what the arguments say: {}; run `make bless` and look at the difference",
        differ.join(", ")
    );
}

fn files() -> Vec<PathBuf> {
    let files = fs::read_dir(man()).unwrap().map(|entry| entry.unwrap().path());
    let is_page = |file: &PathBuf| file.extension().is_some_and(|section| section != "sections");
    files.filter(is_page).collect()
}

#[test]
fn every_page_is_flawless_roff() {
    if has("mandoc") {
        let ran =
            Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(files()).output().unwrap();
        assert!(ran.status.success() && ran.stdout.is_empty(), "{}", String::from_utf8_lossy(&ran.stdout));
    }
}

#[test]
fn every_page_fits_80_columns() {
    if !has("man") {
        return;
    }
    for file in files() {
        let mut man = Command::new("man");
        let ran = man.arg("-l").arg(&file).env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8").output().unwrap();
        let text = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status.success() && text.contains("SEE ALSO"), "{}", file.display());
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{}: {}", file.display(), long.join("\n"));
    }
}

#[test]
fn every_page_of_a_tool_has_examples_its_exit_status_and_what_to_read_next() {
    for file in files().iter().filter(|file| file.extension().is_some_and(|section| section == "1")) {
        let page = read(file);
        for section in ["EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{}: no {section}", file.display());
        }
    }
}

#[test]
fn every_page_that_a_page_refers_to_is_there() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(man()).unwrap() {
        let file = entry.unwrap().path();
        for reference in references(&plain(&read(&file))) {
            assert!(man().join(&reference).is_file(), "{}: no man/{reference}", file.display());
            seen.insert(reference);
        }
    }
    for page in pages() {
        assert!(seen.contains(&page.file()), "no page refers to {}", page.file());
    }
}

/// Text without the roff that stands in names and records.
fn plain(roff: &str) -> String {
    let mut text = String::new();
    for line in roff.lines() {
        // `.BR lpt (7),` is lpt(7).
        let line = if line.starts_with(".BR ") { line.replace(" (", "(") } else { line.to_owned() };
        text.push_str(&line);
        text.push('\n');
    }
    for (escape, character) in
        [("\\-", "-"), ("\\:", ""), ("\\fB", ""), ("\\fI", ""), ("\\fR", ""), ("\\fP", "")]
    {
        text = text.replace(escape, character);
    }
    text
}

/// The files that `lpt…(N)` in a text means.
fn references(text: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    let mut found = Vec::new();
    for (at, _) in text.match_indices('(') {
        let name = text[..at].rsplit(|c| !is_name(c)).next().unwrap_or_default();
        let section = text[at + 1..].split(')').next().unwrap_or_default();
        if (name == "lpt" || name.starts_with("lpt-")) && matches!(section, "1" | "5" | "7") {
            found.push(format!("{name}.{section}"));
        }
    }
    found
}

#[test]
fn references_are_found_however_they_are_written() {
    let text = plain(".BR lpt\\-records (5),\nsee \\fBlpt\\fR(7), ls(1) and lpt-local(1).\n");
    assert_eq!(references(&text), ["lpt-records.5", "lpt.7", "lpt-local.1"]);
}

#[test]
fn the_page_of_the_records_lists_their_fields_and_no_others() {
    let page = plain(&read(&man().join("lpt-records.5")));
    for record_type in AnyRecord::TYPES {
        let fields = AnyRecord::fields(record_type).expect("a known type");
        let fields: BTreeSet<&str> = fields.iter().copied().collect();
        // In the page, the tags of a type's list are its fields.
        let mut lines = section(&page, record_type).lines();
        let mut listed = BTreeSet::new();
        while let Some(line) = lines.next() {
            if line == ".TP" {
                let tag = lines.next().and_then(|tag| tag.split_whitespace().nth(1));
                listed.insert(tag.expect("a tag below .TP"));
            }
        }
        assert_eq!(listed, fields, "lpt-records.5 and the fields of {record_type}");
    }
    let cleaned = section(&page, Cleaned::TYPE);
    for field in serde_introspect::<Left>() {
        assert!(cleaned.contains(field), "lpt-records.5: cleaned does not describe {field}");
    }
}

fn section<'a>(page: &'a str, record_type: &str) -> &'a str {
    let start = format!("\n.SS {record_type}\n");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no .SS {record_type}"));
    let end = rest.find("\n.S").unwrap_or(rest.len());
    &rest[..end]
}

/// A tool that reads a record type compares a line's type with its name.
#[test]
fn the_page_of_the_records_says_which_tools_read_each() {
    let page = plain(&read(&man().join("lpt-records.5")));
    for record_type in AnyRecord::TYPES.iter().filter(|record_type| **record_type != End::TYPE) {
        let text = section(&page, record_type).replace('\n', " ");
        let sentence =
            text.split_once("Written by ").expect(record_type).1.split_once(". ").expect(record_type).0;
        let (_, readers) = sentence.split_once("; read by ").expect(record_type);
        let name = record_type[..1].to_uppercase() + &record_type[1..];
        let is_reader = |tool: &&str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tools").join(tool);
            let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
            let mut code = files
                .filter(|file| file.extension().is_some_and(|kind| kind == "rs"))
                .map(|file| read(&file));
            code.any(|code| {
                code.contains(&format!("{name}::TYPE")) || code.contains(&format!("parse::<{name}>"))
            })
        };
        let expected: Vec<String> =
            TOOLS.into_iter().filter(is_reader).map(|tool| format!("lpt-{tool}.1")).collect();
        assert_eq!(references(readers), expected, "{record_type}: {sentence}");
    }
}

#[test]
fn the_page_of_the_records_explains_each_outcome() {
    let page = plain(&read(&man().join("lpt-records.5")));
    let outcomes = section(&page, "Outcomes");
    let listed: Vec<&str> =
        outcomes.split("\n.TP\n.B ").skip(1).map(|entry| entry.lines().next().unwrap()).collect();
    assert_eq!(listed, serde_introspect::<Outcome>());
}

#[test]
fn the_page_of_the_records_has_a_true_example_of_each() {
    let page = plain(&read(&man().join("lpt-records.5")));
    let mut types = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("{\"type\":")) {
        let given: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let record_type = given["type"].as_str().unwrap().to_owned();
        assert!(section(&page, &record_type).contains(line), "{record_type} is in another section: {line}");
        let record = AnyRecord::deserialize(&record_type, given.clone());
        let record = record.unwrap_or_else(|| panic!("no record is called {record_type}"));
        let record = record.unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_value(&record).expect("string keys"), given, "{record:?}");
        types.push(record_type);
    }
    assert_eq!(types, AnyRecord::TYPES);
}
