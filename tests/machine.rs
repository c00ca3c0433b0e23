//! Tests of the processes that `lpt-local` starts: their end, and their share of the machine.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::common::{ACCESS_KEY_ID, Folder, Local, Tool, binary, function};

/// Returns the arguments for a service with the function `f`, which starts a process that leaves its session before it
/// serves. `start` is a command of the shell that starts `$child`. The process writes its id into the file `pid`.
fn with_child(folder: &Folder, start: &str) -> String {
    let pid = folder.path("pid");
    let child =
        folder.file("child", "#!/bin/sh\necho $$ >\"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 1000\n");
    let script = format!(
        "#!/bin/sh\n{}\nwhile [ ! -s {pid} ]; do sleep 0.01; done\nexec {}\n",
        start.replace("$child", &format!("{} {pid}", child.display(), pid = pid.display())),
        function("cpu-bound").display(),
        pid = pid.display()
    );
    let bootstrap = folder.file("bootstrap", &script);
    for file in [&child, &bootstrap] {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("--function=f={}", bootstrap.display())
}

/// Whether the process whose id is in the file is there, and not as a zombie.
fn is_running(pid: &Path) -> bool {
    let pid = std::fs::read_to_string(pid).unwrap();
    std::fs::read(format!("/proc/{}/cmdline", pid.trim())).is_ok_and(|words| !words.is_empty())
}

fn can_use(method: &str) -> bool {
    let can = Tool::new("lpt-local").args(["--cpu", method, "--", "true"]).run().code == Some(0);
    if !can {
        println!("skipped: --cpu {method} does not work here");
    }
    can
}

#[test]
fn every_process_of_a_function_ends_with_lpt_local() {
    for method in ["unlimited", "duty-cycle", "cgroup"].into_iter().filter(|method| can_use(method)) {
        for start in [
            "setsid $child &",
            "env -i setsid $child &",
            // The parent ends, and init or lpt-local takes its place.
            "(setsid $child &)",
            "(env -i setsid $child &)",
        ] {
            let folder = Folder::new();
            let local = Local::start(&["--cpu", method, &with_child(&folder, start)]);
            let (runtime, client) = local.client();
            runtime.block_on(client.invoke().function_name("f").send()).unwrap();
            assert!(is_running(&folder.path("pid")));
            drop(local);
            assert!(!is_running(&folder.path("pid")), "{method}: {start}");
        }
    }
}

#[test]
fn what_the_command_left_running_is_not_ended_with_functions() {
    let folder = Folder::new();
    let function = with_child(&folder, "(setsid $child &)");
    let script = format!(
        "lpt-prepare --power-values 512 f | lpt-invoke --num 5 >{} && (setsid sleep 1000 >/dev/null 2>&1 & echo $! >{})",
        folder.path("records").display(),
        folder.path("own").display(),
    );
    let tools = binary("lpt-local");
    let path = format!("{}:{}", Path::new(tools).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let ran = Tool::new("lpt-local")
        .args(["--cpu=unlimited", &function, "--", "sh", "-c", &script])
        .env("PATH", path)
        .run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let own = folder.path("own");
    assert!(!is_running(&folder.path("pid")));
    assert!(is_running(&own));
    let own =
        std::fs::read_to_string(own).unwrap().trim().parse().ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(own.unwrap(), rustix::process::Signal::KILL).unwrap();
}

#[test]
fn lpt_local_says_how_it_limits_functions() {
    let said = |method: &str| Tool::new("lpt-local").args(["--cpu", method, "--", "true"]).run();
    for (method, words) in [
        ("duty-cycle", "CPU by pausing processes, so approximate; memory by a look every 10 ms"),
        ("unlimited", "CPU without limit; memory by a look every 10 ms"),
    ] {
        let ran = said(method);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    if can_use("cgroup") {
        let ran = said("auto");
        assert!(ran.stderr.contains("by control groups (version "), "{}", ran.stderr);
    }
}

/// The user `nobody` has no right to control groups. The shares are those of the duty cycle, which bench/cpu_share.rs
/// measures; memory is limited.
#[test]
fn a_user_without_rights_has_the_duty_cycle() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can become another user");
        return;
    }
    // The build may be in a folder that only root can enter.
    let bin = std::env::temp_dir().join(uuid::Uuid::now_v7().to_string());
    std::fs::create_dir(&bin).unwrap();
    std::fs::copy(binary("lpt-local"), bin.join("lpt-local")).unwrap();
    std::fs::copy(function("memory-bound"), bin.join("memory-bound")).unwrap();
    let as_nobody = || {
        let mut command = Command::new(bin.join("lpt-local"));
        command.uid(65_534).gid(65_534).current_dir("/");
        command
    };
    let said = |method: &str| {
        let output = as_nobody().args(["--cpu", method, "--", "true"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, refused) = said("cgroup");
    assert_eq!(code, Some(2), "{refused}");
    assert!(refused.contains("--cpu cgroup: ") && refused.contains("--cpu duty-cycle"), "{refused}");
    let (code, used) = said("auto");
    assert_eq!(code, Some(0), "{used}");
    assert!(used.contains("CPU by pausing processes") && used.contains("no control groups: "), "{used}");

    let argument = format!("f={}", bin.join("memory-bound").display());
    let mut command = as_nobody();
    command.args(["--access-key-id", ACCESS_KEY_ID, "--function", &argument]);
    let local = Local::of(command);
    let (runtime, client) = local.client();
    let error_of = |payload: &str| {
        let call = client.invoke().function_name("f").log_type(LogType::Tail).payload(Blob::new(payload));
        let answer = runtime.block_on(call.send()).unwrap();
        let log = BASE64_STANDARD.decode(answer.log_result().unwrap()).unwrap();
        let log = String::from_utf8(log).unwrap();
        log.split("Error Type: ").nth(1).map(|rest| rest.trim().to_owned())
    };
    assert_eq!(error_of(r#"{"megabytes": 64}"#), None);
    assert_eq!(error_of(r#"{"megabytes": 192}"#).as_deref(), Some("Runtime.OutOfMemory"));
    drop(local);
    std::fs::remove_dir_all(bin).unwrap();
}
