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
use crate::common::Tool;

/// The tools of the pipe, as their folders are called.
const TOOLS: [&str; 8] = ["prepare", "invoke", "import", "analyze", "select", "apply", "cleanup", "plot"];

/// A page of section 1: the tool's arguments, and what clap cannot know.
struct Page {
    command: clap::Command,
    /// Sections that are written by hand, in roff, before the exit status.
    sections: &'static str,
}

fn pages() -> Vec<Page> {
    let page = |command, sections| Page { command, sections };
    vec![
        page(lpt::tune::Args::command(), include_str!("../man/lpt-tune.sections")),
        page(lpt::tools::prepare::Args::command(), ""),
        page(lpt::tools::invoke::Args::command(), include_str!("../man/lpt-invoke.sections")),
        page(lpt::tools::import::Args::command(), include_str!("../man/lpt-import.sections")),
        page(lpt::tools::analyze::Args::command(), include_str!("../man/lpt-analyze.sections")),
        page(lpt::tools::select::Args::command(), include_str!("../man/lpt-select.sections")),
        page(lpt::tools::apply::Args::command(), ""),
        page(lpt::tools::cleanup::Args::command(), ""),
        page(lpt::tools::plot::Args::command(), include_str!("../man/lpt-plot.sections")),
        page(lpt::local::Args::command(), include_str!("../man/lpt-local.sections")),
    ]
}

impl Page {
    fn file(&self) -> String {
        format!("{}.1", self.command.get_name())
    }

    fn render(&self) -> String {
        const MEMORY: &str = "a vector takes all";
        let name = self.command.get_name();
        // clap_mangen leaves out the help of what -h does not show.
        let man = Man::new(self.command.clone().mut_args(|argument| argument.hide_short_help(false)));
        // roff leaves an empty argument, such as the date, without quotes.
        let version = env!("CARGO_PKG_VERSION");
        let title = format!(".TH {} 1 \"{DATE}\" \"lpt {version}\" \"lpt\"\n.nh\n", name.replace('-', "\\-"));
        let mut page = title.into_bytes();
        man.render_name_section(&mut page).expect(MEMORY);
        self.synopsis_and_description().to_writer(&mut page).expect(MEMORY);
        // clap_mangen makes a section of each group of options.
        let mut options = Vec::new();
        man.render_options_section(&mut options).expect(MEMORY);
        let options = String::from_utf8(options).expect("help texts are UTF-8");
        page.extend_from_slice(
            options.replace("\n.SH ", "\n.SS ").replacen(".SS OPTIONS", ".SH OPTIONS", 1).as_bytes(),
        );
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
        let (examples, pipe) = examples(&self.command);
        for (at, (what, lines)) in examples.iter().enumerate() {
            if at > 0 {
                roff.control("PP", []);
            }
            roff.text([roman(what)]);
            roff.control("PP", []).control("RS", ["4"]).control("EX", []);
            for line in lines.lines() {
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
            roff.control("EE", []).control("RE", []);
        }
        roff.control("SH", ["SEE ALSO"]);
        let mut names = Vec::new();
        let name = self.command.get_name();
        for neighbour in pipe.split_whitespace().filter(|word| word.starts_with("lpt-") && *word != name) {
            names.extend([bold(neighbour), roman("(1), ")]);
        }
        names.extend([bold("lpt-records"), roman("(5), "), bold("lpt"), roman("(7)")]);
        roff.text(names);
        roff
    }
}

/// The examples at the end of `--help`, each with what it does, and the line that shows the neighbours in the pipe.
fn examples(command: &clap::Command) -> (Vec<(String, String)>, String) {
    let text = command.get_after_long_help().expect("help ends with examples").to_string();
    let (examples, pipe) = text
        .trim_end()
        .strip_prefix("Examples:\n\n")
        .and_then(|examples| examples.rsplit_once("\n\n"))
        .expect("examples and the pipe");
    let parts = |example: &str| {
        let (what, lines) = example.split_once(":\n").expect("what an example does, and its command line");
        (format!("{what}:"), lines.to_owned())
    };
    (examples.split("\n\n").map(parts).collect(), pipe.to_owned())
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

#[test]
fn help_fits_a_terminal_and_short_help_one_screen_of_it() {
    for page in pages() {
        let name = page.command.get_name();
        let help = |flag: &str| Tool::new(name).arg(flag).run().succeeds().stdout;
        let (short, long) = (help("-h"), help("--help"));
        for line in short.lines().chain(long.lines()) {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        // The prompt is below it.
        assert!(short.lines().count() < 24, "{name} -h has {} lines:\n{short}", short.lines().count());
        let last = short.lines().last().unwrap_or_default();
        assert!(last.contains(&format!("{name} --help")) && last.contains(&format!("man {name}")), "{last}");
        // All that is in a group has its heading in --help, and none in -h.
        for heading in page.command.get_arguments().filter_map(clap::Arg::get_help_heading) {
            assert!(long.contains(&format!("\n{heading}:\n")), "{name}: {heading}");
            assert!(!short.contains(&format!("\n{heading}:\n")), "{name}: {heading}");
        }
        assert!(long.trim_end().ends_with(&examples(&page.command).1), "{long}");
    }
}

/// The command lines of the tools in a shell command, also those in its quoted words, such as of `sh -c`.
fn command_lines(shell: &str) -> Vec<Vec<String>> {
    // After a line that goes on, shlex would find an empty word.
    let words =
        shlex::split(&shell.replace("\\\n", "")).unwrap_or_else(|| panic!("not a shell command: {shell}"));
    let nested = words.iter().filter(|word| word.contains("lpt-") && word.contains(' '));
    let mut found: Vec<_> = nested.flat_map(|word| command_lines(word)).collect();
    for command in words.split(|word| matches!(word.as_str(), "|" | "&&" | ";")) {
        let end = command.iter().position(|word| word == ">").unwrap_or(command.len());
        if command.first().is_some_and(|word| word.starts_with("lpt-")) {
            found.push(command[..end].to_vec());
        }
    }
    found
}

#[test]
fn each_tool_takes_the_command_lines_of_the_examples() {
    let pages = pages();
    for page in &pages {
        let name = page.command.get_name();
        let (examples, pipe) = examples(&page.command);
        assert!(examples.len() >= 3, "{name} has {} examples", examples.len());
        assert!(pipe.contains("lpt-"), "{name}: {pipe}");
        for (_, shell) in &examples {
            let lines = command_lines(shell);
            assert!(lines.iter().any(|line| line[0] == name), "{name} is not in {shell}");
            for line in lines {
                let tool = pages.iter().find(|page| page.command.get_name() == line[0]).expect("a tool");
                let parsed = tool.command.clone().try_get_matches_from(&line);
                assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
            }
        }
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
