//! What the tests are built on: lpt-local as a server, the tools as processes, and the account as it is seen from
//! outside.

mod account;
pub mod chromium;
pub mod faults;
pub mod network;
pub mod records;
pub mod s3;
mod service;
pub mod terminal;
mod tool;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

pub use account::{Account, Function, Version};
pub(crate) use service::under_both_readings;
pub use service::{ACCESS_KEY_ID, Local, Publishing, Refusing, Scripted, client_config, refusal, variables};
pub use tool::{Pipe, Ran, Tool, read_in_background, shell};

/// Returns the path of a tool's binary.
pub fn binary(tool: &str) -> &'static str {
    match tool {
        "lpt" => env!("CARGO_BIN_EXE_lpt"),
        "lpt-tune" => env!("CARGO_BIN_EXE_lpt-tune"),
        "lpt-prepare" => env!("CARGO_BIN_EXE_lpt-prepare"),
        "lpt-invoke" => env!("CARGO_BIN_EXE_lpt-invoke"),
        "lpt-import" => env!("CARGO_BIN_EXE_lpt-import"),
        "lpt-analyze" => env!("CARGO_BIN_EXE_lpt-analyze"),
        "lpt-select" => env!("CARGO_BIN_EXE_lpt-select"),
        "lpt-apply" => env!("CARGO_BIN_EXE_lpt-apply"),
        "lpt-cleanup" => env!("CARGO_BIN_EXE_lpt-cleanup"),
        "lpt-plot" => env!("CARGO_BIN_EXE_lpt-plot"),
        "lpt-local" => env!("CARGO_BIN_EXE_lpt-local"),
        other => panic!("no tool is called {other}"),
    }
}

/// Whether what CI installs has to be here.
pub fn is_required() -> bool {
    std::env::var_os("LPT_REQUIRE_PYTHON").is_some()
}

/// Whether a program is here. If not, says that the test is skipped.
pub fn has(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_here = std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    assert!(is_here || !is_required(), "{program} is not here");
    if !is_here {
        println!("skipped: {program} is not here");
    }
    is_here
}

/// Whether Python can import the module. If not, says that the test is skipped.
pub fn python_with(module: &str) -> bool {
    let imported = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    let importable = imported.is_ok_and(|output| output.status.success());
    assert!(importable || !is_required(), "python3 can't import {module}");
    if !importable {
        println!("skipped: python3 can't import {module}");
    }
    importable
}

/// Returns the path of a function's binary, of those in examples/functions.
pub fn function(name: &str) -> PathBuf {
    let path = PathBuf::from(binary("lpt-local")).with_file_name("examples").join(name);
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    path
}

/// Returns a zip with one executable file in it.
pub fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    archive.start_file(name, options).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap().into_inner()
}

/// A folder of the test's own, which is removed with the value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::now_v7().to_string());
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
