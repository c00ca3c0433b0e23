//! The permissions of the caller: the effects, actions and resources of an identity-based IAM policy.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::error::Error;

/// A policy document. One with an unknown element, such as a condition, is an error, because without that element it
/// would allow what AWS refuses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Policy {
    #[serde(rename = "Version")]
    _version: Version,
    #[serde(default, rename = "Id")]
    _id: String,
    statement: OneOrMany<Statement>,
}

/// The version of the policy language. The versions differ in variables, which are refused in both.
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

/// A pattern of actions, in lower case because the case of an action does not matter.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Action(String);

/// A pattern of resources.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Resource(String);

/// Why an action is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// No statement allows it.
    Implicit,
    /// A statement denies it. That takes precedence over any that allows it.
    Explicit,
    /// The function is in another account, and has no policy that allows it.
    OtherAccount,
}

impl Policy {
    /// Reads a file with a policy document.
    pub(crate) fn read(path: &Path) -> Result<Policy, Error> {
        let usage = |why: String| Error::Usage(format!("--policy {}: {why}", path.display()));
        let json = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
        Policy::parse(&json).map_err(|error| usage(error.to_string()))
    }

    fn parse(json: &str) -> Result<Policy, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Decides whether an action, such as `lambda:GetAlias`, is allowed on a resource. The resource is an ARN, or
    /// `*` for an action that has no resource.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
    pub(crate) fn decide(&self, action: &str, resource: &str) -> Result<(), Denial> {
        let action = action.to_ascii_lowercase();
        let applies = |effect| {
            self.statement
                .0
                .iter()
                .any(|statement| statement.effect == effect && statement.covers(&action, resource))
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

impl Statement {
    fn covers(&self, action: &str, resource: &str) -> bool {
        self.action.0.iter().any(|pattern| matches(pattern.0.as_bytes(), action.as_bytes()))
            && self.resource.0.iter().any(|pattern| matches(pattern.0.as_bytes(), resource.as_bytes()))
    }
}

impl TryFrom<String> for Action {
    type Error = String;

    fn try_from(text: String) -> Result<Action, String> {
        if text == "*" || text.contains(':') {
            return Ok(Action(text.to_ascii_lowercase()));
        }
        Err(format!("`{text}` is not an action such as lambda:InvokeFunction"))
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
                    return Err(format!("`{text}`: the service can't have a wildcard"));
                }
                // <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html#function-resources>
                if service == "lambda" && wild(account) {
                    return Err(format!("`{text}`: the account of a Lambda resource can't have a wildcard"));
                }
            }
            _ => return Err(format!("`{text}` is neither an ARN nor `*`")),
        }
        if text.contains("${") {
            return Err(format!("`{text}`: lpt-local does not support policy variables"));
        }
        Ok(Resource(text))
    }
}

/// Whether a pattern covers a text. `?` is any character within a segment between colons, and `*` any number of
/// them. At the end of its segment `*` also covers colons.
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

/// One element alone, or a list of them.
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

    /// Whether a policy of one statement allows what is asked: an action, and its resource.
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

    /// The four cases of AWS's page: the ARN itself, one qualifier, any qualifier, and all of these.
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
    fn a_denial_takes_precedence_over_what_is_allowed() {
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
    fn an_unknown_element_is_refused() {
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
            (statement.replace("lambda:*", "Invoke"), "`Invoke` is not an action"),
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
