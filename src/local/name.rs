//! What a request may call a function: a name, an ARN, a part of one, each with a qualifier or without.

use std::fmt;

use super::refusal::{Kind, Refusal};

/// The account that the callers are in, and with it every function that is not put into another.
pub const ACCOUNT: &str = "123456789012";

/// An account in a region: where functions are, and what limits are for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Home {
    /// Its twelve digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
}

impl Home {
    /// The partition that the region belongs to.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html#arns-syntax>
    pub fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

/// A function, among those of all accounts and regions. As text, its unqualified ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionId {
    pub home: Home,
    pub name: String,
}

impl FunctionId {
    /// The ARN of one of its versions or aliases.
    pub fn qualified(&self, qualifier: &str) -> String {
        format!("{self}:{qualifier}")
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Home { account, region } = &self.home;
        write!(f, "arn:{}:lambda:{region}:{account}:function:{}", self.home.partition(), self.name)
    }
}

/// Which function, and which of its versions, a request means. As text, the ARN of just that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub function: FunctionId,
    /// The version or alias; without one the request means `$LATEST`, or the function as a whole.
    pub qualifier: Option<Qualifier>,
}

/// A version or an alias of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qualifier {
    /// The code and configuration that can still change.
    Latest,
    /// A published version.
    Version(u64),
    /// A name for a published version.
    Alias(String),
}

impl Qualifier {
    /// Reads `$LATEST`, the number of a version or the name of an alias.
    pub fn parse(text: &str) -> Result<Qualifier, Refusal> {
        if text == "$LATEST" {
            return Ok(Qualifier::Latest);
        }
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return match text.parse() {
                Ok(number) => Ok(Qualifier::Version(number)),
                Err(_) => Err(Refusal::invalid(format!("'{text}' is neither a version nor an alias"))),
            };
        }
        check_word(text, 128)?;
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
    /// Reads the `FunctionName` of a path and the `Qualifier` of a query, which must not contradict each
    /// other. What the name leaves out is the caller's; another region is out of reach of this one's endpoint.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax>
    pub fn parse(function_name: &str, qualifier: Option<&str>, caller: &Home) -> Result<Target, Refusal> {
        let parts: Vec<&str> = function_name.split(':').collect();
        let mut home = caller.clone();
        let rest = match &parts[..] {
            ["arn", partition, "lambda", region, account, "function", rest @ ..] => {
                if *region != caller.region {
                    // <https://github.com/alexcasalboni/aws-lambda-power-tuning/issues/18>
                    return Err(Refusal::new(
                        Kind::ResourceNotFound,
                        format!(
                            "Functions from '{region}' are not reachable in this region ('{}')",
                            caller.region
                        ),
                    ));
                }
                if *partition != caller.partition() {
                    return Err(Refusal::not_found("Function", function_name));
                }
                home.account = (*account).to_owned();
                rest
            }
            [account, "function", rest @ ..] if check_account(account).is_ok() => {
                home.account = (*account).to_owned();
                rest
            }
            ["function", rest @ ..] if !rest.is_empty() => rest,
            rest => rest,
        };
        let (name, own) = match rest {
            [name] => (*name, None),
            [name, own] => (*name, Some(Qualifier::parse(own)?)),
            _ => return Err(Refusal::invalid(format!("'{function_name}' is no function name or ARN"))),
        };
        check_word(name, 64)?;
        let asked = qualifier.map(Qualifier::parse).transpose()?;
        if own.is_some() && asked.is_some() && own != asked {
            return Err(Refusal::invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            ));
        }
        let function = FunctionId { home, name: name.to_owned() };
        Ok(Target { function, qualifier: own.or(asked) })
    }
}

/// An account as AWS numbers them.
pub fn check_account(text: &str) -> Result<(), String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("`{text}` is no account: 12 digits"))
}

/// A region as it can stand in an ARN; whether AWS has it is not asked.
pub fn check_region(text: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.bytes().all(fits) {
        return Ok(());
    }
    Err(format!("`{text}` is no region such as us-east-1"))
}

/// A name as functions and aliases may have it.
pub fn check_word(text: &str, most: usize) -> Result<(), Refusal> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=most).contains(&text.len()) && text.chars().all(fits) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "'{text}' is no name: 1 to {most} letters, digits, hyphens and underscores"
    )))
}

#[cfg(test)]
mod tests {
    use super::super::refusal::Kind;
    use super::*;

    fn home(account: &str, region: &str) -> Home {
        Home { account: account.to_owned(), region: region.to_owned() }
    }

    fn parse(name: &str, qualifier: Option<&str>) -> Result<Target, Refusal> {
        Target::parse(name, qualifier, &home(ACCOUNT, "eu-west-1"))
    }

    fn target(name: &str, qualifier: Option<Qualifier>) -> Target {
        let function = FunctionId { home: home(ACCOUNT, "eu-west-1"), name: name.to_owned() };
        Target { function, qualifier }
    }

    #[test]
    fn a_function_can_be_called_by_name_arn_and_partial_arn() {
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
            assert_eq!(parse(name, Some("$LATEST")), Ok(target("api", Some(Qualifier::Latest))));
        }
    }

    #[test]
    fn two_qualifiers_must_agree() {
        let refusal = parse("api:1", Some("2")).unwrap_err();
        assert_eq!(refusal.kind(), Kind::InvalidParameterValue);
    }

    #[test]
    fn an_arn_or_a_partial_one_can_name_another_account() {
        for name in ["210987654321:function:api:7", "arn:aws:lambda:eu-west-1:210987654321:function:api:7"] {
            let target = parse(name, None).unwrap();
            assert_eq!(target.function.home, home("210987654321", "eu-west-1"));
            assert_eq!(target.to_string(), "arn:aws:lambda:eu-west-1:210987654321:function:api:7");
        }
    }

    #[test]
    fn another_region_is_out_of_reach() {
        let refusal = parse("arn:aws:lambda:us-east-1:123456789012:function:api", None).unwrap_err();
        assert_eq!(refusal.kind(), Kind::ResourceNotFound);
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
            let home = home(ACCOUNT, region);
            let arn = format!("arn:{partition}:lambda:{region}:123456789012:function:api");
            let target = Target::parse(&arn, None, &home).unwrap();
            assert_eq!(target.to_string(), arn);
            let elsewhere = arn.replacen(partition, "aws-iso", 1);
            assert_eq!(Target::parse(&elsewhere, None, &home).unwrap_err().kind(), Kind::ResourceNotFound);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "a b", "a:b:c", "api:1x", "ä", "123456789012:function", "1:function:api"] {
            assert_eq!(parse(name, None).unwrap_err().kind(), Kind::InvalidParameterValue, "{name}");
        }
    }
}
