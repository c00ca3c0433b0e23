//! Tests of the processes that `lpt-local` starts: their end, and their share of the machine.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::{Folder, Local, Tool, function};

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

#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
#[test]
fn what_the_command_left_running_is_not_ended_with_functions() {
    let folder = Folder::new();
    let function = with_child(&folder, "(setsid $child &)");
    let script = format!(
        "lpt-prepare --power-values 512 f | lpt-invoke --num 5 >{} && (setsid sleep 1000 >/dev/null 2>&1 & echo $! >{})",
        folder.path("records").display(),
        folder.path("own").display(),
    );
    let tools = crate::common::binary("lpt-local");
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
