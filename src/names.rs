//! The names of functions, versions, aliases and architectures at AWS, parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::quote::quoted;
use crate::text::serde_as_text;

/// The unqualified ARN of a function: `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionArn {
    partition: String,
    region: String,
    account: String,
    name: FunctionName,
}

impl FunctionArn {
    /// Returns the partition of AWS, for example `aws` or `aws-cn`.
    pub(crate) fn partition(&self) -> &str {
        &self.partition
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    pub(crate) fn name(&self) -> &FunctionName {
        &self.name
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FunctionArn { partition, region, account, name } = self;
        write!(f, "arn:{partition}:lambda:{region}:{account}:function:{name}")
    }
}

serde_as_text!(FunctionArn);

impl FromStr for FunctionArn {
    type Err = NotAFunction;

    fn from_str(text: &str) -> Result<FunctionArn, NotAFunction> {
        match text.parse()? {
            FunctionRef::Arn(arn) => Ok(arn),
            _ => Err(NotAFunction::NotAnArn(text.to_owned())),
        }
    }
}

/// A function's name: at most 64 letters, digits, `-` and `_`.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionName(String);

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A function in one of the forms in which a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionRef {
    /// `NAME`, in the account and region of the credentials.
    Name(FunctionName),
    /// `ACCOUNT:function:NAME`, in the region of the credentials.
    Partial(String),
    /// The whole ARN, which contains the region.
    Arn(FunctionArn),
}

impl FunctionRef {
    /// Returns the region, if the user named one.
    pub fn region(&self) -> Option<&str> {
        match self {
            FunctionRef::Arn(arn) => Some(arn.region()),
            _ => None,
        }
    }

    /// Whether this may name the function, in the account and region of some credentials.
    pub fn may_be(&self, function: &FunctionArn) -> bool {
        match self {
            FunctionRef::Name(name) => name == function.name(),
            FunctionRef::Partial(text) => function.to_string().ends_with(&format!(":{text}")),
            FunctionRef::Arn(arn) => arn == function,
        }
    }
}

impl fmt::Display for FunctionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FunctionRef::Name(name) => name.fmt(f),
            FunctionRef::Partial(text) => text.fmt(f),
            FunctionRef::Arn(arn) => arn.fmt(f),
        }
    }
}

/// The error for a text that does not name a function whose memory can be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAFunction {
    /// The text is in none of the three forms.
    #[error(
        "{} is not a function name or ARN; give NAME, ACCOUNT:function:NAME or arn:aws:lambda:REGION:ACCOUNT:function:NAME",
        quoted(.0)
    )]
    Malformed(String),
    /// The name is longer than AWS allows.
    #[error("the name {} has {} characters; a function's name has at most {MAX_NAME}", quoted(.0), .0.len())]
    TooLong(String),
    /// The text names a version or an alias. Only the memory of the function itself, of `$LATEST`, can be
    /// changed.
    #[error(
        "{} names the version or alias {}, whose memory cannot change; give the function without it: {unqualified}",
        quoted(.text),
        quoted(.qualifier)
    )]
    Qualified {
        /// The whole text.
        text: String,
        /// The version or alias behind the name of the function.
        qualifier: String,
        /// The text without the qualifier, for the user to give instead.
        unqualified: String,
    },
    /// The text is not a whole ARN, and one is needed.
    #[error("{} is not a whole function ARN (arn:aws:lambda:REGION:ACCOUNT:function:NAME)", quoted(.0))]
    NotAnArn(String),
}

/// What stands before the name of a function.
enum Owner<'a> {
    /// Nothing: the account and region of the credentials.
    Callers,
    Account(&'a str),
    Whole {
        partition: &'a str,
        region: &'a str,
        account: &'a str,
    },
}

/// Parses the forms of `FunctionName`: `[ACCOUNT:][function:]NAME[:QUALIFIER]`, and the ARN.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html#API_GetFunctionConfiguration_RequestSyntax>
impl FromStr for FunctionRef {
    type Err = NotAFunction;

    fn from_str(text: &str) -> Result<FunctionRef, NotAFunction> {
        let malformed = || NotAFunction::Malformed(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        // As AWS reads it: the account takes precedence over a name, and the word `function` can be left out.
        let (owner, rest) = match &parts[..] {
            ["arn", partition, "lambda", region, account, "function", rest @ ..]
                if partition.starts_with("aws")
                    && partition.len() <= 20
                    && is_word(partition)
                    && is_region(region)
                    && is_account(account) =>
            {
                (Owner::Whole { partition, region, account }, rest)
            }
            [account, "function", rest @ ..] | [account, rest @ ..]
                if is_account(account) && !rest.is_empty() =>
            {
                (Owner::Account(account), rest)
            }
            ["function", rest @ ..] if !rest.is_empty() => (Owner::Callers, rest),
            rest => (Owner::Callers, rest),
        };
        let (name, qualifier) = match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return Err(malformed()),
        };
        if name.len() > MAX_NAME && name.bytes().all(is_name_byte) {
            return Err(NotAFunction::TooLong(name.to_owned()));
        }
        let name = function_name(name).ok_or_else(malformed)?;
        let function = match owner {
            Owner::Callers => FunctionRef::Name(name),
            Owner::Account(account) => FunctionRef::Partial(format!("{account}:function:{name}")),
            Owner::Whole { partition, region, account } => FunctionRef::Arn(FunctionArn {
                partition: partition.to_owned(),
                region: region.to_owned(),
                account: account.to_owned(),
                name,
            }),
        };
        match qualifier {
            None => Ok(function),
            Some(qualifier) => Err(NotAFunction::Qualified {
                text: text.to_owned(),
                qualifier: qualifier.to_owned(),
                unqualified: function.to_string(),
            }),
        }
    }
}

/// A function to invoke or to measure: `$LATEST`, or the version or alias that follows its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    function: FunctionRef,
    qualifier: OwnedQualifier,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum OwnedQualifier {
    Latest,
    Version(Version),
    Alias(AliasName),
}

impl Callee {
    /// Returns the function without the version or alias.
    pub fn function(&self) -> &FunctionRef {
        &self.function
    }

    /// Replaces the function by its ARN, and keeps the version or alias.
    pub fn of(self, function: FunctionArn) -> Callee {
        Callee { function: FunctionRef::Arn(function), qualifier: self.qualifier }
    }

    /// Returns the version or alias, or `$LATEST`.
    pub fn qualifier(&self) -> Qualifier<'_> {
        match &self.qualifier {
            OwnedQualifier::Latest => Qualifier::Latest,
            OwnedQualifier::Version(version) => Qualifier::Version(*version),
            OwnedQualifier::Alias(alias) => Qualifier::Alias(alias),
        }
    }
}

impl From<FunctionRef> for Callee {
    fn from(function: FunctionRef) -> Callee {
        Callee { function, qualifier: OwnedQualifier::Latest }
    }
}

impl FromStr for Callee {
    type Err = NotAFunction;

    fn from_str(text: &str) -> Result<Callee, NotAFunction> {
        let (function, qualifier) = match text.parse() {
            Ok(function) => (function, OwnedQualifier::Latest),
            Err(NotAFunction::Qualified { qualifier, unqualified, .. }) => {
                let qualifier = match (qualifier.parse(), qualifier.parse()) {
                    _ if qualifier == "$LATEST" => OwnedQualifier::Latest,
                    (Ok(version), _) => OwnedQualifier::Version(version),
                    (_, Ok(alias)) => OwnedQualifier::Alias(alias),
                    _ => return Err(NotAFunction::Malformed(text.to_owned())),
                };
                (unqualified.parse()?, qualifier)
            }
            Err(error) => return Err(error),
        };
        Ok(Callee { function, qualifier })
    }
}

impl fmt::Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.function.fmt(f)?;
        match &self.qualifier {
            OwnedQualifier::Latest => Ok(()),
            OwnedQualifier::Version(version) => write!(f, ":{version}"),
            OwnedQualifier::Alias(alias) => write!(f, ":{alias}"),
        }
    }
}

/// A version or alias of a function, or `$LATEST`.
#[derive(Debug, Clone, Copy)]
pub enum Qualifier<'a> {
    /// `$LATEST`, the version that can be changed.
    Latest,
    /// A published version.
    Version(Version),
    /// The version that an alias points at.
    Alias(&'a AliasName),
}

impl Qualifier<'_> {
    /// Returns the parameter of a call to the API, which has none for `$LATEST`.
    pub(crate) fn parameter(self) -> Option<String> {
        match self {
            Qualifier::Latest => None,
            Qualifier::Version(version) => Some(version.to_string()),
            Qualifier::Alias(alias) => Some(alias.to_string()),
        }
    }
}

/// The maximum length of a function's name.
const MAX_NAME: usize = 64;

fn function_name(text: &str) -> Option<FunctionName> {
    let fits = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_name_byte);
    fits.then(|| FunctionName(text.to_owned()))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether this can be the name of a region, such as `eu-west-1`. A longer one fits in no ARN of a function.
pub(crate) fn is_region(text: &str) -> bool {
    is_word(text) && text.len() <= 30
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A published version: a number. `$LATEST` and aliases are not versions, so a call that deletes a version
/// cannot delete a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Version, NotAVersion> {
        text.parse()
            .ok()
            .filter(|number| *number > 0 && !text.starts_with(['0', '+']))
            .map(Version)
            .ok_or_else(|| NotAVersion(text.to_owned()))
    }
}

serde_as_text!(Version);

/// The error for a text that is not a published version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a published version is a number, such as \"7\", not {}", quoted(.0))]
pub struct NotAVersion(String);

/// The name of an alias: at most 128 letters, digits, `-` and `_`, not all digits.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasName(String);

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AliasName {
    type Err = NotAnAlias;

    fn from_str(text: &str) -> Result<AliasName, NotAnAlias> {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| AliasName(text.to_owned())).ok_or_else(|| NotAnAlias(text.to_owned()))
    }
}

serde_as_text!(AliasName);

/// The error for a text that is not the name of an alias.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not the name of an alias; use at most 128 letters, digits, - and _, not only digits", quoted(.0))]
pub struct NotAnAlias(String);

/// A processor architecture that Lambda runs functions on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Architecture {
    /// 64-bit x86, the default of AWS.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM, Graviton.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// Returns AWS's name of the architecture.
    pub fn as_str(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Architecture {
    type Err = String;

    fn from_str(text: &str) -> Result<Architecture, String> {
        match text {
            "x86_64" => Ok(Architecture::X86_64),
            "arm64" => Ok(Architecture::Arm64),
            other => Err(format!("an architecture is x86_64 or arm64, not {}", quoted(other))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_callee_can_name_a_version_or_an_alias() {
        for text in [
            "f",
            "f:7",
            "f:live",
            "123456789012:function:f:live",
            "arn:aws:lambda:eu-west-1:123456789012:function:f:7",
        ] {
            let callee: Callee = text.parse().expect("a callee");
            assert_eq!(callee.to_string(), text);
        }
        assert_eq!("f:$LATEST".parse::<Callee>().expect("a callee").to_string(), "f");
        for text in ["", "f:", "f:0", "f:a b"] {
            assert!(text.parse::<Callee>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_function_is_parsed_from_each_of_its_three_forms() {
        let arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:my_f-1";
        let FunctionRef::Arn(parsed) = arn.parse().expect("an ARN") else { panic!("a whole ARN") };
        assert_eq!(parsed.region(), "cn-north-1");
        assert_eq!(parsed.to_string(), arn);
        assert!(matches!("my_f-1".parse(), Ok(FunctionRef::Name(_))));
        assert!(matches!("123456789012:function:f".parse(), Ok(FunctionRef::Partial(_))));
        assert!(matches!("function:f".parse(), Ok(FunctionRef::Name(_))));
    }

    #[test]
    fn a_qualified_function_is_refused_and_the_unqualified_one_is_advised() {
        for (text, unqualified) in [
            ("f:7", "f"),
            ("123456789012:function:f:live", "123456789012:function:f"),
            (
                "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
                "arn:aws:lambda:us-east-1:123456789012:function:f",
            ),
        ] {
            let error = text.parse::<FunctionRef>().expect_err("qualified").to_string();
            assert!(error.ends_with(&format!(": {unqualified}")), "{error}");
        }
    }

    #[test]
    fn a_text_in_no_form_of_a_function_is_refused() {
        for text in [
            "",
            "a b",
            "arn:aws:s3:::bucket",
            "arn:aws:lambda:us-east-1:1:function:f",
            "1:2:3:4",
            "f/g",
            ":",
            "1:function:f:live",
        ] {
            assert!(matches!(text.parse::<FunctionRef>(), Err(NotAFunction::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn a_version_is_a_positive_number() {
        assert_eq!("7".parse::<Version>().expect("a number").to_string(), "7");
        for text in ["$LATEST", "0", "", "live", "-1", "+1", "07"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_function_can_have_the_name_function() {
        for (text, resolved) in [
            ("function", "function"),
            ("function:function", "function"),
            ("123456789012:function", "123456789012:function:function"),
            ("123456789012:function:function", "123456789012:function:function"),
        ] {
            assert_eq!(text.parse::<FunctionRef>().expect("a function").to_string(), resolved);
        }
        assert!(matches!("function:function:7".parse::<FunctionRef>(), Err(NotAFunction::Qualified { .. })));
    }

    #[test]
    fn an_account_before_a_name_is_read_as_aws_reads_it() {
        let read = |text: &str| text.parse::<FunctionRef>().map(|function| function.to_string());
        assert_eq!(read("123456789012:f"), Ok("123456789012:function:f".to_owned()));
        assert_eq!(read("123456789012"), Ok("123456789012".to_owned()), "a name of digits");
        let qualified = read("123456789012:f:7").expect_err("a version");
        assert!(qualified.to_string().ends_with("give the function without it: 123456789012:function:f"));
        assert_eq!(
            read("12345678901:f").map_err(|error| error.to_string().contains("the version or alias \"f\"")),
            Err(true)
        );
    }

    #[test]
    fn a_name_that_is_too_long_is_said_to_be() {
        let name = "f".repeat(65);
        for text in [name.clone(), format!("arn:aws:lambda:us-east-1:123456789012:function:{name}")] {
            assert_eq!(text.parse::<FunctionRef>(), Err(NotAFunction::TooLong(name.clone())));
        }
        let region = "r".repeat(31);
        let text = format!("arn:aws:lambda:{region}:123456789012:function:f");
        assert_eq!(text.parse::<FunctionRef>(), Err(NotAFunction::Malformed(text)));
    }

    const NAME: &str = "[A-Za-z0-9_-]{1,64}";
    const ARN: &str =
        "arn:aws(-cn|-us-gov)?:lambda:[a-z]{2}-[a-z]{1,9}-[1-9]:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}";

    fn reference() -> impl Strategy<Value = String> {
        prop_oneof![NAME, "[0-9]{12}:function:[A-Za-z0-9_-]{1,64}", ARN]
    }

    /// Generates texts of the parts that names consist of, so that they are nearly names.
    fn near_name() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("arn".to_owned()),
            Just("aws".to_owned()),
            Just("lambda".to_owned()),
            Just("us-east-1".to_owned()),
            Just("123456789012".to_owned()),
            Just("function".to_owned()),
            Just("$LATEST".to_owned()),
            NAME,
            "\\PC{0,3}",
        ];
        proptest::collection::vec(part, 0..10).prop_map(|parts| parts.join(":"))
    }

    proptest! {
        #[test]
        fn a_function_displays_as_it_was_given(text in reference()) {
            let function: FunctionRef = text.parse().expect("a function");
            prop_assert_eq!(function.to_string(), &*text);
            prop_assert_eq!(function.region().is_some(), text.starts_with("arn:"));
        }

        #[test]
        fn an_arn_is_written_to_a_record_as_it_was_given(text in ARN) {
            let arn: FunctionArn = text.parse().expect("an ARN");
            prop_assert_eq!(format!("arn:{}:lambda:{}:{}:function:{}", arn.partition, arn.region(), arn.account, arn.name()), &*text);
            let json = serde_json::to_string(&arn).expect("a string");
            prop_assert_eq!(&json, &format!("{text:?}"));
            prop_assert_eq!(serde_json::from_str::<FunctionArn>(&json).expect("read back"), arn);
        }

        #[test]
        fn a_refused_version_or_alias_is_split_from_its_function(
            function in reference(),
            version in "[A-Za-z0-9$_-]{0,20}",
        ) {
            // `function:f` is `f` in the region of the credentials.
            prop_assume!(function != "function");
            match format!("{function}:{version}").parse::<FunctionRef>() {
                Err(NotAFunction::Qualified { qualifier, unqualified, .. }) => {
                    prop_assert_eq!(qualifier, version);
                    prop_assert_eq!(unqualified, function);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn any_text_is_a_function_or_is_refused_and_a_function_is_advised(text in prop_oneof![near_name(), any::<String>()]) {
            match text.parse::<FunctionRef>() {
                Ok(function) => {
                    let resolved = function.to_string();
                    prop_assert!(text.ends_with(resolved.rsplit(':').next().expect("a name")), "{}", resolved);
                    prop_assert_eq!(resolved.parse(), Ok(function));
                }
                Err(NotAFunction::TooLong(name)) => prop_assert!(text.contains(&name) && name.len() > 64),
                Err(NotAFunction::Qualified { unqualified, .. }) => {
                    prop_assert!(unqualified.parse::<FunctionRef>().is_ok(), "{}", unqualified);
                }
                Err(error) => prop_assert_eq!(error, NotAFunction::Malformed(text)),
            }
        }

        #[test]
        fn an_arn_parses_only_from_a_whole_arn(text in prop_oneof![reference(), near_name()]) {
            let is_whole = matches!(text.parse(), Ok(FunctionRef::Arn(_)));
            prop_assert_eq!(text.parse::<FunctionArn>().is_ok(), is_whole);
        }

        #[test]
        fn a_version_is_a_number_and_displays_as_it_was_given(
            text in prop_oneof!["[1-9][0-9]{0,22}", "[0-9$+A-Z-]{0,9}", any::<String>()],
        ) {
            let is_number = text.parse::<u64>().is_ok_and(|number| number > 0 && number.to_string() == text);
            match text.parse::<Version>() {
                Ok(version) => prop_assert_eq!((version.to_string(), true), (text, is_number)),
                Err(NotAVersion(refused)) => prop_assert_eq!((refused, false), (text, is_number)),
            }
        }

        #[test]
        fn an_alias_displays_as_it_was_given_and_is_not_a_version(
            text in prop_oneof!["[A-Za-z0-9_-]{0,130}", "[0-9]{1,5}", "\\PC{0,5}"],
        ) {
            match text.parse::<AliasName>() {
                Ok(alias) => {
                    prop_assert_eq!(alias.to_string(), &*text);
                    prop_assert!(text.parse::<Version>().is_err() && text.len() <= 128);
                    let json = serde_json::to_string(&alias).expect("a string");
                    prop_assert_eq!(serde_json::from_str::<AliasName>(&json).expect("read back"), alias);
                }
                Err(NotAnAlias(refused)) => prop_assert_eq!(refused, text),
            }
        }
    }
}
