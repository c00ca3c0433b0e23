//! The names of functions in requests: by name, ARN or partial ARN, with a qualifier or without.

use std::fmt;

use crate::local::refusal::{Exception, Refusal};

/// The account of all callers, and of each function that is not deployed to another account.
pub(crate) const DEFAULT_ACCOUNT: &str = "123456789012";

/// An account in a region. Functions belong to one, and limits apply to each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AccountRegion {
    /// Twelve digits.
    pub(crate) account: String,
    pub(crate) region: String,
}

impl AccountRegion {
    /// Returns the partition that the region belongs to.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html#arns-syntax>
    pub(crate) fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

/// A function's identity among those of all accounts and regions. It displays as the unqualified ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FunctionId {
    pub(crate) account_region: AccountRegion,
    pub(crate) name: String,
}

impl FunctionId {
    /// Returns the ARN of one of its versions or aliases.
    pub(crate) fn qualified(&self, qualifier: &str) -> String {
        format!("{self}:{qualifier}")
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AccountRegion { account, region } = &self.account_region;
        write!(f, "arn:{}:lambda:{region}:{account}:function:{}", self.account_region.partition(), self.name)
    }
}

/// The function or version that a request is for. It displays as the ARN of exactly that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) function: FunctionId,
    /// Without one the request is for `$LATEST`, or for the function as a whole.
    pub(crate) qualifier: Option<Qualifier>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Qualifier {
    /// `$LATEST`: the code and configuration that can still change.
    Latest,
    Version(u64),
    /// A name that points at a version.
    Alias(String),
}

impl Qualifier {
    /// Parses `$LATEST`, the number of a version or the name of an alias, which is not a number but may begin as one.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html#lambda-CreateAlias-request-Name>
    pub(crate) fn parse(text: &str) -> Result<Qualifier, Refusal> {
        if text == "$LATEST" {
            return Ok(Qualifier::Latest);
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return match text.parse() {
                Ok(number) => Ok(Qualifier::Version(number)),
                Err(_) => Err(Refusal::invalid(format!("'{text}' is not a version or an alias"))),
            };
        }
        check_name(text, 128)?;
        Ok(Qualifier::Alias(text.to_owned()))
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Qualifier::Latest => f.write_str("$LATEST"),
            Qualifier::Version(number) => write!(f, "{number}"),
            Qualifier::Alias(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.function.fmt(f)?;
        match &self.qualifier {
            Some(qualifier) => write!(f, ":{qualifier}"),
            None => Ok(()),
        }
    }
}

impl Target {
    /// Parses the `FunctionName` of a path and the `Qualifier` of a query, which must not contradict each
    /// other. A name without an account or region gets the caller's. A function of another region is refused,
    /// because a region's endpoint reaches only its own functions.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax>
    pub(crate) fn parse(
        function_name: &str,
        qualifier: Option<&str>,
        caller: &AccountRegion,
    ) -> Result<Target, Refusal> {
        let parts: Vec<&str> = function_name.split(':').collect();
        let mut account_region = caller.clone();
        let rest = match &parts[..] {
            ["arn", partition, "lambda", region, account, "function", rest @ ..] => {
                if *region != caller.region {
                    // <https://github.com/alexcasalboni/aws-lambda-power-tuning/issues/18>
                    return Err(Refusal::new(
                        Exception::ResourceNotFound,
                        format!(
                            "Functions from '{region}' are not reachable in this region ('{}')",
                            caller.region
                        ),
                    ));
                }
                if *partition != caller.partition() {
                    return Err(Refusal::no_function(function_name));
                }
                account_region.account = (*account).to_owned();
                rest
            }
            [account, "function", rest @ ..] if check_account(account).is_ok() => {
                account_region.account = (*account).to_owned();
                rest
            }
            ["function", rest @ ..] if !rest.is_empty() => rest,
            rest => rest,
        };
        let (name, in_name) = match rest {
            [name] => (*name, None),
            [name, in_name] => (*name, Some(Qualifier::parse(in_name)?)),
            _ => return Err(Refusal::invalid(format!("'{function_name}' is not a function name or an ARN"))),
        };
        check_name(name, 64)?;
        let in_query = qualifier.map(Qualifier::parse).transpose()?;
        if in_name.is_some() && in_query.is_some() && in_name != in_query {
            return Err(Refusal::invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            ));
        }
        let function = FunctionId { account_region, name: name.to_owned() };
        Ok(Target { function, qualifier: in_name.or(in_query) })
    }
}

pub(crate) fn check_account(text: &str) -> Result<(), String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("`{text}` is not an account: expected 12 digits"))
}

/// Checks that a region can be part of an ARN, but not that AWS has it.
pub(crate) fn check_region(text: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.bytes().all(fits) {
        return Ok(());
    }
    Err(format!("`{text}` is not a region such as us-east-1"))
}

/// Checks the name of a function or an alias.
pub(crate) fn check_name(text: &str, max_length: usize) -> Result<(), Refusal> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=max_length).contains(&text.len()) && text.chars().all(fits) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "'{text}' is not a name: expected 1 to {max_length} letters, digits, hyphens and underscores"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account_region(account: &str, region: &str) -> AccountRegion {
        AccountRegion { account: account.to_owned(), region: region.to_owned() }
    }

    fn parse(name: &str, qualifier: Option<&str>) -> Result<Target, Refusal> {
        Target::parse(name, qualifier, &account_region(DEFAULT_ACCOUNT, "eu-west-1"))
    }

    fn target(name: &str, qualifier: Option<Qualifier>) -> Target {
        let function = FunctionId {
            account_region: account_region(DEFAULT_ACCOUNT, "eu-west-1"),
            name: name.to_owned(),
        };
        Target { function, qualifier }
    }

    #[test]
    fn a_function_is_found_by_name_arn_and_partial_arn() {
        for name in [
            "api",
            "function:api",
            "123456789012:function:api",
            "arn:aws:lambda:eu-west-1:123456789012:function:api",
        ] {
            assert_eq!(parse(name, None), Ok(target("api", None)));
            assert_eq!(parse(&format!("{name}:7"), None), Ok(target("api", Some(Qualifier::Version(7)))));
            assert_eq!(
                parse(&format!("{name}:live"), Some("live")),
                Ok(target("api", Some(Qualifier::Alias("live".to_owned()))))
            );
            let named = Qualifier::Alias("2nd".to_owned());
            assert_eq!(parse(&format!("{name}:2nd"), None), Ok(target("api", Some(named))));
            assert_eq!(parse(name, Some("$LATEST")), Ok(target("api", Some(Qualifier::Latest))));
        }
    }

    #[test]
    fn two_qualifiers_must_agree() {
        let refusal = parse("api:1", Some("2")).unwrap_err();
        assert_eq!(refusal.exception(), Exception::InvalidParameterValue);
    }

    #[test]
    fn an_arn_or_partial_arn_can_name_another_account() {
        for name in ["210987654321:function:api:7", "arn:aws:lambda:eu-west-1:210987654321:function:api:7"] {
            let target = parse(name, None).unwrap();
            assert_eq!(target.function.account_region, account_region("210987654321", "eu-west-1"));
            assert_eq!(target.to_string(), "arn:aws:lambda:eu-west-1:210987654321:function:api:7");
        }
    }

    #[test]
    fn a_function_of_another_region_is_refused() {
        let refusal = parse("arn:aws:lambda:us-east-1:123456789012:function:api", None).unwrap_err();
        assert_eq!(refusal.exception(), Exception::ResourceNotFound);
        assert_eq!(
            refusal.to_string(),
            "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"
        );
    }

    #[test]
    fn the_partition_follows_the_region() {
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
        ] {
            let account_region = account_region(DEFAULT_ACCOUNT, region);
            let arn = format!("arn:{partition}:lambda:{region}:123456789012:function:api");
            let target = Target::parse(&arn, None, &account_region).unwrap();
            assert_eq!(target.to_string(), arn);
            let elsewhere = arn.replacen(partition, "aws-iso", 1);
            assert_eq!(
                Target::parse(&elsewhere, None, &account_region).unwrap_err().exception(),
                Exception::ResourceNotFound
            );
        }
    }

    #[test]
    fn an_invalid_name_is_refused() {
        for name in [
            "",
            "a b",
            "a:b:c",
            "api:1 x",
            "api:99999999999999999999",
            "ä",
            "123456789012:function",
            "1:function:api",
        ] {
            assert_eq!(
                parse(name, None).unwrap_err().exception(),
                Exception::InvalidParameterValue,
                "{name}"
            );
        }
    }
}
