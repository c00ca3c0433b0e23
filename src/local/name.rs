//! What a request may call a function: a name, an ARN, a part of one, each with a qualifier or without.

use super::refusal::Refusal;

/// The account that every function here belongs to.
pub const ACCOUNT: &str = "123456789012";

/// Which function, and which of its versions, a request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The function's name.
    pub name: String,
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

impl std::fmt::Display for Qualifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Qualifier::Latest => f.write_str("$LATEST"),
            Qualifier::Version(number) => write!(f, "{number}"),
            Qualifier::Alias(name) => f.write_str(name),
        }
    }
}

impl Target {
    /// Reads the `FunctionName` of a path and the `Qualifier` of a query, which must not contradict each other.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax>
    pub fn parse(function_name: &str, qualifier: Option<&str>, region: &str) -> Result<Target, Refusal> {
        let mut parts: Vec<&str> = function_name.split(':').collect();
        if parts.len() >= 7 && parts[0] == "arn" && parts[2] == "lambda" {
            if parts[3] != region {
                return Err(Refusal::not_found("Function", function_name));
            }
            parts.drain(..4);
        }
        if parts.len() >= 3 && parts[1] == "function" {
            if parts[0] != ACCOUNT {
                return Err(Refusal::not_found("Function", function_name));
            }
            parts.drain(..2);
        }
        let (name, own) = match parts[..] {
            [name] => (name, None),
            [name, own] => (name, Some(Qualifier::parse(own)?)),
            _ => return Err(Refusal::invalid(format!("'{function_name}' is no function name or ARN"))),
        };
        check_word(name, 64)?;
        let asked = qualifier.map(Qualifier::parse).transpose()?;
        if own.is_some() && asked.is_some() && own != asked {
            return Err(Refusal::invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            ));
        }
        Ok(Target { name: name.to_owned(), qualifier: own.or(asked) })
    }
}

/// The ARN of a function, or with a qualifier of one of its versions or aliases.
pub fn arn(region: &str, name: &str, qualifier: Option<&str>) -> String {
    let function = format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{name}");
    match qualifier {
        Some(qualifier) => format!("{function}:{qualifier}"),
        None => function,
    }
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

    fn parse(name: &str, qualifier: Option<&str>) -> Result<Target, Refusal> {
        Target::parse(name, qualifier, "eu-west-1")
    }

    fn target(name: &str, qualifier: Option<Qualifier>) -> Target {
        Target { name: name.to_owned(), qualifier }
    }

    #[test]
    fn a_function_can_be_called_by_name_arn_and_partial_arn() {
        for name in ["api", "123456789012:function:api", "arn:aws:lambda:eu-west-1:123456789012:function:api"]
        {
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
    fn another_region_or_account_has_no_such_function() {
        for name in ["arn:aws:lambda:us-east-1:123456789012:function:api", "210987654321:function:api"] {
            assert_eq!(parse(name, None).unwrap_err().kind(), Kind::ResourceNotFound);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "a b", "a:b:c", "api:1x", "ä"] {
            assert_eq!(parse(name, None).unwrap_err().kind(), Kind::InvalidParameterValue, "{name}");
        }
    }
}
