//! The names of functions in messages and tables: the short name, with the region or the account where a tool works on several
//! functions of that name.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::names::{FunctionArn, NotAFunction};
use crate::quote::excerpt;

/// The functions that this process works on.
static KNOWN: Mutex<BTreeSet<FunctionArn>> = Mutex::new(BTreeSet::new());

/// Notes that the tool works on a function, so that messages tell it from another one of the same name.
pub(crate) fn note_function(function: &FunctionArn) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if !known.contains(function) {
        known.insert(function.clone());
    }
}

/// Returns the name of a function for a message.
pub(crate) fn label(function: &FunctionArn) -> String {
    note_function(function);
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let namesakes = || known.iter().filter(|other| other.name() == function.name());
    let mut label = function.name().to_string();
    if namesakes().any(|other| other.region() != function.region()) {
        label += &format!(" in {}", function.region());
    }
    if namesakes().any(|other| other.account() != function.account()) {
        label += &format!(" of account {}", function.account());
    }
    label
}

/// Returns the same with the group of invocations, if they are grouped.
pub(crate) fn label_of_group(function: &FunctionArn, group: Option<&str>) -> String {
    match group {
        Some(group) => format!("{} ({})", label(function), excerpt(group)),
        None => label(function),
    }
}

/// Returns the same for what a call was about: a function, or a version or alias of it. Any other text stays.
pub(crate) fn label_of(resource: &str) -> String {
    match resource.parse() {
        Ok(function) => label(&function),
        Err(NotAFunction::Qualified { qualifier, unqualified, .. }) => unqualified
            .parse()
            .map_or_else(|_| resource.to_owned(), |function| label(&function) + ":" + &qualifier),
        Err(_) => resource.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_with_what_tells_it_from_the_others() {
        let arn = |region: &str, account: &str, name: &str| -> FunctionArn {
            format!("arn:aws:lambda:{region}:{account}:function:{name}").parse().expect("an ARN")
        };
        let here = arn("us-east-1", "123456789012", "several");
        assert_eq!(label(&here), "several");
        assert_eq!(label_of(&format!("{here}:live")), "several:live");
        note_function(&arn("us-east-1", "123456789012", "another"));
        assert_eq!(label(&here), "several");
        let there = arn("eu-west-1", "123456789012", "several");
        assert_eq!(label(&there), "several in eu-west-1");
        assert_eq!(label(&here), "several in us-east-1");
        note_function(&arn("us-east-1", "210987654321", "several"));
        assert_eq!(label(&here), "several in us-east-1 of account 123456789012");
        for other in ["f", "f:7", "s3://bucket/key", "123456789012:function:f"] {
            assert_eq!(label_of(other), other);
        }
    }
}
