//! Tests of `lpt-local` as other programs see it.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::types::{FunctionCode, LogType};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::common::{
    ACCESS_KEY_ID, Folder, Local, Publishing, Tool, binary, client_config, function, python_with, variables,
    zipped,
};

/// The client is the unmodified Python SDK, which creates, updates, publishes, aliases, invokes and deletes.
#[test]
fn an_unmodified_python_sdk_is_served() {
    if !python_with("boto3") {
        return;
    }
    // A change takes long enough that the client, however slow, asks for another one meanwhile.
    let local = Local::start(&["--control-plane-rate", "0", "--update-delay-ms", "2000"]);
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python_sdk.py"))
        .args([function("cpu-bound"), function("streaming")])
        .envs(variables(local.endpoint()))
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{stdout}");
}

#[test]
fn a_command_is_led_to_the_service_and_its_exit_code_is_kept() {
    let argument = format!("f={}", function("cpu-bound").display());
    let run = |script: &str| {
        Tool::new("lpt-local").args(["-q", "--function", &argument, "--", "sh", "-c", script]).run()
    };
    assert_eq!(run("exit 7").code, Some(7));
    assert_eq!(run("kill -TERM $$").code, Some(128 + 15));
    let led =
        run("echo $AWS_ENDPOINT_URL $AWS_REGION ${AWS_ACCESS_KEY_ID:+key} ${AWS_SECRET_ACCESS_KEY:+secret}");
    assert!(led.stdout.starts_with("http://127.0.0.1:"), "{}", led.stdout);
    assert!(led.stdout.ends_with(" us-east-1 key secret\n"), "{}", led.stdout);
}

#[test]
fn only_who_signs_with_the_key_of_this_start_is_answered() {
    let argument = format!("f={}", function("cpu-bound").display());
    let local = Local::start_as_is(&["--function", &argument]);
    let prepare = |local: &Local| {
        let tool = Tool::new("lpt-prepare").args(["--power-values", "512", "f"]);
        local.exported().iter().fold(tool, |tool, (name, value)| tool.env(name, value))
    };
    let names: Vec<&str> = local.exported().keys().map(String::as_str).collect();
    let region = ["AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_REGION"];
    assert_eq!(names, [&["AWS_ACCESS_KEY_ID"], &region[..], &["AWS_SECRET_ACCESS_KEY"]].concat());
    prepare(&local).run().succeeds();
    for key in [ACCESS_KEY_ID, "lpt-local", "test"] {
        let refused = prepare(&local).env("AWS_ACCESS_KEY_ID", key).run();
        refused.fails_with(77, &["UnrecognizedClientException", "access key id of this start"]);
    }
    let other = Local::start_as_is(&["--function", &argument]);
    assert_ne!(local.exported()["AWS_ACCESS_KEY_ID"], other.exported()["AWS_ACCESS_KEY_ID"]);
}

/// Sends one request, and returns the answer's status line and its last line, the body.
fn answer(local: &Local, path: &str, headers: &[(&str, &str)]) -> (String, String) {
    let address = local.endpoint().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    write!(stream, "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.lines().next().unwrap().to_owned(), answer.lines().last().unwrap().to_owned())
}

#[test]
fn a_web_page_is_not_answered_whatever_it_signs() {
    let local = Local::with(&[]);
    let credential =
        format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20261124/us-east-1/lambda/aws4_request");
    let address = local.endpoint().strip_prefix("http://").unwrap();
    let (host, authorization) = (("Host", address), ("Authorization", &*credential));
    // The last path is no action: not even that is learned without the key.
    for path in ["/2015-03-31/functions", "/nosuch"] {
        let status = |headers: &[(&str, &str)]| answer(&local, path, headers);
        let (line, body) = status(&[host, authorization]);
        let known = path != "/nosuch";
        assert!(line.contains(if known { "200" } else { "404" }), "{line} {body}");
        for (headers, words) in [
            (&[("Host", "evil.example"), authorization][..], "localhost"),
            (&[("Host", "evil.example:9001"), authorization], "DNS rebinding"),
            (&[host, authorization, ("Origin", "http://localhost:3000")], "no web page"),
            (&[host, authorization, ("Sec-Fetch-Site", "cross-site")], "no web page"),
            (&[host], "Missing Authentication Token"),
            (&[host, ("Authorization", "Bearer x")], "access key id of this start"),
        ] {
            let (line, body) = status(headers);
            assert!(line.contains("403") && body.contains(words), "{headers:?}: {line} {body}");
        }
    }
}

#[test]
fn bad_arguments_say_what_to_pass() {
    for (arguments, words) in [
        (vec!["--listen", "0.0.0.0:0"], vec!["127.0.0.1"]),
        (vec!["--function", "f=/nosuch/path"], vec!["/nosuch/path"]),
        (vec!["--function", "f"], vec!["NAME=PATH"]),
        (vec!["--function", "f=/nosuch/path,account=me"], vec!["account", "12 digits"]),
        (vec!["--region", "US East"], vec!["us-east-1"]),
        (vec!["--access-key-id", "mine"], vec!["--access-key-id", "16 to 128"]),
    ] {
        Tool::new("lpt-local").args(arguments).run().fails_with(2, &words);
    }
    let missing = Tool::new("lpt-local").args(["--", "/nosuch/command"]).run();
    assert_ne!(missing.code, Some(0));
    assert!(missing.stderr.contains("/nosuch/command"), "{}", missing.stderr);
}

/// A new account at AWS allows at most 3,008 MB.
/// AWS has a quota for GetFunction, and another for the rest of the control plane together.
#[test]
fn get_function_has_a_quota_of_its_own() {
    let function = format!("f={}", function("cpu-bound").display());
    let local = Local::start(&["--control-plane-rate", "1", "--function", &function]);
    let config = client_config(local.endpoint(), "us-east-1").retry_config(RetryConfig::disabled()).build();
    let client = aws_sdk_lambda::Client::from_conf(config);
    let (runtime, _) = local.client();
    runtime.block_on(async {
        let mut throttled = 0;
        for _ in 0..20 {
            client.get_function().function_name("f").send().await.unwrap();
            let read = client.get_function_configuration().function_name("f").send().await;
            throttled += usize::from(read.is_err());
        }
        assert!(throttled > 0, "one a second is allowed");
    });
}

#[test]
fn an_account_refuses_more_memory_than_it_allows() {
    let code = function("cpu-bound");
    let argument = format!("f={}", code.display());
    let local = Local::start(&["--max-memory", "3008", "--function", &argument]);
    let words =
        "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 3008";
    let (runtime, client) = local.client();
    runtime.block_on(async {
        let resize = |memory| client.update_function_configuration().function_name("f").memory_size(memory);
        let error = resize(3009).send().await.unwrap_err().into_service_error();
        assert_eq!(error.meta().code(), Some("ValidationException"));
        assert_eq!(error.meta().message(), Some(words));
        let zip = zipped("bootstrap", &std::fs::read(&code).unwrap());
        let create = client
            .create_function()
            .function_name("g")
            .runtime("provided.al2023".into())
            .handler("bootstrap")
            .role("arn:aws:iam::123456789012:role/any")
            .code(FunctionCode::builder().zip_file(zip.into()).build());
        let error = create.clone().memory_size(10_240).send().await.unwrap_err().into_service_error();
        assert_eq!(error.meta().code(), Some("ValidationException"));
        assert_eq!(error.meta().message(), Some(words));
        assert_eq!(resize(3008).send().await.unwrap().memory_size(), Some(3008));
        assert_eq!(create.memory_size(3008).send().await.unwrap().memory_size(), Some(3008));
    });
    let too_large = format!("{argument},memory=3009");
    Tool::new("lpt-local")
        .args(["--max-memory", "3008", "--function", &too_large])
        .run()
        .fails_with(2, &["--function f", "3008"]);
}

#[test]
fn regions_and_accounts_keep_their_functions_apart() {
    let code = function("cpu-bound");
    let with = |settings: &str| format!("f={},{settings}", code.display());
    let local = Local::with(&[
        &with("memory=128"),
        &with("memory=256,region=eu-west-1"),
        &with("memory=512,account=210987654321"),
        &with("memory=1024,account=210987654321,region=eu-west-1"),
    ]);
    for (region, own, others) in [("us-east-1", 128, 512), ("eu-west-1", 256, 1024)] {
        let (runtime, client) = local.client_in(region);
        runtime.block_on(async {
            let get = |name: &str| client.get_function_configuration().function_name(name).send();
            let listed = client.list_functions().send().await.unwrap();
            let arns: Vec<_> = listed.functions().iter().map(|f| f.function_arn().unwrap()).collect();
            let arn = format!("arn:aws:lambda:{region}:123456789012:function:f");
            assert_eq!(arns, [&*arn]);
            for name in ["f", "123456789012:function:f", &arn] {
                assert_eq!(get(name).await.unwrap().memory_size(), Some(own), "{name} in {region}");
            }
            let arn = format!("arn:aws:lambda:{region}:210987654321:function:f");
            for name in ["210987654321:function:f", &arn] {
                let found = get(name).await.unwrap();
                assert_eq!(found.memory_size(), Some(others), "{name} in {region}");
                assert_eq!(found.function_arn(), Some(&*arn));
            }
            let update = client.update_function_configuration().function_name(&arn);
            update.memory_size(2048).send().await.unwrap();
            assert_eq!(get("f").await.unwrap().memory_size(), Some(own));
            assert_eq!(get(&arn).await.unwrap().memory_size(), Some(2048));
        });
    }
}

#[test]
fn a_function_of_another_region_is_not_found() {
    let local = Local::with(&[&format!("f={},region=eu-west-1", function("cpu-bound").display())]);
    let (runtime, client) = local.client();
    for (name, words) in [
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
        ),
        ("f", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f"),
    ] {
        let call = client.get_function_configuration().function_name(name).send();
        let error = runtime.block_on(call).unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
        assert_eq!(error.meta().message(), Some(words));
    }
}

#[test]
fn the_partition_follows_the_region_in_every_arn() {
    let function = format!("f={},region=cn-north-1", function("cpu-bound").display());
    let local = Local::with(&[&function]);
    let arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:f";
    // The tools use the region of the ARN, whatever the user's own is.
    let prepared = local.tool("lpt-prepare").args(["--power-values", "512", arn]).run().succeeds();
    assert_eq!(prepared.of_type("plan")[0]["functionArn"], arn);
    let (runtime, client) = local.client_in("cn-north-1");
    runtime.block_on(async {
        let found = client.get_function_configuration().function_name(arn).send().await.unwrap();
        assert_eq!(found.function_arn(), Some(arn));
        assert_eq!(found.role(), Some("arn:aws-cn:iam::123456789012:role/lpt-local"));
        let aliases = client.list_aliases().function_name("f").send().await.unwrap();
        let alias = &aliases.aliases()[0];
        assert_eq!(alias.alias_arn(), Some(&*format!("{arn}:{}", alias.name().unwrap())));
    });
    let ran = local.tool("lpt-invoke").args(["--num", "5"]).stdin(prepared.stdout).run().succeeds();
    assert_eq!(ran.of_type("invocation")[0]["functionArn"], arn);
}

#[test]
fn a_function_runs_in_its_region() {
    let folder = Folder::new();
    let bootstrap = folder.file("bootstrap", "#!/bin/sh\necho \"in $AWS_REGION, $AWS_DEFAULT_REGION\"\n");
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
    let local = Local::with(&[&format!("f={},region=eu-west-1", bootstrap.display())]);
    let (runtime, client) = local.client_in("eu-west-1");
    let invoked =
        runtime.block_on(client.invoke().function_name("f").log_type(LogType::Tail).send()).unwrap();
    let log = BASE64_STANDARD.decode(invoked.log_result().unwrap()).unwrap();
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains("in eu-west-1, eu-west-1"), "{log}");
}

#[test]
fn a_description_of_its_own_makes_a_new_version_if_lpt_local_is_told_so() {
    let function = format!("f={}", function("cpu-bound").display());
    for (publishing, expected) in Publishing::BOTH.into_iter().zip(["1", "2"]) {
        let local = Local::publishing(publishing, &[&function]);
        let (runtime, client) = local.client();
        let publish = |description| client.publish_version().function_name("f").description(description);
        runtime.block_on(publish("release 1").send()).unwrap();
        let version = runtime.block_on(publish("tuning").send()).unwrap();
        assert_eq!(version.version(), Some(expected), "{publishing:?}");
    }
}

/// Starts a service with the function `f`, whose callers have a policy of these statements. The policy is a file in
/// the folder.
fn with_policy(statements: &Value) -> (Folder, Local) {
    let folder = Folder::new();
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let policy = folder.file("policy.json", &policy.to_string());
    let function = format!("f={}", function("cpu-bound").display());
    let arguments =
        ["--update-delay-ms", "20", "--policy", policy.to_str().unwrap(), "--function", &function];
    (folder, Local::start(&arguments))
}

const F: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// Returns what the SDK sees of a refused call: the status, the error's name and the message.
#[track_caller]
fn refused<T: Debug, E: Debug + ProvideErrorMetadata>(
    answer: Result<T, SdkError<E>>,
) -> (u16, String, String) {
    let Err(SdkError::ServiceError(refusal)) = answer else { panic!("not refused: {answer:?}") };
    let (code, message) = (refusal.err().code().unwrap(), refusal.err().message().unwrap());
    (refusal.raw().status().as_u16(), code.to_owned(), message.to_owned())
}

fn denied(action: &str, resource: &str, why: &str) -> (u16, String, String) {
    let message = format!(
        "User: arn:aws:iam::123456789012:user/lpt is not authorized to perform: {action} on resource: {resource} {why}"
    );
    (403, "AccessDeniedException".to_owned(), message)
}

fn not_allowed(action: &str, resource: &str) -> (u16, String, String) {
    denied(action, resource, &format!("because no identity-based policy allows the {action} action"))
}

#[test]
fn a_call_that_the_policy_does_not_allow_is_refused() {
    let (_folder, local) = with_policy(&json!({
        "Effect": "Allow",
        "Action": ["lambda:getFunctionConfiguration", "lambda:*Alias*"],
        "Resource": F,
    }));
    let (runtime, client) = local.client();
    runtime.block_on(async {
        client.get_function_configuration().function_name("f").send().await.unwrap();
        // The resource of an action on an alias is the function.
        client
            .create_alias()
            .function_name("f")
            .name("live")
            .function_version("$LATEST")
            .send()
            .await
            .unwrap();
        client.get_alias().function_name("f").name("live").send().await.unwrap();
        client.list_aliases().function_name("f").send().await.unwrap();
        client.delete_alias().function_name("f").name("live").send().await.unwrap();
        let publish = client.publish_version().function_name("f");
        assert_eq!(refused(publish.send().await), not_allowed("lambda:PublishVersion", F));
        assert_eq!(
            refused(client.invoke().function_name("f").send().await),
            not_allowed("lambda:InvokeFunction", F)
        );
        // The refusal does not depend on whether the function exists.
        let other = "arn:aws:lambda:us-east-1:210987654321:function:g";
        let get = client.get_function_configuration().function_name(other);
        assert_eq!(refused(get.send().await), not_allowed("lambda:GetFunctionConfiguration", other));
        let create = client
            .create_function()
            .function_name("g")
            .role("arn:aws:iam::123456789012:role/any")
            .code(FunctionCode::builder().zip_file(zipped("bootstrap", b"").into()).build());
        let g = "arn:aws:lambda:us-east-1:123456789012:function:g";
        assert_eq!(refused(create.send().await), not_allowed("lambda:CreateFunction", g));
    });
}

#[test]
fn a_policy_must_cover_the_qualifier_too() {
    let (_folder, local) = with_policy(&json!([
        {"Effect": "Allow", "Action": "lambda:PublishVersion", "Resource": F},
        {"Effect": "Allow", "Action": ["lambda:GetFunctionConfiguration", "lambda:DeleteFunction"], "Resource": F},
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [F, format!("{F}:2")]},
    ]));
    let (runtime, client) = local.client();
    runtime.block_on(async {
        client.publish_version().function_name("f").send().await.unwrap();
        client.invoke().function_name("f").send().await.unwrap();
        let qualified = format!("{F}:1");
        let refusal = not_allowed("lambda:InvokeFunction", &qualified);
        assert_eq!(refused(client.invoke().function_name("f").qualifier("1").send().await), refusal);
        assert_eq!(refused(client.invoke().function_name("f:1").send().await), refusal);
        assert_eq!(refused(client.invoke().function_name(&qualified).send().await), refusal);
        let get = client.get_function_configuration().function_name("f").qualifier("1");
        assert_eq!(refused(get.send().await), not_allowed("lambda:GetFunctionConfiguration", &qualified));
        let delete = client.delete_function().function_name("f").qualifier("1");
        assert_eq!(refused(delete.send().await), not_allowed("lambda:DeleteFunction", &qualified));
        // The policy allows this version, which does not exist.
        let error = client.invoke().function_name("f").qualifier("2").send().await.unwrap_err();
        assert!(error.into_service_error().is_resource_not_found_exception());
    });
}

#[test]
fn an_explicit_deny_takes_precedence_over_any_allowance() {
    let (_folder, local) = with_policy(&json!([
        {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": format!("{F}*")},
    ]));
    let (runtime, client) = local.client();
    runtime.block_on(async {
        client.list_functions().send().await.unwrap();
        client.publish_version().function_name("f").send().await.unwrap();
        let words = "with an explicit deny in an identity-based policy";
        for (name, resource) in [("f", F.to_owned()), ("f:1", format!("{F}:1"))] {
            let refusal = denied("lambda:InvokeFunction", &resource, words);
            assert_eq!(refused(client.invoke().function_name(name).send().await), refusal);
        }
    });
}

#[test]
fn a_wildcard_covers_functions_and_versions_but_not_the_list_of_all() {
    let (_folder, local) = with_policy(&json!({
        "Effect": "Allow",
        "Action": "lambda:*",
        "Resource": "arn:aws:lambda:*:123456789012:function:?*",
    }));
    let (runtime, client) = local.client();
    runtime.block_on(async {
        client.publish_version().function_name("f").send().await.unwrap();
        client.get_function_configuration().function_name("f").qualifier("1").send().await.unwrap();
        assert_eq!(refused(client.list_functions().send().await), not_allowed("lambda:ListFunctions", "*"));
        let other = "arn:aws:lambda:us-east-1:210987654321:function:f";
        let get = client.get_function_configuration().function_name(other);
        assert_eq!(refused(get.send().await), not_allowed("lambda:GetFunctionConfiguration", other));
    });
}

#[test]
fn an_invalid_policy_is_refused_at_start() {
    let folder = Folder::new();
    let conditional = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:*",
        "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}"#;
    for (name, text, words) in
        [("conditional.json", conditional, ["Condition", "line 2"]), ("empty.json", "", ["EOF", "line 1"])]
    {
        let path = folder.file(name, text);
        let ran = Tool::new("lpt-local").arg("--policy").arg(&path).run();
        ran.fails_with(2, &[name, words[0], words[1]]);
    }
    let missing = folder.path("missing.json");
    Tool::new("lpt-local")
        .arg("--policy")
        .arg(missing)
        .run()
        .fails_with(2, &["missing.json", "No such file"]);
}

/// Returns the name of the runtime whose version python3 here has.
fn python_version() -> String {
    let script = "import sys; print('python%d.%d' % sys.version_info[:2], end='')";
    let output = Command::new("python3").args(["-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_python_of_another_version_does_not_stand_in() {
    if !python_with("awslambdaric") {
        return;
    }
    let folder = Folder::new();
    let app = folder.file("app.py", "def handler(event, context):\n    return 1\n");
    // No such Python was ever released.
    let argument = format!("f={},runtime=python3.0,handler=app.handler", app.parent().unwrap().display());
    Tool::new("lpt-local")
        .args(["--function", &argument])
        .run()
        .fails_with(2, &["python3.0 is not here", &format!("set runtime={}", python_version())]);
}

#[test]
fn what_a_function_prints_is_shown_with_verbose_only() {
    let folder = Folder::new();
    let script = "#!/bin/sh\nprintf 'one\\ntwo\\033[2J'\necho three >&2\nprintf four\n";
    let bootstrap = folder.file("bootstrap", script);
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
    let argument = format!("f={}", bootstrap.display());
    let script = format!("{} --power-values 512 f | {} --num 5", binary("lpt-prepare"), binary("lpt-invoke"));
    let shown = |flags: &[&str]| {
        let lpt_local = Tool::new("lpt-local").args(flags).args(["--function", &argument]);
        let stderr = lpt_local.args(["--", "sh", "-c", &script]).run().stderr;
        stderr
            .lines()
            .filter(|line| line.starts_with("lpt-local: f:1: "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&[]), Vec::<String>::new());
    let lines = shown(&["--verbose"]);
    let expected = ["one", r"two\u{1b}[2Jthree", "four"].map(|text| format!("lpt-local: f:1: {text}"));
    assert_eq!(lines[..3], expected, "{lines:?}");
}

#[test]
fn a_python_handler_runs_on_the_official_runtime_client() {
    if !python_with("awslambdaric") {
        return;
    }
    let folder = Folder::new();
    let source = "def handler(event, context):\n    if event.get('fail'):\n        raise ValueError('as asked')\n    return {'memory': context.memory_limit_in_mb}\n";
    let app = folder.file("app.py", source);
    let runtime = python_version();
    let argument = format!("f={},runtime={runtime},handler=app.handler", app.parent().unwrap().display());
    let local = Local::with(&[&argument]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "512,1024", "f"]).run().succeeds();
    let invoked = local.tool("lpt-invoke").args(["--num", "5"]).stdin(&*prepared.stdout).run().succeeds();
    assert_eq!(invoked.of_type("invocation").len(), 10);
    let failed = local
        .tool("lpt-invoke")
        .args(["--num", "1", "--payload", r#"{"fail": true}"#])
        .stdin(prepared.stdout)
        .run();
    let invocation = &failed.of_type("invocation")[0];
    assert_eq!(
        (&invocation["errorType"], &invocation["errorMessage"]),
        (&"ValueError".into(), &"as asked".into())
    );
}

/// Starts a service that replays a recording of two environments at 512 MB and one at 1024 MB. The environment of a row
/// can be told from its duration, as can its place there: the third row of b is 203.25 ms.
fn replaying(flags: &[&str]) -> (Folder, Local) {
    let folder = Folder::new();
    let mut csv =
        "memorySizeMB,environment,durationMs,billedDurationMs,initDurationMs,maxMemoryUsedMB\n".to_owned();
    for row in 1..=5 {
        let init = if row == 1 { "80.5" } else { "" };
        for (memory, environment, duration) in [(512, "a", 100), (512, "b", 200), (1024, "c", 300)] {
            let duration = duration + row;
            csv += &format!("{memory},{environment},{duration}.25,{},{init},70\n", duration + 7);
        }
    }
    let file = folder.file("f.csv", &csv);
    let [text, json] = ["f=", "g="].map(|name| format!("{name}{},memory=512,log-format=", file.display()));
    let (text, json) = (text + "Text", json + "JSON");
    let local = Local::start(
        &[
            &["--control-plane-rate", "0", "--update-delay-ms", "20"],
            flags,
            &["--replay", &text, "--replay", &json],
        ]
        .concat(),
    );
    (folder, local)
}

/// Prepares `function` with these sizes, invokes each `num` times in series, and returns the records.
fn replayed(local: &Local, function: &str, sizes: &str, num: &str) -> Vec<Value> {
    let prepared = local.tool("lpt-prepare").args(["--power-values", sizes, function]).run().succeeds();
    let invoke = local.tool("lpt-invoke").args(["--num", num]);
    invoke.stdin(prepared.stdout).run().succeeds().of_type("invocation")
}

fn durations(records: &[Value], memory: u64) -> Vec<f64> {
    let of_size = records.iter().filter(|record| record["memorySizeMB"] == memory);
    of_size.map(|record| record["durationMs"].as_f64().unwrap()).collect()
}

#[test]
fn a_replay_runs_through_an_environment_before_it_draws_another() {
    let (_folder, local) = replaying(&[]);
    for function in ["f", "g"] {
        let records = replayed(&local, function, "512", "20");
        let durations = durations(&records, 512);
        for environment in durations.chunks(5) {
            let expected: Vec<f64> = (0..5).map(|row| environment[0] + f64::from(row)).collect();
            assert_eq!(environment, expected);
            assert!([101.25, 201.25].contains(&environment[0]));
        }
        for (at, record) in records.iter().enumerate() {
            let is_cold = at % 5 == 0;
            assert_eq!(record["coldStart"], is_cold);
            assert_eq!(record["initDurationMs"], if is_cold { json!(80.5) } else { Value::Null });
            let billed = record["durationMs"].as_f64().unwrap() + 6.75;
            assert_eq!(
                record["billedDurationMs"].as_f64(),
                Some(billed),
                "as recorded, with or without init"
            );
            assert_eq!(record["maxMemoryUsedMB"], 70);
        }
    }
}

#[test]
fn a_seed_draws_the_same_environments_in_whatever_order_sizes_are_invoked() {
    let drawn = |seed: &str, first: &str, second: &str| {
        let (_folder, local) = replaying(&["--seed", seed]);
        let mut records = replayed(&local, "f", first, "60");
        records.extend(replayed(&local, "f", second, "60"));
        durations(&records, 512)
    };
    let expected = drawn("1", "512", "1024");
    assert_eq!(drawn("1", "1024", "512"), expected);
    assert_ne!(drawn("2", "512", "1024"), expected);
}

#[test]
fn parallel_requests_meet_an_environment_each_and_later_ones_those_that_were_used_last() {
    let (_folder, local) = replaying(&["--wave-ms", "300"]);
    let (runtime, client) = local.client();
    let wave = |requests| {
        let invoke = || client.invoke().function_name("f").log_type(LogType::Tail).send();
        let answers = runtime.block_on(futures_util::future::join_all((0..requests).map(|_| invoke())));
        answers
            .into_iter()
            .map(|answer| {
                let answer = answer.unwrap();
                assert_eq!(answer.payload().unwrap().as_ref(), b"null");
                let log = BASE64_STANDARD.decode(answer.log_result().unwrap()).unwrap();
                let log = String::from_utf8(log).unwrap();
                let (_, duration) = log.split_once("\tDuration: ").unwrap();
                duration[1..].split_once('.').unwrap().0.parse::<u32>().unwrap()
            })
            .collect::<Vec<_>>()
    };
    let rows = [8, 8, 1, 1, 1].map(wave);
    assert_eq!(rows, [vec![1; 8], vec![2; 8], vec![3], vec![4], vec![5]]);
}

#[test]
fn a_size_near_a_recorded_one_is_replayed_and_no_other() {
    let (_folder, local) = replaying(&[]);
    let records = replayed(&local, "f", "1000", "5");
    assert_eq!(durations(&records, 1000), [301.25, 302.25, 303.25, 304.25, 305.25]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "600", "f"]).run().succeeds();
    let failed = local.tool("lpt-invoke").args(["--num", "1"]).stdin(prepared.stdout).run();
    let invocation = &failed.of_type("invocation")[0];
    assert_eq!(invocation["outcome"], "function-error");
    assert_eq!(invocation["errorType"], "Runtime.InvalidEntrypoint");
    let message = invocation["errorMessage"].as_str().unwrap();
    assert!(
        message
            .ends_with("f.csv has no invocations within 3 % of 600 MB; use one of its sizes: 512, 1024 MB"),
        "{message}"
    );
}

#[test]
fn a_recording_needs_only_four_columns() {
    let folder = Folder::new();
    let file =
        folder.file("f.csv", "other,billedDurationMs,durationMs,environment,memorySizeMB\nx,6,5.25,1,512\n");
    let local = Local::start(&["--update-delay-ms", "20", "--replay", &format!("f={}", file.display())]);
    let records = replayed(&local, "f", "512", "5");
    for record in records {
        assert_eq!((&record["durationMs"], &record["billedDurationMs"]), (&json!(5.25), &json!(6)));
        assert_eq!(record["coldStart"], false);
        assert_eq!((&record["initDurationMs"], &record["maxMemoryUsedMB"]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn a_bad_recording_is_refused_at_start_with_its_line() {
    let folder = Folder::new();
    let header = "memorySizeMB,environment,durationMs,billedDurationMs,initDurationMs,maxMemoryUsedMB\n";
    let good = "512,a,5.25,6,,\n";
    let with = |row: &str| format!("{header}{good}{row}\n");
    for (text, words) in [
        (String::new(), "f.csv:1: no column memorySizeMB"),
        ("memorySizeMB,environment,durationMs\n".to_owned(), "f.csv:1: no column billedDurationMs"),
        (header.to_owned(), "f.csv: no rows"),
        (
            with("64,a,5,6,,"),
            "f.csv:3: memorySizeMB: a memory size is a whole number from 128 to 10240 MB, not \"64\"",
        ),
        (with("512,,5,6,,"), "f.csv:3: environment is empty"),
        (with("512,a,fast,6,,"), "f.csv:3: durationMs is \"fast\", not a number of milliseconds"),
        (with("512,a,-5,6,,"), "f.csv:3: durationMs is \"-5\""),
        (with("512,a,NaN,6,,"), "f.csv:3: durationMs is \"NaN\""),
        (
            with("512,a,5,0,,"),
            "f.csv:3: billedDurationMs is \"0\", not a whole number of milliseconds from 1 up",
        ),
        (with("512,a,5,6.5,,"), "f.csv:3: billedDurationMs is \"6.5\""),
        (with("512,a,5,6,cold,"), "f.csv:3: initDurationMs is \"cold\""),
        (with("512,a,5,6,,70 MB"), "f.csv:3: maxMemoryUsedMB is \"70 MB\", not a whole number of MB"),
        (with("512,a,5,6"), "f.csv:3: 4 cells, and the header has 6 names"),
    ] {
        let argument = format!("f={}", folder.file("f.csv", &text).display());
        let ran = Tool::new("lpt-local").args(["--replay", &argument]).run();
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        ran.fails_with(2, &["--replay f: ", words]);
    }
    let missing = format!("f={}", folder.path("missing.csv").display());
    Tool::new("lpt-local").args(["--replay", &missing]).run().fails_with(2, &["missing.csv", "No such file"]);
}
