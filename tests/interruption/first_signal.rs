//! The first signal at a service that does not answer.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::faults::Faults;
use crate::common::{Folder, Tool, read_in_background};

use super::service;

/// Starts a tool whose call of this number is not answered, and interrupts it there.
fn interrupt_at(network: &Faults, tool: Tool) -> Child {
    let child = tool.spawn(Stdio::null(), Stdio::piped());
    while !network.is_holding() {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child
}

/// Nothing releases the call, so only the signal can end these tools. Without it, each would wait for three minutes.
#[test]
fn until_a_tool_has_changed_something_the_first_signal_ends_it() {
    let local = service();
    let before = local.state_of("f");
    let folder = Folder::new();
    let arguments = ["--power-values", "1024", "f"];
    let prepared = local.tool("lpt-prepare").args(arguments).run().succeeds().stdout;
    let stream = folder.file("stream.ndjson", &prepared).display().to_string();
    let with_versions = local.state_of("f");
    for (tool, arguments) in [
        ("lpt-prepare", &arguments[..]),
        ("lpt-cleanup", &[&stream]),
        ("lpt-cleanup", &["--leftovers", "--function", "f"]),
    ] {
        // At a call in the middle too, if the tool makes more than one before its first change.
        for call in 0..if arguments.len() == 1 { 2 } else { 1 } {
            let network = Faults::before(local.endpoint(), 0).hold(call);
            let ran = interrupt_at(&network, network.tool(tool).args(arguments)).wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ran.stderr);
            assert_eq!(ran.status.code(), Some(130), "{tool}, call {call}: {said}");
            assert_eq!(local.state_of("f"), with_versions, "{tool}, call {call}: {said}");
        }
    }
    local.tool("lpt-cleanup").arg(&stream).run().succeeds();
    assert_eq!(local.state_of("f"), before);
}

#[test]
fn after_a_change_the_tool_says_what_it_waits_for_and_undoes_the_change() {
    let local = service();
    let before = local.state_of("f");
    // Its first call reads the function, and the second one changes it.
    let network = Faults::before(local.endpoint(), 0).hold(2);
    let tool = network.tool("lpt-prepare").args(["--power-values", "1024", "f"]);
    let mut child = interrupt_at(&network, tool);
    let records = read_in_background(child.stdout.take().unwrap());
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    let waits = messages.find(|line| line.as_ref().unwrap().contains("interrupted, and waiting up to"));
    let waits = waits.expect("it says what it waits for").unwrap();
    assert!(waits.contains("lambda:"), "{waits}");
    network.release();
    messages.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(local.state_of("f").latest(), before.latest(), "the change is undone");
    let cleaned = local.tool("lpt-cleanup").stdin(records.join().unwrap()).run();
    assert_eq!(cleaned.code, Some(130), "as the run: {}", cleaned.stderr);
    assert_eq!(local.state_of("f"), before);
}
