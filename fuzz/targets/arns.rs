//! Fuzzes the parsers of names from users and AWS: functions, versions, aliases, run ids, and tags in
//! descriptions.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use lpt::names::{AliasName, FunctionArn, FunctionRef, NotAFunction, Version};
use lpt::records::RunId;
use lpt::run::Tag;
use lpt::tools::prepare::PowerValues;
use lpt::units::Timestamp;

fuzz_target!(|text: &str| {
    // ACCOUNT:NAME is written with the word function.
    read_back::<FunctionRef>(text);
    as_given::<FunctionArn>(text);
    as_given::<Version>(text);
    as_given::<AliasName>(text);
    read_back::<RunId>(text);
    read_back::<Timestamp>(text);
    if let Err(NotAFunction::Qualified { unqualified, .. }) = text.parse::<FunctionRef>() {
        assert!(unqualified.parse::<FunctionRef>().is_ok(), "{unqualified:?} is advised and is not a function");
    }
    if let Some(tag) = Tag::parse(text) {
        assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
    }
    if let Ok(values) = text.parse::<PowerValues>() {
        assert!(!values.sizes().is_empty());
    }
});

/// Checks that a text that parses displays as it was given.
fn as_given<T: FromStr + Display>(text: &str) {
    if let Ok(name) = text.parse::<T>() {
        assert_eq!(name.to_string(), text);
    }
}

/// Checks that a value that parses is written as a text that parses to the same value.
fn read_back<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse().ok(), Some(value));
    }
}
