//! What the tools say of their arguments, and of text that others wrote.

use crate::common::records::{configuration, end, invocation, lines, statistics};
use crate::common::{Folder, Local, Ran, Refusing, Tool, function};

/// Runs lpt-invoke on a function that fails with this message.
fn invoked_with_error(message: &str) -> Ran {
    let local = Local::with(&[&format!("f={}", function("echo").display())]);
    let input = local.tool("lpt-prepare").args(["--power-values", "128", "f"]).run().succeeds().stdout;
    let payload = serde_json::json!({"error": "NoCoffee", "message": message}).to_string();
    let folder = Folder::new();
    let payload = folder.file("payload.json", &payload);
    local.tool("lpt-invoke").arg("--payload-file").arg(payload).stdin(input).run()
}

#[test]
fn a_message_quotes_at_most_200_characters_of_what_others_wrote() {
    let long = "é".repeat(500_000);
    let argument = &long[..100_000];
    let folder = Folder::new();
    let input = folder.file("input.json", &format!("{{\"strategy\": \"{long}\"}}"));
    let answer = Refusing::with("400 Bad Request", "InvalidParameterValueException", long.clone().leak());
    let analyze = |record: String| Tool::new("lpt-analyze").stdin(record).run();
    let select = |record: String| Tool::new("lpt-select").stdin(record).run();
    let prepare = || Tool::new("lpt-prepare").env("AWS_REGION", "us-east-1");
    for ran in [
        analyze(invocation("f").outcome(&long).line()),
        analyze(invocation("f").with("functionArn", &*long).line()),
        analyze(invocation("f").with("startedAt", &*long).line()),
        select(lines([statistics("f").with("currency", &*long), end("lpt-analyze")])),
        select(lines([statistics("f").with("strategy", &*long), end("lpt-analyze")])),
        answer.tool("lpt-prepare").arg("f").run(),
        answer.tool("lpt-invoke").stdin(lines([configuration("f"), end("lpt-prepare")])).run(),
        prepare().arg(argument).run(),
        prepare().args(["--power-values", argument, "f"]).run(),
        prepare().args(["--num", argument, "f"]).run(),
        prepare().args(["--region", argument, "f"]).run(),
        prepare().arg(format!("--{argument}")).run(),
        prepare().arg("--input").arg(input).run(),
        Tool::new("lpt-local").args(["--function", argument]).run(),
        Tool::new("lpt-local").args(["--cores", argument]).run(),
        invoked_with_error(&long),
    ] {
        assert_ne!(ran.code, Some(0), "{ran:?}");
        let longest = ran.stderr.split(|c| c != 'é').map(|run| run.chars().count()).max();
        // The quotation can have some words of its own before them.
        assert!(longest.is_some_and(|longest| (180..=200).contains(&longest)), "{}", ran.stderr);
        assert!(ran.stderr.contains("é…"), "{}", ran.stderr);
        let is_short = |line: &str| line.chars().count() < 900;
        assert!(ran.stderr.lines().all(is_short), "{}", ran.stderr);
    }
}

#[test]
fn what_others_wrote_cannot_deceive_a_terminal() {
    let hostile = "\u{202e}a\u{2066}b\u{2028}c\u{1b}[2Jd\u{feff}e\u{200b}\u{61c}\nlpt-invoke: all is well";
    let ran = invoked_with_error(hostile);
    let shown = r"\u{202e}a\u{2066}b\u{2028}c\u{1b}[2Jd\u{feff}e\u{200b}\u{61c} lpt-invoke: all is well";
    assert!(ran.stderr.contains(shown), "{}", ran.stderr);
    assert!(ran.stderr.chars().all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic()), "{:?}", ran.stderr);
    assert_eq!(ran.of_type("invocation")[0]["errorMessage"], hostile, "a record keeps it as it is");
}
