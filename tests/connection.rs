//! How a tool reaches AWS: over TLS, and through a proxy.

use crate::common::network::{Proxy, Tls};
use crate::common::{Folder, Local, Pipe, Ran, Tool, function};

fn service() -> Local {
    Local::with(&[&format!("f={},memory=256", function("cpu-bound").display())])
}

/// Runs the pipe on `f`, with tools that `connect` leads to the service, and returns how each tool ended.
#[track_caller]
fn run_pipe(connect: impl Fn(Tool) -> Tool) -> Vec<Ran> {
    let tool = |name, arguments: &[&str]| connect(Tool::new(name).args(arguments));
    let payload = r#"{"iterations": 1}"#;
    Pipe::start(vec![
        tool("lpt-prepare", &["--power-values", "256,512", "f"]),
        tool("lpt-invoke", &["--num", "5", "--payload", payload]),
        tool("lpt-analyze", &[]),
        tool("lpt-select", &[]),
        tool("lpt-apply", &[]),
        tool("lpt-cleanup", &[]),
    ])
    .finish()
}

/// Runs the pipe, which does all that it is to do.
#[track_caller]
fn run_whole_pipe(local: &Local, connect: impl Fn(Tool) -> Tool) {
    let versions = local.state_of("f").versions.len();
    let ran = run_pipe(|tool| connect(tool.towards(local.endpoint())));
    for ran in &ran {
        assert_eq!(ran.code, Some(0), "{}: {}", ran.tool, ran.stderr);
    }
    let cleaned = ran.last().unwrap().of_type("cleaned");
    assert_eq!(cleaned[0]["versionsDeleted"].as_array().unwrap().len(), 2);
    assert_eq!(local.state_of("f").versions.len(), versions);
}

#[test]
fn the_pipe_runs_over_tls_with_the_authority_that_aws_ca_bundle_names() {
    let local = service();
    let tls = Tls::before(local.endpoint());
    run_whole_pipe(&local, |tool| {
        tool.env("AWS_ENDPOINT_URL", tls.endpoint()).env("AWS_CA_BUNDLE", tls.authority())
    });
}

#[test]
fn the_environment_takes_precedence_over_the_authority_that_the_profile_names() {
    let local = service();
    let tls = Tls::before(local.endpoint());
    let folder = Folder::new();
    let config = |bundle: &str| {
        folder.file("config", &format!("[default]\n[profile company]\nca_bundle = {bundle}\n"))
    };
    let authority = tls.authority().display().to_string();
    let prepare = |bundle: &str| {
        let tool = local.tool("lpt-prepare").env("AWS_CONFIG_FILE", config(bundle));
        let tool = tool.env("AWS_PROFILE", "company").env("AWS_ENDPOINT_URL", tls.endpoint());
        tool.args(["--policy", "f"])
    };
    prepare(&authority).run().succeeds();
    prepare("/nonexistent").env("AWS_CA_BUNDLE", &authority).run().succeeds();
    prepare("/nonexistent").run().fails_with(1, &["/nonexistent: ", "AWS_CA_BUNDLE", "ca_bundle"]);
}

#[test]
fn an_issuer_that_is_not_trusted_is_reported_with_what_to_set() {
    let local = service();
    let tls = Tls::before(local.endpoint());
    let prepare = || local.tool("lpt-prepare").env("AWS_ENDPOINT_URL", tls.endpoint()).arg("f");
    let words = ["lambda:GetFunction: ", "UnknownIssuer", "AWS_CA_BUNDLE", "ca_bundle"];
    prepare().run().fails_with(1, &words);
    let other = Tls::before(local.endpoint());
    let words = ["invalid peer certificate", "AWS_CA_BUNDLE"];
    prepare().env("AWS_CA_BUNDLE", other.authority()).run().fails_with(1, &words);
    let empty = Folder::new().file("empty.pem", "");
    prepare().env("AWS_CA_BUNDLE", empty).run().fails_with(1, &["empty.pem: ", "AWS_CA_BUNDLE"]);
}

#[test]
fn the_pipe_runs_through_a_proxy_with_and_without_credentials() {
    let local = service();
    let tls = Tls::before(local.endpoint());
    for (asked_for, given) in [(None, ""), (Some("user:p@ss"), "user:p%40ss@")] {
        let proxy = Proxy::start(asked_for);
        run_whole_pipe(&local, |tool| {
            tool.env("AWS_ENDPOINT_URL", tls.endpoint())
                .env("AWS_CA_BUNDLE", tls.authority())
                .env("HTTPS_PROXY", proxy.url(given))
        });
        assert!(proxy.was_asked_for("localhost"));
    }
}

#[test]
fn a_proxy_that_does_not_let_through_is_named() {
    let local = service();
    let tls = Tls::before(local.endpoint());
    let prepare = |proxy: &str| {
        let tool = local.tool("lpt-prepare").env("AWS_CA_BUNDLE", tls.authority()).env("HTTPS_PROXY", proxy);
        tool.env("AWS_ENDPOINT_URL", tls.endpoint()).arg("f").run()
    };
    let proxy = Proxy::start(Some("user:password"));
    for given in ["", "user:wrong@"] {
        prepare(&proxy.url(given)).fails_with(1, &["proxy authorization required", "HTTPS_PROXY"]);
    }
    prepare("http://127.0.0.1:9").fails_with(1, &["refused", "HTTPS_PROXY"]);
    prepare("socks5://user:secret@127.0.0.1:9").fails_with(1, &["HTTPS_PROXY", "http://HOST:PORT"]);
}

#[test]
fn no_proxy_and_lower_case_take_precedence() {
    let local = service();
    let tls = Tls::before(local.endpoint());
    let prepare = |proxy: &Proxy| {
        let tool = local.tool("lpt-prepare").env("AWS_CA_BUNDLE", tls.authority());
        let tool = tool.env("AWS_ENDPOINT_URL", tls.endpoint()).env("HTTPS_PROXY", proxy.url(""));
        tool.args(["--policy", "f"])
    };
    for (variable, value, is_proxied) in [
        ("NO_PROXY", "elsewhere.test", true),
        ("NO_PROXY", "elsewhere.test, localhost", false),
        ("no_proxy", "*", false),
        ("https_proxy", "", false),
    ] {
        let proxy = Proxy::start(None);
        prepare(&proxy).env(variable, value).run().succeeds();
        assert_eq!(proxy.was_asked_for("localhost"), is_proxied, "{variable}={value}");
    }
    let (proxy, other) = (Proxy::start(None), Proxy::start(None));
    prepare(&other).env("https_proxy", proxy.url("")).run().succeeds();
    assert!(proxy.was_asked_for("localhost") && !other.was_asked_for("localhost"));
    // lpt-local and the metadata of an instance have no TLS.
    local.tool("lpt-prepare").env("HTTPS_PROXY", other.url("")).args(["--policy", "f"]).run().succeeds();
    assert!(!other.was_asked_for("127.0.0.1"));
}
