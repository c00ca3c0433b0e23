//! What `make install` and `make deb` put where, and that shells complete from it.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use crate::common::{Folder, Local, binary, function, has, shell};

/// Runs a target of the Makefile on the tools of the tests. They are linked rather than copied, because they are large.
fn make(target: &str, variables: &[String]) {
    let bin = Path::new(binary("lpt-prepare")).parent().unwrap();
    let ran = Command::new("make")
        .args([target, &format!("BIN={}", bin.display()), "INSTALL_PROGRAM=cp --link"])
        .args(variables)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("MAKEFLAGS")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Returns all files below a folder, sorted, without the folder's own path.
fn files(folder: &Path) -> Vec<String> {
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

fn tools() -> Vec<String> {
    let mains = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("bin")).unwrap();
    let mut tools: Vec<_> =
        mains.map(|main| main.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    tools.sort();
    tools
}

#[track_caller]
fn each_tool_shows_its_version(bin: &Path) {
    for tool in tools() {
        let path = bin.join(&tool);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755, "{tool}");
        let ran = Command::new(path).arg("--version").output().unwrap();
        let version = format!("{tool} {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8_lossy(&ran.stdout), version, "{ran:?}");
    }
}

#[test]
fn make_install_puts_tools_pages_and_completions_in_the_usual_places_and_uninstall_removes_them() {
    let folder = Folder::new();
    let place = [format!("DESTDIR={}", folder.path("").display()), "PREFIX=opt/lpt".to_owned()];
    make("install", &place);
    let installed = files(&folder.path("opt/lpt"));
    each_tool_shows_its_version(&folder.path("opt/lpt/bin"));
    for tool in tools() {
        for place in [
            format!("bin/{tool}"),
            format!("share/man/man1/{tool}.1"),
            format!("share/bash-completion/completions/{tool}"),
            format!("share/fish/vendor_completions.d/{tool}.fish"),
            format!("share/zsh/site-functions/_{tool}"),
        ] {
            assert!(installed.contains(&place), "no {place} in {installed:?}");
        }
    }
    for page in ["share/man/man5/lpt-records.5", "share/man/man7/lpt.7"] {
        assert!(installed.iter().any(|file| file == page), "no {page} in {installed:?}");
    }
    folder.file("opt/lpt/bin/lpt-mine", "");
    make("uninstall", &place);
    assert_eq!(files(&folder.path("")), ["opt/lpt/bin/lpt-mine"]);
}

/// Root installs it with dpkg itself. Nobody else may, so the package is only unpacked.
#[test]
fn a_debian_package_installs_in_a_clean_root() {
    if !has("dpkg-deb") {
        return;
    }
    let folder = Folder::new();
    // Debian's usual compression takes minutes on tools that are not optimized.
    let small = ["INSTALL_PROGRAM=install -s", "DEB_FLAGS=-Zzstd -z1"].map(str::to_owned);
    make("deb", &[&small[..], &[format!("DEB={}", folder.path("deb").display())]].concat());
    let is_package = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "deb");
    let built = std::fs::read_dir(folder.path("deb")).unwrap().map(|entry| entry.unwrap().path());
    let package = built.into_iter().find(is_package).expect("make deb makes a package");
    let root = folder.path("root");
    for state in ["info", "updates"] {
        std::fs::create_dir_all(root.join("var/lib/dpkg").join(state)).unwrap();
    }
    folder.file("root/var/lib/dpkg/status", "");
    let mut install = if rustix::process::geteuid().is_root() {
        let mut dpkg = Command::new("dpkg");
        // A clean root has no C library either.
        dpkg.arg(format!("--root={}", root.display())).args(["--force-depends", "--install"]);
        dpkg.arg(&package);
        dpkg
    } else {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("--extract").arg(&package).arg(&root);
        unpack
    };
    let ran = install.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    each_tool_shows_its_version(&root.join("usr/bin"));
    let installed = files(&root.join("usr/share"));
    for tool in tools() {
        for place in [
            format!("man/man1/{tool}.1.gz"),
            format!("bash-completion/completions/{tool}"),
            format!("fish/vendor_completions.d/{tool}.fish"),
            format!("zsh/vendor-completions/_{tool}"),
        ] {
            assert!(installed.contains(&place), "no {place} in {installed:?}");
        }
    }
}

/// Beginnings of command lines, and the words that they are with a Tab at the end.
const COMPLETED: [(&str, &str); 10] = [
    ("lpt-prepare --power-v", "<lpt-prepare><--power-values>"),
    ("lpt-prepare --power-values 128,17", "<lpt-prepare><--power-values><128,1769>"),
    ("lpt-prepare my-f", "<lpt-prepare><my-function>"),
    ("lpt-prepare --region eu-west-1 e", "<lpt-prepare><--region><eu-west-1><elsewhere>"),
    ("lpt-select --strategy bal", "<lpt-select><--strategy><balanced>"),
    ("lpt-select --strategy=bal", "<lpt-select><--strategy=balanced>"),
    ("lpt-analyze saved", "<lpt-analyze><saved-run.ndjson>"),
    ("lpt ana", "<lpt><analyze>"),
    ("lpt select --strategy=bal", "<lpt><select><--strategy=balanced>"),
    ("lpt tune my-f", "<lpt><tune><my-function>"),
];

fn functions() -> Local {
    let echo = function("echo");
    let echo = echo.display();
    Local::with(&[
        &format!("my-function={echo}"),
        &format!("another={echo}"),
        &format!("elsewhere={echo},region=eu-west-1"),
    ])
}

/// Installs the tools, and makes a file to complete.
fn installed() -> Folder {
    let folder = Folder::new();
    make("install", &[format!("PREFIX={}", folder.path("").display())]);
    folder.file("saved-run.ndjson", "");
    folder
}

/// A shell in a terminal of its own.
struct Terminal {
    keys: ChildStdin,
    screen: ChildStdout,
    shown: String,
}

impl Terminal {
    fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until the shell has shown `text`, and returns what it showed before, since the last time.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            if let Some((before, after)) = self.shown.split_once(text) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.shown = after;
                return before;
            }
            let mut bytes = [0; 1024];
            let read = self.screen.read(&mut bytes).unwrap();
            assert!(read > 0, "it ended without {text:?}: {}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }
}

/// Types each beginning and a Tab into a shell, which prints the words of the line.
fn completes(interactive: &str, set_up: &str, folder: &Folder, local: &Local) {
    // The shell that starts it would drop a prompt in the environment.
    let command = format!("env 'PS1=at the prompt> ' {interactive}");
    let mut script = shell(&["script", "-qec", &command, "/dev/null"], local.endpoint());
    script.current_dir(folder.path("")).env("TERM", "dumb");
    script.env_remove("AWS_PROFILE").stdin(Stdio::piped()).stderr(Stdio::null());
    let mut script = script.spawn().unwrap();
    let (keys, screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let mut terminal = Terminal { keys, screen, shown: String::new() };
    terminal.wait_for("at the prompt> ");
    // What is typed is shown too, and must not be taken for what is printed.
    terminal.type_in(&format!("{set_up}; echo is re''ady\n"));
    terminal.wait_for("is ready");
    for (beginning, words) in COMPLETED {
        // Control-A goes to the beginning of the line.
        terminal.type_in(&format!("{beginning}\t\x01printf '<%s>' en''d \n"));
        terminal.wait_for("<end>");
        let printed = terminal.wait_for("at the prompt> ");
        assert!(printed.starts_with(words), "{interactive}: {beginning}: {printed}");
    }
    terminal.type_in("exit\n");
    script.wait().unwrap();
}

#[test]
fn bash_completes_flags_sizes_strategies_files_and_functions() {
    if !has("script") {
        return;
    }
    let (local, folder) = (functions(), installed());
    let source = "for file in share/bash-completion/completions/*; do source $file; done";
    completes("bash --noprofile --norc -i", source, &folder, &local);
}

/// Also with the first Tab, with which it loads the function.
#[test]
fn zsh_completes_flags_sizes_strategies_files_and_functions() {
    if !has("script") || !has("zsh") {
        return;
    }
    let (local, folder) = (functions(), installed());
    let load = "fpath=($PWD/share/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D";
    completes("zsh -f -i", load, &folder, &local);
}

#[test]
fn fish_completes_flags_sizes_strategies_files_and_functions() {
    if !has("fish") {
        return;
    }
    let (local, folder) = (functions(), installed());
    for (beginning, words) in COMPLETED {
        let mut fish =
            shell(&["fish", "--command", "complete --do-complete $argv[1]", beginning], local.endpoint());
        fish.current_dir(folder.path(""))
            .env("XDG_DATA_DIRS", folder.path("share"))
            .env("HOME", folder.path(""));
        let ran = fish.env_remove("AWS_PROFILE").output().unwrap();
        let offered = String::from_utf8(ran.stdout).unwrap();
        let offered: Vec<_> = offered.lines().map(|line| line.split('\t').next().unwrap()).collect();
        let last = words.rsplit('<').next().unwrap().trim_end_matches('>');
        assert_eq!(offered, [last], "{beginning}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn a_shell_is_offered_no_functions_where_they_cannot_be_listed() {
    let refusing = crate::common::Refusing::with("403 Forbidden", "AccessDeniedException", "no");
    for (tool, what) in [
        (refusing.tool("lpt-prepare"), "denied"),
        (crate::common::Tool::new("lpt-prepare"), "without a region and credentials"),
        (refusing.tool("lpt-prepare").env("AWS_PROFILE", "nosuch"), "with a profile that is not there"),
    ] {
        let ran = tool.env("LPT_COMPLETE", "fish").args(["--", "lpt-prepare", "my"]).run();
        assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (Some(0), "", ""), "{what}");
    }
}
