//! IAM policies, as far as the tools write them.
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
    /// Of these statements, in the current version of the language.
    pub fn new(statement: Vec<Statement>) -> Policy {
        Policy { version: "2012-10-17", statement }
    }
}

/// Allows all of some actions on all of some resources.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'static str>,
    effect: &'static str,
    action: OneOrMany,
    resource: OneOrMany,
}

/// What stands alone or in a list.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Statement {
    /// Allows `actions` on `resources`, under a name of letters and digits.
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
