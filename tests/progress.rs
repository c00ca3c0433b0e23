//! The line of progress on a terminal, and the estimate of a dry run.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::common::records::{end, invocation, lines};
use crate::common::terminal::{Shown, Terminal};
use crate::common::{Folder, Local, function, shell};

/// Starts a service with functions that wait.
fn waiting(names: &[&str]) -> Local {
    let path = function("network-bound");
    let functions: Vec<_> = names.iter().map(|name| format!("{name}={}", path.display())).collect();
    Local::with(&functions.iter().map(String::as_str).collect::<Vec<_>>())
}

fn run(local: &Local, script: &str) -> Shown {
    let (output, shown) = Terminal::new().run(shell(&["sh", "-c", script], local.endpoint()));
    assert!(output.status.success(), "{shown:?}");
    shown
}

/// Returns the numbers before a word, of the lines that have it.
fn numbers<'a>(shown: &'a Shown, before: &'a str) -> impl Iterator<Item = Vec<u64>> {
    let parts =
        shown.lines.iter().flat_map(|line| line.split(" · ")).filter(move |part| part.contains(before));
    parts.map(|part| part.split(' ').filter_map(|word| word.parse().ok()).collect())
}

#[test]
fn one_tool_of_a_pipe_shows_one_line_for_all_functions_and_clears_it_at_the_end() {
    let local = waiting(&["f", "g", "h"]);
    let script = r#"lpt-prepare --power-values 128,256 f g h |
        lpt-invoke --num 5 --payload '{"waitMs": 200}' | lpt-analyze | lpt-select --quiet | lpt-cleanup --quiet"#;
    let shown = run(&local, script);
    // On a busy machine the plan may be there before the first line is drawn.
    let first = &shown.lines[0];
    assert!(first == "waiting for lpt-prepare" || first.starts_with("publishing 0 of "), "{first}");
    let counts: Vec<_> = numbers(&shown, " of ").collect();
    assert!(counts.iter().all(|count| count.len() == 2 && count[0] <= count[1]), "{shown:?}");
    assert!(shown.lines.iter().any(|line| line.contains(" of 30 invocations · 0.")), "{shown:?}");
    assert!(numbers(&shown, "invocations").is_sorted_by_key(|count| count[0]), "{shown:?}");
    assert!(shown.lines.iter().all(|line| line.chars().count() <= 80 && !line.contains("MB")), "{shown:?}");
    assert!(!shown.screen.contains(" · "), "{shown:?}");
    assert!(shown.screen.ends_with('\n') || shown.screen.is_empty(), "{shown:?}");
}

#[test]
fn errors_are_counted_and_messages_stay_whole_above_the_line() {
    let local = waiting(&["f"]);
    // The command prints a line in two parts.
    let script = r#"lpt-prepare --power-values 128 f | lpt-invoke --num 5 --payload '{"waitMs": "no"}' \
        --pre-command 'printf "%s" not >&2; sleep 0.3; echo " garbled" >&2' | lpt-cleanup || true"#;
    let shown = run(&local, script);
    assert!(shown.lines.iter().any(|line| line.contains(" · 1 error · ")), "{shown:?}");
    let screen: Vec<_> = shown.screen.split('\n').collect();
    assert!(screen.contains(&"not garbled"), "{shown:?}");
    let given_up = screen.iter().filter(|line| line.starts_with("lpt-invoke: warning: f: ")).count();
    assert_eq!(given_up, 1, "{shown:?}");
    assert!(!shown.screen.contains(" · "), "{shown:?}");
}

#[test]
fn ctrl_c_leaves_no_line() {
    let local = waiting(&["f"]);
    let script =
        r#"lpt-prepare --power-values 128 f | lpt-invoke --num 50 --payload '{"waitMs": 300}' | lpt-cleanup"#;
    let terminal = Terminal::new();
    let mut command: Command = shell(&["sh", "-c", script], local.endpoint());
    command.env("TERM", "xterm").stdout(Stdio::null()).stderr(terminal.stream()).process_group(0);
    let mut child = command.spawn().unwrap();
    drop(command);
    while local.state_of("f").aliases.is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
    let shown = terminal.shown();
    assert!(!shown.lines.is_empty() && !shown.screen.contains(" · "), "{shown:?}");
    assert!(shown.screen.contains("lpt-cleanup: f: "), "{shown:?}");
}

#[test]
fn no_line_is_shown_in_a_pipe_on_a_dumb_terminal_or_quietly() {
    let local = waiting(&["f"]);
    let folder = Folder::new();
    let said = folder.path("said").display().to_string();
    let invoke = r#"lpt-invoke --num 5 --payload '{"waitMs": 200}'"#;
    let pipe = |invoke: &str| format!("lpt-prepare --power-values 128 f | {invoke} | lpt-cleanup --quiet");
    for script in [
        format!("{}; cat {said} >&2", pipe(&format!("{invoke} 2> {said}"))),
        pipe(&format!("TERM=dumb {invoke}")),
        pipe(&format!("{invoke} --quiet")),
    ] {
        let shown = run(&local, &script);
        assert!(!shown.raw.contains("invocations"), "{script}: {shown:?}");
    }
}

#[test]
fn lpt_prepare_shows_a_line_if_nobody_reads_its_records() {
    let local = waiting(&["f"]);
    let folder = Folder::new();
    let file = folder.path("plan.ndjson").display().to_string();
    let shown = run(&local, &format!("lpt-prepare --power-values 128,256 f > {file}"));
    assert_eq!(shown.lines[0], "looking at 1 function", "{shown:?}");
    assert!(!shown.screen.contains("publishing"), "{shown:?}");
    let shown =
        run(&local, &format!("lpt-cleanup --quiet {file}; lpt-prepare --power-values 128 f | cat > {file}"));
    assert_eq!(shown.raw, "", "{shown:?}");
}

#[test]
fn a_dry_run_ends_with_an_estimate_of_the_real_run() {
    let local = waiting(&["f"]);
    let prepared = |more: &[&str]| {
        let prepare = local.tool("lpt-prepare").args(["--power-values", "128,256", "--dry-run"]);
        prepare.args(more).arg("f").run().succeeds().stdout
    };
    let said = |more: &[&str], prepared: &str| {
        let invoke = local.tool("lpt-invoke").args(["--payload", r#"{"waitMs": 50}"#]).args(more);
        let said = invoke.stdin(prepared).run().succeeds().stderr;
        local.tool("lpt-cleanup").stdin(prepared).run().succeeds();
        said.lines().find(|line| line.contains("estimate")).unwrap_or_default().to_owned()
    };
    let of_all = said(&[], &prepared(&["--num", "40"]));
    let begins = "lpt-invoke: estimate of the real run, from one invocation of each size: 2 sizes, ";
    assert!(of_all.starts_with(begins), "{of_all}");
    assert!(of_all.contains("80 invocations, about 13 control-plane requests, about "), "{of_all}");
    assert!(of_all.ends_with(" USD"), "{of_all}");
    // 40 in a row of 50 ms each take 2 s at least.
    let seconds: u64 = of_all.split(", about ").nth(2).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(seconds >= 2, "{of_all}");
    let cold = said(&["--parallel"], &prepared(&["--only-cold-starts", "--num", "3"]));
    assert!(cold.contains("2 sizes, 6 invocations, about 33 control-plane requests, "), "{cold}");
    let adaptive = said(&["--adaptive", "--max-per-size", "9"], &prepared(&["--num", "40"]));
    assert!(adaptive.contains("2 sizes, at most 24 invocations, "), "{adaptive}");
}

#[test]
fn reading_a_file_for_less_than_a_second_shows_nothing() {
    let folder = Folder::new();
    let file = folder.file("runs.ndjson", &(lines(vec![invocation("f")]) + &end("lpt-invoke").line()));
    let local = waiting(&["f"]);
    let shown = run(&local, &format!("lpt-analyze --quiet {} | cat", file.display()));
    assert!(shown.lines.is_empty(), "{shown:?}");
}
