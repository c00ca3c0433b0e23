//! IAM policies as JSON, with the elements that the tools write.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>

use serde::Serialize;

/// A policy document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

impl Policy {
    /// Makes a policy of these statements, in the current version of the policy language.
    pub fn new(statement: Vec<Statement>) -> Policy {
        Policy { version: "2012-10-17", statement }
    }
}

/// A statement that allows each of its actions on each of its resources.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'static str>,
    effect: &'static str,
    action: OneOrMany,
    resource: OneOrMany,
}

/// One string, or a list of strings.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Statement {
    /// Allows `actions` on `resources`. `sid`, the name of the statement, consists of letters and digits.
    pub fn allow(sid: &'static str, actions: &[&str], resources: Vec<String>) -> Statement {
        let actions = actions.iter().map(|&action| action.to_owned()).collect();
        Statement {
            sid: Some(sid),
            effect: "Allow",
            action: OneOrMany::Many(actions),
            resource: OneOrMany::Many(resources),
        }
    }

    /// Allows one action on one resource.
    pub(super) fn allow_one(action: &str, resource: &str) -> Statement {
        Statement {
            sid: None,
            effect: "Allow",
            action: OneOrMany::One(action.to_owned()),
            resource: OneOrMany::One(resource.to_owned()),
        }
    }
}
