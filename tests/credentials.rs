//! Whose account and which region a tool works in.

use std::path::PathBuf;

use crate::common::network::{Proxy, Tls};
use crate::common::records::{end, lines, plan, selection};
use crate::common::{Folder, Local, Ran, Scripted, Tool, function, refusal};

/// Profiles with credentials of each kind, each with a region of its own.
const PROFILES: &str = "
[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key = secret
region = ap-south-1

[profile static]
aws_access_key_id = AKIDSTATIC
aws_secret_access_key = secret
region = eu-west-1

[profile process]
credential_process = echo '{\"Version\":1,\"AccessKeyId\":\"AKIDPROCESS\",\"SecretAccessKey\":\"secret\"}'
region = eu-west-2

[profile role]
role_arn = arn:aws:iam::123456789012:role/r
source_profile = static
region = eu-west-3

[profile sso]
sso_start_url = https://example.test/start
sso_region = us-west-2
sso_account_id = 123456789012
sso_role_name = r
region = eu-north-1

[profile without-region]
aws_access_key_id = AKIDWITHOUT
aws_secret_access_key = secret

[profile without-credentials]
region = eu-west-1
";

/// The name of the file with the SSO token: the SHA-1 of the start URL.
const SSO_TOKEN: &str = "1997fabd2b1e0f948dd90c4e939020df4b7cbbbe.json";

/// The profiles on disk, and an endpoint that is STS, SSO, and a Lambda without functions.
struct Accounts {
    folder: Folder,
    aws: Scripted,
}

impl Accounts {
    fn new() -> Accounts {
        let folder = Folder::new();
        folder.file("config", PROFILES);
        let cache: PathBuf = folder.path(".aws/sso/cache");
        std::fs::create_dir_all(&cache).unwrap();
        let token = r#"{"accessToken":"token","expiresAt":"2999-01-01T00:00:00Z"}"#;
        std::fs::write(cache.join(SSO_TOKEN), token).unwrap();
        Accounts { folder, aws: Scripted::with(answer) }
    }

    /// Returns a tool that has keys and a region in its environment.
    fn tool(&self, name: &str) -> Tool {
        self.aws
            .tool(name)
            .env("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
            .env("AWS_CONFIG_FILE", self.folder.path("config"))
            .env("HOME", self.folder.path(""))
    }

    /// Returns who signed the last request, for which region.
    fn last_signer(&self) -> (String, String) {
        signer(self.aws.requests().last().expect("a request"))
    }
}

fn answer(request: &str) -> String {
    let body = if request.contains("Action=AssumeRole") {
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>t</SessionToken>\
         <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    } else if request.starts_with("GET /federation/credentials") {
        "{\"roleCredentials\":{\"accessKeyId\":\"AKIDSSO\",\"secretAccessKey\":\"secret\",\
         \"sessionToken\":\"t\",\"expiration\":32472144000000}}"
    } else {
        return refusal("404 Not Found", "ResourceNotFoundException", "Function not found: f");
    };
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// Returns the key and the region of a request's signature.
fn signer(request: &str) -> (String, String) {
    let (_, credential) = request.split_once("Credential=").expect("a signature");
    let mut parts = credential.split('/').map(str::to_owned);
    (parts.next().unwrap(), parts.nth(1).unwrap())
}

#[test]
fn a_profile_that_a_flag_names_takes_precedence_over_keys_and_region_in_the_environment() {
    for (profile, key, region) in [
        ("static", "AKIDSTATIC", "eu-west-1"),
        ("process", "AKIDPROCESS", "eu-west-2"),
        ("role", "AKIDROLE", "eu-west-3"),
        ("sso", "AKIDSSO", "eu-north-1"),
        ("default", "AKIDDEFAULT", "ap-south-1"),
        // It has no region, so that of the environment counts.
        ("without-region", "AKIDWITHOUT", "us-east-1"),
    ] {
        let accounts = Accounts::new();
        let ran = accounts.tool("lpt-prepare").args(["--profile", profile, "f"]).run();
        ran.fails_with(1, &["Function not found"]);
        assert_eq!(accounts.last_signer(), (key.to_owned(), region.to_owned()), "{profile}");
        if profile == "role" {
            assert_eq!(signer(&accounts.aws.requests()[0]).0, "AKIDSTATIC", "the source profile asks STS");
        }
    }
    let accounts = Accounts::new();
    accounts.tool("lpt-prepare").args(["--profile", "static", "--region", "sa-east-1", "f"]).run();
    assert_eq!(accounts.last_signer(), ("AKIDSTATIC".to_owned(), "sa-east-1".to_owned()));
}

#[test]
fn keys_and_region_in_the_environment_take_precedence_over_a_profile_in_the_environment() {
    let accounts = Accounts::new();
    accounts.tool("lpt-prepare").env("AWS_PROFILE", "static").arg("f").run();
    assert_eq!(accounts.last_signer(), ("AKIDENVIRONMENT".to_owned(), "us-east-1".to_owned()));
    let tool = accounts.tool("lpt-prepare").env("AWS_PROFILE", "static").env_remove("AWS_ACCESS_KEY_ID");
    tool.env_remove("AWS_REGION").arg("f").run();
    assert_eq!(accounts.last_signer(), ("AKIDSTATIC".to_owned(), "eu-west-1".to_owned()));
}

#[test]
fn a_profile_that_does_not_exist_is_an_error_before_any_call() {
    let accounts = Accounts::new();
    let config = accounts.folder.path("config").display().to_string();
    for tool in ["lpt-prepare", "lpt-invoke", "lpt-apply", "lpt-cleanup"] {
        let function = (tool == "lpt-prepare").then_some("f");
        let ran = accounts.tool(tool).args(["--profile", "nope"]).args(function).run();
        ran.fails_with(1, &["there is no profile nope in ", &config, "/dev/null", "--profile"]);
    }
    let ran = accounts.tool("lpt-prepare").env("AWS_PROFILE", "nope").arg("f").run();
    ran.fails_with(1, &["there is no profile nope in ", &config, "AWS_PROFILE"]);
    assert_eq!(accounts.aws.requests(), [""; 0]);
}

/// Where there is no instance, something else may answer at the address of its metadata.
#[test]
fn a_metadata_service_that_refuses_is_a_place_without_credentials() {
    let refusing = Scripted::with(|_| refusal("403 Forbidden", "AccessDenied", "no"));
    let ran = Tool::new("lpt-prepare")
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", refusing.endpoint())
        .args(["--region", "us-east-1", "f"])
        .run();
    assert!(!ran.stderr.contains("IMDS"), "{}", ran.stderr);
    ran.fails_with(1, &["there are no credentials in the environment", "instance"]);
}

#[test]
fn a_file_of_profiles_that_is_malformed_is_an_error() {
    let accounts = Accounts::new();
    let config = accounts.folder.file("malformed", "[default\nregion = eu-west-1\n");
    let ran = accounts.tool("lpt-prepare").env("AWS_CONFIG_FILE", &config).arg("f").run();
    ran.fails_with(1, &[&config.display().to_string(), "line 1"]);
}

#[test]
fn missing_credentials_are_reported_with_the_places_that_were_looked_in() {
    let accounts = Accounts::new();
    let ran = accounts.tool("lpt-prepare").args(["--profile", "without-credentials", "f"]).run();
    ran.fails_with(1, &["there are no credentials in the profile without-credentials of ", "--profile"]);
    let nothing =
        accounts.tool("lpt-prepare").env("AWS_CONFIG_FILE", "/dev/null").env_remove("AWS_ACCESS_KEY_ID");
    let ran = nothing.arg("f").run();
    let places = ["environment", "profile default", "SSO", "web identity", "container", "instance"];
    assert!(!ran.stderr.contains("IMDS"), "{}", ran.stderr);
    ran.fails_with(1, &places);
}

/// Only the proxy knows these hosts.
#[test]
fn sts_sso_and_s3_are_reached_through_the_proxy_too() {
    let accounts = Accounts::new();
    let tls = Tls::before(accounts.aws.endpoint());
    let at = |host: &str| format!("https://{host}:{}", tls.port);
    let proxy = Proxy::start(None);
    let tool = |name, profile| {
        accounts
            .tool(name)
            .args(["--profile", profile])
            .env("AWS_ENDPOINT_URL", at("lambda.test"))
            .env("AWS_ENDPOINT_URL_STS", at("sts.test"))
            .env("AWS_ENDPOINT_URL_SSO", at("sso.test"))
            .env("AWS_ENDPOINT_URL_S3", at("s3.test"))
            .env("AWS_CA_BUNDLE", tls.authority())
            .env("HTTPS_PROXY", proxy.url(""))
    };
    for (profile, host) in [("role", "sts.test"), ("sso", "sso.test")] {
        tool("lpt-prepare", profile).arg("f").run().fails_with(1, &["Function not found"]);
        assert!(proxy.was_asked_for(host) && proxy.was_asked_for("lambda.test"), "{profile}");
    }
    let payload = ["--payload-s3", "s3://bucket/key"];
    assert_eq!(tool("lpt-invoke", "static").args(payload).run().code, Some(1));
    assert!(proxy.was_asked_for("bucket.s3.test"));
}

#[test]
fn each_tool_that_calls_aws_says_in_which_account_and_region() {
    let local = Local::with(&[&format!("f={}", function("cpu-bound").display())]);
    let place = "works in account 123456789012, region us-east-1, by AWS_ACCESS_KEY_ID";
    let said = |ran: &Ran| {
        assert_eq!(ran.stderr.matches(place).count(), 1, "{}: {}", ran.tool, ran.stderr);
    };
    let prepared = local.tool("lpt-prepare").args(["-v", "--power-values", "256", "f"]).run();
    said(&prepared);
    let invoke = local.tool("lpt-invoke").args(["-v", "--num", "5", "--payload", r#"{"iterations": 1}"#]);
    let invoked = invoke.stdin(prepared.stdout).run();
    said(&invoked);
    let analyzed = local.tool("lpt-analyze").stdin(invoked.stdout).run();
    let selected = local.tool("lpt-select").stdin(analyzed.stdout).run();
    let applied = local.tool("lpt-apply").arg("-v").stdin(selected.stdout).run();
    said(&applied);
    said(&local.tool("lpt-cleanup").arg("-v").stdin(applied.stdout).run());
}

/// These are the SDK's own events.
#[test]
fn verbose_given_twice_says_where_credentials_were_looked_for_and_shows_no_secret() {
    let local = Local::with(&[&format!("f={}", function("echo").display())]);
    let said = |verbose: &str| {
        let tool = local.tool("lpt-prepare").env("AWS_SECRET_ACCESS_KEY", "the-secret");
        let tool = tool.env("AWS_SESSION_TOKEN", "the-token").args([verbose, "--power-values", "256", "f"]);
        let ran = tool.run().succeeds();
        assert!(!ran.stderr.contains("the-secret") && !ran.stderr.contains("the-token"), "{}", ran.stderr);
        ran.stderr
    };
    let found = "lpt-prepare: loaded credentials provider=Environment\n";
    let whole = said("-vv");
    assert_eq!(whole.matches(found).count(), 1, "{whole}");
    assert!(whole.lines().all(|line| line.starts_with("lpt-prepare: ")), "{whole}");
    assert!(!said("-v").contains(found));
}

/// A service with the function `f` in two accounts, and a profile for each, named `a` and `b`.
struct TwoAccounts {
    local: Local,
    folder: Folder,
}

impl TwoAccounts {
    const A: &str = "111111111111";
    const B: &str = "222222222222";

    fn new() -> TwoAccounts {
        let path = function("cpu-bound").display().to_string();
        let [a, b] =
            [TwoAccounts::A, TwoAccounts::B].map(|account| format!("f={path},memory=512,account={account}"));
        let key = |account: &str| format!("LPTKEYOFACCOUNT{account}");
        let callers = [TwoAccounts::A, TwoAccounts::B].map(|account| format!("{}={account}", key(account)));
        let local = Local::start(&[
            "--control-plane-rate",
            "0",
            "--update-delay-ms",
            "20",
            "--function",
            &a,
            "--function",
            &b,
            "--caller",
            &callers[0],
            "--caller",
            &callers[1],
        ]);
        let folder = Folder::new();
        let profile = |name: &str, account: &str| {
            let key = key(account);
            format!(
                "[profile {name}]\naws_access_key_id = {key}\naws_secret_access_key = test\nregion = us-east-1\n"
            )
        };
        let profiles = profile("a", TwoAccounts::A) + &profile("b", TwoAccounts::B);
        folder.file("config", &profiles);
        TwoAccounts { local, folder }
    }

    /// Returns a tool whose environment has no credentials.
    fn tool(&self, name: &str) -> Tool {
        let tool = self.local.tool(name).env("AWS_CONFIG_FILE", self.folder.path("config"));
        tool.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY")
    }

    fn prepared(&self, profile: &str) -> Ran {
        let prepare = self.tool("lpt-prepare").args(["--profile", profile, "--power-values", "256", "f"]);
        prepare.run().succeeds()
    }

    fn arn(account: &str) -> String {
        format!("arn:aws:lambda:us-east-1:{account}:function:f")
    }
}

#[test]
fn each_function_of_a_stream_is_called_with_the_profile_of_its_plan() {
    let accounts = TwoAccounts::new();
    let mut stream = String::new();
    for (profile, account) in [("a", TwoAccounts::A), ("b", TwoAccounts::B)] {
        let prepared = accounts.prepared(profile);
        let plan = &prepared.of_type("plan")[0];
        assert_eq!(
            (&plan["profile"], &plan["functionArn"]),
            (&profile.into(), &TwoAccounts::arn(account).into())
        );
        stream += &prepared.stdout;
    }
    let functions = |ran: &Ran, record_type: &str| {
        let mut functions: Vec<String> = ran
            .of_type(record_type)
            .iter()
            .map(|record| record["functionArn"].as_str().unwrap().to_owned())
            .collect();
        functions.sort_unstable();
        functions.dedup();
        functions
    };
    let both = [TwoAccounts::arn(TwoAccounts::A), TwoAccounts::arn(TwoAccounts::B)];
    let invoke = accounts.tool("lpt-invoke").args(["--num", "5", "--payload", r#"{"iterations": 1}"#]);
    let invoked = invoke.stdin(stream).run().succeeds();
    assert_eq!(functions(&invoked, "invocation"), both);
    // What a cold start takes would be warned of.
    let analyzed =
        accounts.tool("lpt-analyze").args(["--starts", "warm"]).stdin(invoked.stdout).run().succeeds();
    let selected = accounts.tool("lpt-select").stdin(analyzed.stdout).run().succeeds();
    let applied = accounts.tool("lpt-apply").stdin(&*selected.stdout).run().succeeds();
    assert_eq!(functions(&applied, "applied"), both);
    // $LATEST is no longer as in the plans, so each alias needs a plan of its own, with the profile.
    let aliased =
        accounts.tool("lpt-apply").args(["--alias", "live"]).stdin(&*selected.stdout).run().succeeds();
    let profiles: Vec<_> = aliased.of_type("plan").iter().map(|plan| plan["profile"].clone()).collect();
    assert_eq!(profiles, ["a", "b", "a", "b"]);
    let cleaned = accounts.tool("lpt-cleanup").stdin(aliased.stdout).run().succeeds();
    assert_eq!(functions(&cleaned, "cleaned"), both);
    assert_eq!(cleaned.of_type("cleaned")[0]["left"], serde_json::json!([]));
}

#[test]
fn a_profile_that_is_missing_stops_lpt_apply_for_its_own_function_only() {
    let accounts = TwoAccounts::new();
    let plans =
        ["a", "b"].map(|profile| accounts.prepared(profile).stdout.lines().next().unwrap().to_owned());
    let plans = plans.join("\n").replace(r#""profile":"a""#, r#""profile":"nope""#);
    let [a, b] = [TwoAccounts::A, TwoAccounts::B].map(TwoAccounts::arn);
    let selected = |arn: &String| selection("f").with("functionArn", &**arn).memory(1024);
    let input = plans + "\n" + &lines([selected(&a), selected(&b), end("lpt-select")]);
    // lpt-prepare's tag at $LATEST is that of a run at work.
    let cleanup = accounts.tool("lpt-cleanup").arg("-q");
    cleanup.stdin(input.replace(r#""profile":"nope""#, r#""profile":"a""#)).run().succeeds();
    let ran = accounts.tool("lpt-apply").stdin(&*input).run();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("f: its plan names the profile nope"), "{}", ran.stderr);
    let applied = ran.of_type("applied");
    assert!(!applied.is_empty() && applied.iter().all(|record| record["functionArn"] == *b), "{applied:?}");
}

#[test]
fn credentials_of_another_account_than_that_of_the_function_are_named() {
    let accounts = TwoAccounts::new();
    let words = ["credentials are of account 222222222222", "in account 111111111111", "--profile"];
    let prepare = accounts.tool("lpt-prepare").args(["--profile", "b", &TwoAccounts::arn(TwoAccounts::A)]);
    prepare.run().fails_with(77, &words);
    let prepared = accounts.prepared("a");
    let cleanup = accounts.tool("lpt-cleanup").args(["-q", "--profile", "b"]).stdin(prepared.stdout).run();
    assert_eq!(cleanup.code, Some(77), "a flag takes precedence over the plan: {}", cleanup.stderr);
    assert!(words.iter().all(|word| cleanup.stderr.contains(word)), "{}", cleanup.stderr);
}

#[test]
fn the_profile_of_a_plan_takes_precedence_over_the_environment_and_a_flag_over_both() {
    for (profile, flag, key) in [
        ("static", None, "AKIDSTATIC"),
        ("role", None, "AKIDROLE"),
        ("sso", None, "AKIDSSO"),
        ("process", None, "AKIDPROCESS"),
        ("static", Some("process"), "AKIDPROCESS"),
    ] {
        let accounts = Accounts::new();
        let input = lines([plan("f").with("profile", profile), end("lpt-prepare")]);
        let flag = flag.map(|flag| format!("--profile={flag}"));
        accounts.tool("lpt-cleanup").args(flag).stdin(input).run().succeeds();
        let signer = accounts.last_signer();
        assert_eq!(signer, (key.to_owned(), "us-east-1".to_owned()), "{profile}: the region of the function");
    }
}

#[test]
fn a_profile_of_a_plan_that_is_not_on_this_machine_is_said_in_one_line() {
    for tool in ["lpt-invoke", "lpt-apply", "lpt-cleanup"] {
        let accounts = Accounts::new();
        let of_another = plan("g").with("profile", "static");
        let input = [plan("f").with("profile", "nope"), of_another, selection("f"), end("lpt-prepare")];
        let input = lines(input);
        let config = accounts.folder.path("config").display().to_string();
        let ran = accounts.tool(tool).arg("-q").stdin(input).run();
        let signed = accounts.aws.requests().iter().map(|request| signer(request).0).collect::<Vec<_>>();
        assert!(
            signed.iter().all(|key| key == "AKIDSTATIC"),
            "{tool}: nothing is done as somebody else: {signed:?}"
        );
        assert_eq!(
            !signed.is_empty(),
            tool == "lpt-cleanup",
            "{tool}: the others are cleaned up all the same"
        );
        ran.fails_with(1, &["f: its plan names the profile nope, which is not in ", &config, "--profile"]);
    }
}
