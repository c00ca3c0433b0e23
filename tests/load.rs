//! Many functions, many invocations: what is limited at AWS is kept to, and nothing is lost.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common::{Local, Pipe, function};

/// A service with `count` functions, whose control plane takes `rate` requests a second, and their names.
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

#[test]
fn many_functions_are_prepared_measured_and_cleaned_within_the_control_planes_limit_and_beyond_it() {
    const SIZES: usize = 6;
    let (local, names) = service(4, "60");
    let before = local.account();
    // Within the limit, and with nothing but back-off to get along with.
    for rate in ["40", "0"] {
        let paced = |tool: &str| local.tool(tool).env("LPT_CONTROL_PLANE_RATE", rate).arg("-v");
        let ran = Pipe::start(vec![
            paced("lpt-prepare").args(["--num", "5"]).args(&names),
            paced("lpt-invoke"),
            local.tool("lpt-analyze"),
            local.tool("lpt-select"),
            paced("lpt-cleanup"),
        ])
        .finish();
        let said: String = ran.iter().map(|ran| &*ran.stderr).collect();
        let last = ran.into_iter().map(|ran| ran.succeeds()).next_back().unwrap();
        assert_eq!(said.contains("TooManyRequestsException"), rate == "0", "{said}");
        let selected: BTreeSet<String> =
            last.of_type("selection").iter().map(|selection| selection["functionArn"].to_string()).collect();
        assert_eq!(selected.len(), names.len());
        let cleaned = last.of_type("cleaned");
        assert_eq!(cleaned.len(), names.len());
        for cleaned in cleaned {
            assert_eq!(cleaned["versionsDeleted"].as_array().unwrap().len(), SIZES);
            assert_eq!(cleaned["left"], Value::Array(Vec::new()));
        }
        assert_eq!(local.account(), before);
    }
}
