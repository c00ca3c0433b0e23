//! What is wrong with a command line, in plain words: what, and what is allowed.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::quote::{excerpt, quoted};

/// Returns what clap found wrong, in one line. A parser of values says what it expects. The value is quoted here, unless
/// the parser has quoted it.
pub(crate) fn describe(error: &clap::Error) -> String {
    let all = |kind| texts(error, kind);
    let first = |kind| all(kind).first().copied().unwrap_or_default();
    let argument = name(first(ContextKind::InvalidArg));
    let value = quoted(first(ContextKind::InvalidValue)).to_string();
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let typed = first(ContextKind::InvalidArg);
            let unknown = if typed.starts_with('-') {
                format!("there is no option {}", excerpt(typed))
            } else {
                let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
                let usage = usage.trim_start_matches("Usage: ");
                format!("{} is not expected here; write {usage}", quoted(typed))
            };
            match first(ContextKind::SuggestedArg) {
                "" => unknown,
                similar => format!("{unknown}; the nearest one is {}", name(similar)),
            }
        }
        ErrorKind::ValueValidation => {
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            if why.contains(&value) {
                format!("{argument}: {why}")
            } else {
                format!("{argument} {value}: {why}")
            }
        }
        ErrorKind::InvalidValue => {
            let found = if first(ContextKind::InvalidValue).is_empty() { "nothing" } else { &value };
            match &all(ContextKind::ValidValue)[..] {
                [] => {
                    let value = placeholder(first(ContextKind::InvalidArg));
                    format!("{argument} needs a value; write {argument}={value}")
                }
                [expected @ .., last] => {
                    format!("{argument}: expected {} or {last}, found {found}", expected.join(", "))
                }
            }
        }
        ErrorKind::TooManyValues => {
            format!("{argument} takes no value, found {value}; write {argument} alone")
        }
        ErrorKind::ArgumentConflict => {
            let others: Vec<_> = all(ContextKind::PriorArg).into_iter().map(name).collect();
            if others.iter().all(|other| *other == argument) {
                format!("{argument} can be given only once")
            } else {
                format!("{argument} and {} exclude each other; leave one out", others.join(", "))
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let written = |typed| [name(typed), placeholder(typed)].join(" ").trim_end().to_owned();
            let missing: Vec<_> = all(ContextKind::InvalidArg).into_iter().map(written).collect();
            format!("{} must be given, too", missing.join(", "))
        }
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        }
    }
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text],
        Some(ContextValue::Strings(texts)) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Returns the name of an argument without what clap adds to it: `--num` of `--num <N>`, `FILE` of `[FILE]...`.
fn name(argument: &str) -> &str {
    if argument.starts_with('-') {
        argument.split([' ', '[', '=', '.']).next().unwrap_or(argument)
    } else {
        argument.trim_matches(['[', ']', '<', '>', '.'])
    }
}

/// Returns what help calls the value of an option: `N` of `--num <N>`, and nothing for an option that has none.
fn placeholder(argument: &str) -> &str {
    argument.split(['<', '>']).nth(1).unwrap_or_default()
}
