//! Where the programs of the tools are.

use std::path::PathBuf;

/// Returns the program of a tool: beside the program that runs, and otherwise by its name, which is looked up in PATH.
/// So the tools of one build are used together, whatever PATH has.
pub fn program(name: &str) -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(name));
    beside.filter(|file| file.is_file()).unwrap_or_else(|| name.into())
}
