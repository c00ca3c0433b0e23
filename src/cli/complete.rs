//! What a shell completes: flags and the values that clap knows, the sizes of memory, and the functions of the account.

use std::env;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use crate::aws::{Aws, AwsOptions};

/// The longest time that a shell waits for the names of functions.
const PATIENCE: Duration = Duration::from_secs(1);

/// If a shell asks, by the environment variable `LPT_COMPLETE`, prints the words that complete its command line, and ends
/// the process. Where there is no command line, prints what teaches the shell to ask.
pub(crate) fn answer_shell(command: fn() -> clap::Command) {
    let mut words: Vec<OsString> = env::args_os().collect();
    // bash takes the `=` of `--strategy=speed` for a word. The value is then completed as that of `--strategy speed`.
    for at in (1..words.len()).filter(|at| words[*at] == "=").collect::<Vec<_>>() {
        words.swap(at - 1, at);
    }
    let folder = env::current_dir().ok();
    let shell = CompleteEnv::with_factory(command).var("LPT_COMPLETE").completer(command().get_name());
    if shell.try_complete(words, folder.as_deref()).unwrap_or_else(|error| error.exit()) {
        std::process::exit(0);
    }
}

/// Completes a list of memory sizes: the default ones, some more, and those from which on a function has one vCPU more.
/// 1769 MB have the power of one vCPU.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
pub(crate) fn sizes() -> ArgValueCompleter {
    const SIZES: [&str; 14] = [
        "128", "256", "512", "1024", "1536", "1769", "2048", "3008", "3538", "4096", "5307", "7076", "8845",
        "10240",
    ];
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_str().unwrap_or_default();
        let (before, last) = typed.split_at(typed.rfind(',').map_or(0, |comma| comma + 1));
        let is_new = |size: &&str| !before.split(',').any(|named| named == *size);
        let all = before.is_empty().then_some("ALL");
        let sizes = SIZES.into_iter().filter(is_new).chain(all).filter(|size| size.starts_with(last));
        sizes.map(|size| CompletionCandidate::new(format!("{before}{size}"))).collect()
    })
}

/// Completes the name of a function in the account and the region of the command line or of the environment. Offers
/// none if they are not all known within a second, because a name that is offered alone is taken for the only one.
pub(crate) fn functions() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let names = names_of_functions().unwrap_or_default();
        let fit = names.into_iter().filter(|name| name.starts_with(&*typed.to_string_lossy()));
        fit.map(CompletionCandidate::new).collect()
    })
}

fn names_of_functions() -> Option<Vec<String>> {
    // The command line to complete follows the first `--`. bash takes an `=` for a word.
    let words = env::args_os().skip_while(|word| word != "--").skip(1).filter(|word| word != "=");
    let words: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
    let options = AwsOptions {
        region: value_of("--region", &words),
        profile: value_of("--profile", &words),
        ..AwsOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let names = async { Aws::load(&options).await.ok()?.names_of_functions().await };
    let names = runtime.block_on(async { tokio::time::timeout(PATIENCE, names).await });
    // A thread may still look up a host. The process does not wait for it.
    runtime.shutdown_background();
    names.ok()?
}

/// Returns the value of an option in a command line, which may be unfinished.
fn value_of(option: &str, words: &[String]) -> Option<String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix(option) {
            Some("") => return words.next().cloned(),
            Some(value) if value.starts_with('=') => return Some(value[1..].to_owned()),
            _ => {}
        }
    }
    None
}
