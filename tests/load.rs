//! Many functions, many invocations: the tools keep to the limits of AWS, and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
#[cfg(target_os = "linux")]
use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::common::{Local, Pipe, function};
#[cfg(target_os = "linux")]
use crate::common::{binary, variables};

/// Starts a service with `count` functions, whose control plane takes `rate` requests a second. Returns their names.
fn service(count: usize, rate: &str) -> (Local, Vec<String>) {
    let names: Vec<String> = (0..count).map(|number| format!("f{number}")).collect();
    let path = function("echo");
    let functions = names.iter().map(|name| format!("{name}={}", path.display())).collect::<Vec<_>>();
    let mut arguments = vec!["--control-plane-rate", rate, "--update-delay-ms", "20"];
    for function in &functions {
        arguments.extend(["--function", function]);
    }
    (Local::start(&arguments), names)
}

/// Takes these functions through the pipe, three tools of it at this rate. Returns what the tools said.
#[track_caller]
fn prepared_measured_and_cleaned(local: &Local, names: &[String], sizes: &[&str], rate: &str) -> String {
    let before = local.account();
    let paced = |tool: &str| local.tool(tool).env("LPT_CONTROL_PLANE_RATE", rate).arg("-v");
    let ran = Pipe::start(vec![
        paced("lpt-prepare").args(["--num", "5", "--power-values", &sizes.join(",")]).args(names),
        paced("lpt-invoke"),
        local.tool("lpt-analyze"),
        local.tool("lpt-select"),
        paced("lpt-cleanup"),
    ])
    .finish();
    let said = ran.iter().map(|ran| &*ran.stderr).collect();
    let last = ran.into_iter().map(|ran| ran.succeeds()).next_back().unwrap();
    let selected: BTreeSet<String> =
        last.of_type("selection").iter().map(|selection| selection["functionArn"].to_string()).collect();
    assert_eq!(selected.len(), names.len());
    let cleaned = last.of_type("cleaned");
    assert_eq!(cleaned.len(), names.len());
    for cleaned in cleaned {
        assert_eq!(cleaned["versionsDeleted"].as_array().unwrap().len(), sizes.len());
        assert_eq!(cleaned["left"], Value::Array(Vec::new()));
    }
    assert_eq!(local.account(), before);
    said
}

#[test]
fn many_functions_are_prepared_measured_and_cleaned_below_the_limit_of_the_control_plane() {
    let (local, names) = service(4, "60");
    let sizes = ["128", "256", "512", "1024", "1536", "3008"];
    let said = prepared_measured_and_cleaned(&local, &names, &sizes, "40");
    assert!(!said.contains("TooManyRequestsException"), "{said}");
}

/// Five for each version: the update, the publication, the alias, and the deletion of both. Three for each function: its
/// restoration, and the lists of its versions and aliases. GetFunction has a quota of its own.
#[test]
fn fifty_functions_with_six_sizes_need_1650_requests_to_the_control_plane() {
    let (local, names) = service(50, "0");
    let unlimited = |tool: &str| local.tool(tool).env("LPT_CONTROL_PLANE_RATE", "0").arg("-v");
    let prepared = unlimited("lpt-prepare").args(&names).run().succeeds();
    let cleaned = unlimited("lpt-cleanup").stdin(prepared.stdout).run().succeeds();
    let mut requests: BTreeMap<&str, usize> = BTreeMap::new();
    for line in prepared.stderr.lines().chain(cleaned.stderr.lines()) {
        if let Some((_, rest)) = line.split_once(": lambda:")
            && let Some((action, _)) = rest.split_once(": done in ")
        {
            *requests.entry(action).or_default() += 1;
        }
    }
    assert!(requests.remove("GetFunction") > Some(0), "{requests:?}");
    let expected = [
        ("CreateAlias", 300),
        ("DeleteAlias", 300),
        ("DeleteFunction", 300),
        ("ListAliases", 50),
        ("ListVersionsByFunction", 50),
        ("PublishVersion", 300),
        ("UpdateFunctionConfiguration", 350),
    ];
    assert_eq!(requests, BTreeMap::from(expected));
}

#[test]
fn throttling_by_the_control_plane_is_waited_out() {
    let (local, names) = service(3, "10");
    let said = prepared_measured_and_cleaned(&local, &names, &["128", "256"], "0");
    assert!(said.contains("TooManyRequestsException"), "{said}");
}

#[test]
fn invocations_beyond_the_concurrency_are_each_recorded_once_and_their_attempts_are_counted() {
    const NUM: usize = 1000;
    let path = function("network-bound");
    let local = Local::start(&[
        "--concurrency",
        "50",
        "--control-plane-rate",
        "0",
        "--function",
        &format!("f={}", path.display()),
    ]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "128", "f"]).run().succeeds().stdout;
    let ran = local
        .tool("lpt-invoke")
        .args([
            "--parallel",
            "--concurrency",
            "200",
            "--num",
            &NUM.to_string(),
            "--payload",
            "{\"waitMs\":20}",
        ])
        .arg("-v")
        .stdin(prepared)
        .run()
        .succeeds();
    let invocations = ran.of_type("invocation");
    assert_eq!(invocations.len(), NUM);
    let distinct = |field: &str| -> BTreeSet<String> {
        invocations.iter().map(|invocation| invocation[field].to_string()).collect()
    };
    assert_eq!(distinct("index").len(), NUM);
    assert_eq!(distinct("requestId").len(), NUM);
    assert_eq!(distinct("outcome"), ["\"ok\"".to_owned()].into());
    let attempts: u64 = invocations.iter().map(|invocation| invocation["attempts"].as_u64().unwrap()).sum();
    let sent: Vec<&str> =
        ran.stderr.lines().filter(|line| line.contains(": lambda:InvokeFunction: ")).collect();
    let throttled = sent.iter().filter(|line| line.contains(": TooManyRequestsException in ")).count();
    assert!(throttled > 0);
    assert_eq!((attempts as usize, throttled), (sent.len(), sent.len() - NUM));
}

/// The kernel shows it: a timer of kind 2 is that of keep-alive.
/// <https://docs.kernel.org/networking/proc_net_tcp.html>
#[cfg(target_os = "linux")]
#[test]
fn a_silent_connection_is_kept_alive() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let mut waiting = Command::new(binary("lpt-prepare"))
        .arg("f")
        .envs(variables(&format!("http://{address}")))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (_connection, client) = silent.accept().unwrap();
    let ends = [client, address].map(|end| format!(":{:04X} ", end.port()));
    let has_timer = || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let of_client = |line: &&str| {
            let ports = ends.each_ref().map(|end| line.find(end));
            matches!(ports, [Some(local), Some(remote)] if local < remote)
        };
        table.lines().find(of_client).unwrap().split_whitespace().nth(5).unwrap().starts_with("02:")
    };
    // Until the request is acknowledged there is another timer; the tool gives up in a minute.
    while !has_timer() {
        assert!(waiting.try_wait().unwrap().is_none(), "no keep-alive");
        std::thread::sleep(Duration::from_millis(10));
    }
    waiting.kill().unwrap();
    waiting.wait().unwrap();
}
