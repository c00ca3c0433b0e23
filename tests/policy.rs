//! The IAM policy that `lpt-prepare --policy` prints, and what a tool says that lacks a part of it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::records::{end, lines, selection};
use crate::common::{Account, Folder, Local, Pipe, Ran, Tool, function};

const F: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
const PRE: &str = "arn:aws:lambda:us-east-1:123456789012:function:pre";

/// A service with the functions `f`, which has the alias `live`, and `pre`. The test changes what its callers may do.
struct Held {
    local: Local,
    file: PathBuf,
    /// An execution input that names `pre` as the pre-processor.
    input: PathBuf,
    _folder: Folder,
}

impl Held {
    fn new() -> Held {
        let folder = Folder::new();
        let file = folder.file("policy.json", &everything().to_string());
        let input = json!({"lambdaARN": F, "preProcessorARN": PRE, "payload": {"iterations": 1000}});
        let input = folder.file("input.json", &input.to_string());
        let f = format!("f={},memory=256,description=my own words", function("cpu-bound").display());
        let pre = format!("pre={}", function("echo").display());
        let limits = ["--control-plane-rate", "0", "--update-delay-ms", "20"];
        let functions = ["--function", &f, "--function", &pre, "--policy", file.to_str().unwrap()];
        let local = Local::start(&[&limits[..], &functions].concat());
        let version = local.publish("f", "release 1");
        local.create_alias("f", "live", &version);
        Held { local, file, input, _folder: folder }
    }

    /// Allows callers what the policy says, and nothing else, from now on.
    fn to(&self, policy: &Value) -> &Local {
        std::fs::write(&self.file, policy.to_string()).unwrap();
        &self.local
    }

    fn account(&self) -> Account {
        self.to(&everything()).account()
    }

    /// Returns the policy that lpt-prepare prints for `f`.
    fn printed(&self) -> Value {
        let tool = self.to(&everything()).tool("lpt-prepare").args(["--policy", "--input"]).arg(&self.input);
        serde_json::from_str(&tool.run().succeeds().stdout).unwrap()
    }

    /// Returns the records of an lpt-prepare that may do everything.
    fn prepared(&self) -> String {
        let tool =
            self.to(&everything()).tool("lpt-prepare").args(["--power-values", "512", "--num", "5", "f"]);
        tool.run().succeeds().stdout
    }
}

fn everything() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}]})
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn each_tool_has_a_statement_with_its_actions_and_the_narrowest_resources() {
    let folder = Folder::new();
    let input = json!({
        "payloadS3": "s3://bucket/a/b.json",
        "preProcessorARN": PRE,
        "postProcessorARN": format!("{PRE}:live"),
    });
    let input = folder.file("input.json", &input.to_string());
    // ARNs suffice: nothing is asked of AWS.
    let other = "arn:aws:lambda:eu-west-1:123456789012:function:g";
    let ran = Tool::new("lpt-prepare").args(["--policy", F, other, "--input"]).arg(input).run().succeeds();
    let policy: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let mut resources = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        assert!(list(&statement["Action"]).iter().all(|action| !action.contains('*')), "{statement}");
        let on = list(&statement["Resource"]);
        let deletes = list(&statement["Action"]).contains(&"lambda:DeleteFunction");
        assert!(!deletes || on.iter().all(|on| on.ends_with(":*")), "never the function: {statement}");
        resources.push((statement["Sid"].as_str().unwrap(), on.join(" ")));
    }
    let both = |end: &str| format!("{other}{end} {F}{end}");
    let expected = [
        ("LptPrepare", both("")),
        ("LptPrepareVersions", both(":*")),
        ("LptInvoke", both(":lpt-*")),
        ("LptInvokeProcessors", format!("{PRE} {PRE}:live")),
        ("LptInvokePayload", "arn:aws:s3:::bucket/a/b.json".to_owned()),
        ("LptApply", both("")),
        ("LptApplyAlias", both("")),
        ("LptApplyAliasVersions", both(":*")),
        ("LptCleanup", both("")),
        ("LptCleanupVersions", both(":*")),
    ];
    assert_eq!(resources, expected);
}

#[test]
fn lambda_or_the_user_gives_the_arn_of_a_named_function() {
    let held = Held::new();
    let by_name = held.local.tool("lpt-prepare").args(["--policy", "f"]).run().succeeds();
    let by_arn = Tool::new("lpt-prepare").args(["--policy", F]).run().succeeds();
    assert_eq!(by_name.stdout, by_arn.stdout);

    let nothing = json!({"Version": "2012-10-17", "Statement": []});
    let denied = held.to(&nothing).tool("lpt-prepare").args(["--policy", "f"]).run();
    denied.fails_with(77, &["lambda:GetFunction", "give the function as an ARN"]);
    let no_credentials = Tool::new("lpt-prepare").args(["--policy", "f", "--region", "us-east-1"]).run();
    no_credentials.fails_with(1, &["AWS_ACCESS_KEY_ID", "give the function as an ARN"]);
    let no_region = Tool::new("lpt-prepare").args(["--policy", "f"]).run();
    no_region.fails_with(1, &["--region", "give the function as an ARN"]);
    Tool::new("lpt-prepare").arg("--policy").run().fails_with(2, &["FUNCTION"]);
}

#[test]
fn the_printed_policy_allows_a_whole_run() {
    let held = Held::new();
    let before = held.account();
    let policy = held.printed();
    let run = |options: &[&str], alias: &str| {
        let tool = |name: &str| held.local.tool(name).env("LPT_INPUT", &held.input);
        let pipe = Pipe::start(vec![
            tool("lpt-prepare").args(["--power-values", "512,1024", "--num", "5"]).args(options),
            tool("lpt-invoke"),
            tool("lpt-analyze"),
            tool("lpt-select"),
            tool("lpt-apply").args(["--auto-optimize", "--alias", alias]),
            tool("lpt-cleanup"),
        ]);
        pipe.finish().into_iter().map(Ran::succeeds).next_back().unwrap()
    };
    held.to(&policy);
    run(&["--dry-run"], "live");
    assert_eq!(held.account(), before);

    held.to(&policy);
    for alias in ["live", "new"] {
        assert_eq!(run(&[], alias).of_type("applied").pop().unwrap()["state"], "applied");
    }
    let after = held.account();
    let aliases: Vec<_> = after.functions["f"].aliases.keys().collect();
    assert_eq!(aliases, ["live", "new"]);

    held.prepared();
    held.to(&policy);
    let leftovers = ["--leftovers", "--function", "f", "--yes", "--even-if-recent"];
    held.local.tool("lpt-cleanup").args(leftovers).run().succeeds();
    assert_eq!(held.account(), after);

    // Without --alias, the statements for that can be left out.
    let mut policy = policy;
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.retain(|statement| !statement["Sid"].as_str().unwrap().starts_with("LptApplyAlias"));
    held.to(&policy).tool("lpt-apply").stdin(selected()).run().succeeds();
    assert_eq!(held.account().memory_of("f"), 512);
}

/// A policy of an earlier lpt, or one that keeps the link to the code from the caller.
#[test]
fn where_get_function_is_denied_the_configuration_is_read_with_get_function_configuration() {
    let held = Held::new();
    let before = held.account();
    let policy = held.printed().to_string();
    let policy = policy.replace("\"lambda:GetFunction\"", "\"lambda:GetFunctionConfiguration\"");
    held.to(&serde_json::from_str(&policy).unwrap());
    let tool = |name: &str| held.local.tool(name).arg("-v");
    let ran = Pipe::start(vec![
        tool("lpt-prepare").args(["--power-values", "512,1024", "--num", "5", "f"]),
        tool("lpt-invoke").args(["--payload", r#"{"iterations": 1000}"#]),
        tool("lpt-cleanup"),
    ])
    .finish();
    for (ran, denials) in ran.iter().zip([2, 0, 1]) {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let denied = ran.stderr.matches("lambda:GetFunction: AccessDeniedException in ").count();
        assert_eq!(denied, denials, "once on functions and once on versions: {}", ran.stderr);
    }
    assert!(ran[0].stderr.contains("lambda:GetFunctionConfiguration: done in "), "{}", ran[0].stderr);
    assert_eq!(held.account(), before);
}

/// Returns a stream that selects 512 MB for `f`.
fn selected() -> String {
    lines([selection("f").memory(512), end("lpt-select")])
}

/// A task for a tool.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Prepare,
    /// The reader of its records leaves when the first version is ready.
    PrepareUnread,
    Invoke,
    Apply,
    ApplyAlias(&'static str),
    Cleanup,
}

impl Work {
    /// Returns the task in which the tool calls `action`, and an action to refuse it, where it calls `action` only to
    /// undo what failed.
    fn that_needs(sid: &str, action: &str) -> (Work, Option<(&'static str, &'static str)>) {
        let version_read_by_prepare = Some(("LptPrepareVersions", "lambda:GetFunction"));
        let version_read_by_apply = Some(("LptApplyAliasVersions", "lambda:GetFunction"));
        match (sid, action) {
            ("LptPrepare", "lambda:ListVersionsByFunction")
            | ("LptPrepareVersions", "lambda:DeleteFunction") => (Work::Prepare, version_read_by_prepare),
            ("LptPrepare", "lambda:ListAliases" | "lambda:DeleteAlias") => (Work::PrepareUnread, None),
            ("LptPrepare" | "LptPrepareVersions", _) => (Work::Prepare, None),
            ("LptInvoke" | "LptInvokeProcessors", _) => (Work::Invoke, None),
            ("LptApply", _) => (Work::Apply, None),
            ("LptApplyAlias", "lambda:CreateAlias") => (Work::ApplyAlias("new"), None),
            ("LptApplyAlias", "lambda:ListVersionsByFunction" | "lambda:ListAliases") => {
                (Work::ApplyAlias("new"), version_read_by_apply)
            }
            ("LptApplyAliasVersions", "lambda:DeleteFunction") => {
                (Work::ApplyAlias("live"), Some(("LptApplyAlias", "lambda:UpdateAlias")))
            }
            ("LptApplyAlias" | "LptApplyAliasVersions", _) => (Work::ApplyAlias("live"), None),
            ("LptCleanup" | "LptCleanupVersions", _) => (Work::Cleanup, None),
            _ => panic!("{sid}: {action} is in the policy, and nothing here needs it"),
        }
    }

    /// Whether the statement of this name is its tool's.
    fn is_of(self, sid: &str) -> bool {
        match self {
            Work::Prepare | Work::PrepareUnread => sid.starts_with("LptPrepare"),
            Work::Invoke => sid.starts_with("LptInvoke"),
            Work::Apply => sid == "LptApply",
            Work::ApplyAlias(_) => sid.starts_with("LptApply"),
            Work::Cleanup => sid.starts_with("LptCleanup"),
        }
    }

    /// Does the task with what `printed` allows its tool alone, less `without`.
    fn run(self, held: &Held, printed: &Value, without: &[(&str, &str)]) -> Ran {
        let mut policy = printed.clone();
        let statements = policy["Statement"].as_array_mut().unwrap();
        statements.retain(|statement| self.is_of(statement["Sid"].as_str().unwrap()));
        for statement in statements {
            let sid = statement["Sid"].as_str().unwrap().to_owned();
            let actions = statement["Action"].as_array_mut().unwrap();
            actions.retain(|action| !without.contains(&(&sid, action.as_str().unwrap())));
        }
        let tool = |name: &str| held.local.tool(name).arg("--quiet");
        let prepare = |sizes: &str| tool("lpt-prepare").args(["--power-values", sizes, "f"]);
        match self {
            Work::Prepare => {
                held.to(&policy);
                prepare("512").run()
            }
            Work::PrepareUnread => {
                held.to(&policy);
                let mut pipe = Pipe::start(vec![prepare("300-10240:4")]);
                pipe.read_until("\"ready\"");
                pipe.read_lines_and_close(0);
                pipe.finish().pop().unwrap()
            }
            Work::Invoke => {
                let prepared = held.prepared();
                held.to(&policy);
                tool("lpt-invoke").arg("--input").arg(&held.input).stdin(prepared).run()
            }
            Work::Apply => {
                held.to(&policy);
                tool("lpt-apply").stdin(selected()).run()
            }
            Work::ApplyAlias(alias) => {
                held.to(&policy);
                tool("lpt-apply").args(["--alias", alias]).stdin(selected()).run()
            }
            Work::Cleanup => {
                let prepared = held.prepared();
                let run: Value = serde_json::from_str(prepared.lines().next().unwrap()).unwrap();
                let tag = format!(
                    "lpt latest runId={} memorySizeMB=512 originalMemorySizeMB=256 setAt=2026-11-23T07:20:00.123Z originalDescription=\"my own words\"",
                    run["runId"].as_str().unwrap()
                );
                let (runtime, client) = held.local.client();
                runtime.block_on(async {
                    let update = client.update_function_configuration().function_name("f");
                    update.memory_size(512).description(tag).send().await.unwrap();
                });
                held.to(&policy);
                tool("lpt-cleanup").stdin(prepared).run()
            }
        }
    }
}

#[test]
fn each_tool_needs_only_its_own_statements() {
    let held = Held::new();
    let printed = held.printed();
    for work in [
        Work::Prepare,
        Work::PrepareUnread,
        Work::Invoke,
        Work::ApplyAlias("live"),
        Work::ApplyAlias("new"),
        Work::Cleanup,
        Work::Apply,
    ] {
        let ran = work.run(&held, &printed, &[]);
        assert_eq!(ran.code, Some(0), "{work:?}: {}", ran.stderr);
    }
}

#[test]
fn a_tool_that_lacks_an_action_says_which_statement_to_add() {
    let held = Held::new();
    let before = held.account();
    let printed = held.printed();
    for statement in printed["Statement"].as_array().unwrap() {
        let sid = statement["Sid"].as_str().unwrap();
        for action in list(&statement["Action"]) {
            let (work, cause) = Work::that_needs(sid, action);
            let without: Vec<_> = cause.into_iter().chain([(sid, action)]).collect();
            let ran = work.run(&held, &printed, &without);
            let case = format!("{work:?} without {without:?}: {}", ran.stderr);
            assert_eq!(ran.code, Some(77), "{case}");
            let on = list(&statement["Resource"])[0].trim_end_matches('*');
            let to_add = format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{on}"#);
            let said: Vec<_> = ran.stderr.lines().filter(|line| line.contains(&to_add)).collect();
            assert_eq!(said.len(), 1, "{case}");
            assert!(said[0].contains(&format!(": {action}: User: ")), "{}", said[0]);
            if work == Work::Cleanup {
                let cleaned = &ran.of_type("cleaned")[0];
                let left = cleaned["left"].as_array().unwrap();
                assert!(left.iter().any(|left| left["errorType"] == "AccessDeniedException"), "{cleaned}");
            }

            let cleanup = held.to(&printed).tool("lpt-cleanup").arg("--quiet");
            let arguments = ["--leftovers", "--function", "f", "--yes", "--even-if-recent"];
            let cleaned = cleanup.args(arguments).run();
            assert_eq!(cleaned.code, Some(0), "{}", cleaned.stderr);
            assert_eq!(held.account(), before, "{case}");
        }
    }
}
