//! What the caller may do: an identity-based IAM policy, as far as effects, actions and resources go.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::error::Error;

/// A policy document. What is not understood, such as a condition, makes it none: read as less than it says, it
/// would let through what AWS refuses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Policy {
    #[serde(rename = "Version")]
    _version: Version,
    #[serde(default, rename = "Id")]
    _id: String,
    statement: OneOrMany<Statement>,
}

/// Of the policy language. They differ in variables, which are refused in either.
#[derive(Debug, Deserialize)]
enum Version {
    #[serde(rename = "2012-10-17")]
    Current,
    #[serde(rename = "2008-10-17")]
    Old,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(default, rename = "Sid")]
    _sid: String,
    effect: Effect,
    action: OneOrMany<Action>,
    resource: OneOrMany<Resource>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// Actions by a pattern, in lower case: case does not matter.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Action(String);

/// Resources by a pattern.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Resource(String);

/// Why an action is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// Nothing allows it.
    Implicit,
    /// A statement denies it, whatever others allow.
    Explicit,
}

impl Policy {
    /// Reads a file with a policy document.
    pub fn read(path: &Path) -> Result<Policy, Error> {
        let usage = |why: String| Error::Usage(format!("--policy {}: {why}", path.display()));
        let json = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
        Policy::parse(&json).map_err(|error| usage(error.to_string()))
    }

    /// Reads a policy document.
    fn parse(json: &str) -> Result<Policy, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Whether `action`, such as `lambda:GetAlias`, may be done on `resource`: an ARN, or `*` for an action
    /// that is on no resource in particular.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
    pub fn decide(&self, action: &str, resource: &str) -> Result<(), Denial> {
        let action = action.to_ascii_lowercase();
        let applies = |effect| {
            self.statement.0.iter().filter(move |statement| statement.effect == effect).any(|statement| {
                statement.action.0.iter().any(|pattern| matches(pattern.0.as_bytes(), action.as_bytes()))
                    && statement
                        .resource
                        .0
                        .iter()
                        .any(|pattern| matches(pattern.0.as_bytes(), resource.as_bytes()))
            })
        };
        if applies(Effect::Deny) {
            Err(Denial::Explicit)
        } else if applies(Effect::Allow) {
            Ok(())
        } else {
            Err(Denial::Implicit)
        }
    }
}

impl TryFrom<String> for Action {
    type Error = String;

    fn try_from(text: String) -> Result<Action, String> {
        if text == "*" || text.contains(':') {
            return Ok(Action(text.to_ascii_lowercase()));
        }
        Err(format!("`{text}` is no action such as lambda:InvokeFunction"))
    }
}

impl TryFrom<String> for Resource {
    type Error = String;

    fn try_from(text: String) -> Result<Resource, String> {
        let wild = |part: &str| part.contains(['*', '?']);
        match text.splitn(6, ':').collect::<Vec<_>>()[..] {
            ["*"] => {}
            ["arn", _, service, _, account, _] => {
                if wild(service) {
                    return Err(format!("`{text}`: no wildcard can stand for the service"));
                }
                // <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html#function-resources>
                if service == "lambda" && wild(account) {
                    return Err(format!("`{text}`: Lambda matches no wildcard with an account"));
                }
            }
            _ => return Err(format!("`{text}` is neither an ARN nor `*`")),
        }
        if text.contains("${") {
            return Err(format!("`{text}`: lpt-local knows no policy variables"));
        }
        Ok(Resource(text))
    }
}

/// Whether a pattern covers a text: `?` any character within a segment between colons, `*` any number of
/// them, and beyond the colon too where it is the last character of its segment.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html#reference_policies_elements_resource_wildcards>
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([b'*', behind @ ..], _) => {
            let beyond = matches!(behind, [] | [b':', ..]);
            matches(behind, text)
                || matches!(text, [first, rest @ ..] if (beyond || *first != b':') && matches(pattern, rest))
        }
        ([b'?', pattern @ ..], [first, text @ ..]) => *first != b':' && matches(pattern, text),
        ([expected, pattern @ ..], [first, text @ ..]) => expected == first && matches(pattern, text),
        (pattern, text) => pattern.is_empty() && text.is_empty(),
    }
}

/// What stands alone or in a list.
#[derive(Debug)]
struct OneOrMany<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OneOrMany<T>, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one or a list")
            }

            fn visit_str<E: serde::de::Error>(self, one: &str) -> Result<OneOrMany<T>, E> {
                Ok(OneOrMany(vec![T::deserialize(one.into_deserializer())?]))
            }

            fn visit_map<A: MapAccess<'de>>(self, one: A) -> Result<OneOrMany<T>, A::Error> {
                Ok(OneOrMany(vec![T::deserialize(MapAccessDeserializer::new(one))?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, many: A) -> Result<OneOrMany<T>, A::Error> {
                Ok(OneOrMany(Vec::deserialize(SeqAccessDeserializer::new(many))?))
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

    /// Whether one statement with this action and resource allows `action` on `resource`.
    fn allows(action: &str, resource: &str, asked: (&str, &str)) -> bool {
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}}}"#
        );
        Policy::parse(&json).unwrap().decide(asked.0, asked.1).is_ok()
    }

    #[test]
    fn actions_match_by_wildcards_and_in_any_case() {
        for pattern in ["*", "lambda:*", "lambda:Get*", "LAMBDA:getalias", "lambda:Ge?Alia?"] {
            assert!(allows(pattern, "*", ("lambda:GetAlias", F)), "{pattern}");
        }
        for pattern in ["lambda:Get", "lambda:GetAliases", "s3:*", "lambda:Get?Alias", "lambda:List*"] {
            assert!(!allows(pattern, "*", ("lambda:GetAlias", F)), "{pattern}");
        }
    }

    /// The four cases of AWS's page: the ARN itself, one qualified, any qualified, and all of them.
    #[test]
    fn a_resource_covers_the_arns_that_aws_says() {
        let covered = |pattern: &str| {
            ["", ":1", ":2"].map(|end| {
                allows("*", &format!("{F}{pattern}"), ("lambda:InvokeFunction", &format!("{F}{end}")))
            })
        };
        assert_eq!(covered(""), [true, false, false]);
        assert_eq!(covered(":1"), [false, true, false]);
        assert_eq!(covered(":*"), [false, true, true]);
        assert_eq!(covered("*"), [true, true, true]);
    }

    #[test]
    fn a_wildcard_within_a_segment_ends_at_the_colon() {
        let on = |pattern: &str| allows("*", pattern, ("lambda:InvokeFunction", &format!("{F}oo:live")));
        assert!(on("arn:aws:lambda:us-*:123456789012:function:f*"));
        assert!(on("arn:aws:lambda:*:123456789012:function:f*:live"));
        assert!(on("arn:aws:lambda:*:123456789012:*"));
        assert!(!on("arn:aws:lambda:us-east-1:123456789012:function:f*e"));
        assert!(!on("arn:aws:lambda:us-east-1:123456789012:function:foo?live"));
        assert!(!on("arn:aws:lambda:eu-*:123456789012:function:f*"));
    }

    #[test]
    fn an_action_without_a_resource_needs_the_star() {
        assert!(allows("lambda:*", "*", ("lambda:ListFunctions", "*")));
        assert!(!allows("lambda:*", "arn:aws:lambda:*:123456789012:*", ("lambda:ListFunctions", "*")));
    }

    #[test]
    fn a_denial_goes_before_what_is_allowed() {
        let json = format!(
            r#"{{"Version": "2012-10-17", "Statement": [
                {{"Sid": "Most", "Effect": "Allow", "Action": ["lambda:Get*", "lambda:DeleteAlias"], "Resource": ["{F}", "{F}:*"]}},
                {{"Effect": "Deny", "Action": "lambda:GetAlias", "Resource": "*"}}
            ]}}"#
        );
        let policy = Policy::parse(&json).unwrap();
        assert_eq!(policy.decide("lambda:GetFunction", F), Ok(()));
        assert_eq!(policy.decide("lambda:DeleteAlias", F), Ok(()));
        assert_eq!(policy.decide("lambda:GetAlias", F), Err(Denial::Explicit));
        assert_eq!(policy.decide("lambda:CreateAlias", F), Err(Denial::Implicit));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let statement = r#""Effect":"Allow","Action":"lambda:*","Resource":"*""#;
        let policy = |statement: &str| {
            Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{{{statement}}}]}}"#))
        };
        policy(statement).unwrap();
        for (change, word) in [
            (statement.replace("Action", "NotAction"), "NotAction"),
            (statement.replace("Resource", "NotResource"), "NotResource"),
            (format!(r#"{statement},"Condition":{{}}"#), "Condition"),
            (format!(r#"{statement},"Principal":"*""#), "Principal"),
            (format!(r#"{statement},"Action":"s3:*""#), "duplicate field `Action`"),
            (statement.replace("Allow", "Permit"), "Permit"),
            (statement.replace("lambda:*", "Invoke"), "`Invoke` is no action"),
            (statement.replace(r#":"*""#, r#":"f""#), "`f` is neither an ARN"),
            (statement.replace(r#":"*""#, r#":"arn:aws:lambda:*""#), "neither an ARN"),
            (statement.replace(r#":"*""#, r#":"arn:aws:*:us-east-1:123456789012:f""#), "service"),
            (statement.replace(r#":"*""#, r#":"arn:aws:lambda:us-east-1:*:function:f""#), "account"),
            (statement.replace(r#":"*""#, &format!(r#":"{F}-${{aws:username}}""#)), "variables"),
            (statement.replace(r#":"*""#, ":[1]"), "integer `1`"),
        ] {
            let error = policy(&change).unwrap_err().to_string();
            assert!(error.contains(word), "no {word:?} in: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        assert!(Policy::parse(r#"{"Version":"2025-01-01","Statement":[]}"#).is_err());
        assert!(Policy::parse(r#"{"Statement":[]}"#).is_err());
    }
}
