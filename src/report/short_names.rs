//! The names by which people are told of functions.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::{FunctionArn, FunctionName};

/// The functions of a stream, each by its short name: `f`. If another one has the same name, the parts of the ARN that
/// tell them apart follow: `f in eu-west-1`.
#[derive(Debug, Default)]
pub struct ShortNames {
    namesakes: BTreeMap<FunctionName, BTreeSet<FunctionArn>>,
}

impl<'a> FromIterator<&'a FunctionArn> for ShortNames {
    fn from_iter<I: IntoIterator<Item = &'a FunctionArn>>(functions: I) -> ShortNames {
        let mut names = ShortNames::default();
        for function in functions {
            let namesakes = names.namesakes.entry(function.name().clone()).or_default();
            if !namesakes.contains(function) {
                namesakes.insert(function.clone());
            }
        }
        names
    }
}

impl ShortNames {
    /// Returns the short name of a function.
    pub fn of(&self, function: &FunctionArn) -> String {
        let mut name = function.name().to_string();
        let namesakes = self.namesakes.get(function.name());
        let differ = |part: fn(&FunctionArn) -> &str| {
            namesakes.into_iter().flatten().any(|namesake| part(namesake) != part(function))
        };
        if differ(FunctionArn::region) {
            name += &format!(" in {}", function.region());
        }
        if differ(FunctionArn::account) {
            name += &format!(" of account {}", function.account());
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_its_name_and_what_tells_it_from_its_namesakes() {
        let arn = |region: &str, account: u64, name: &str| -> FunctionArn {
            format!("arn:aws:lambda:{region}:{account}:function:{name}").parse().expect("an ARN")
        };
        let functions = [
            arn("us-east-1", 111_111_111_111, "f"),
            arn("us-east-1", 111_111_111_111, "f"),
            arn("us-east-1", 111_111_111_111, "g"),
            arn("eu-west-1", 111_111_111_111, "g"),
            arn("us-east-1", 111_111_111_111, "h"),
            arn("us-east-1", 222_222_222_222, "h"),
            arn("eu-west-1", 111_111_111_111, "i"),
        ];
        let names: ShortNames = functions.iter().collect();
        let expected = [
            "f",
            "f",
            "g in us-east-1",
            "g in eu-west-1",
            "h of account 111111111111",
            "h of account 222222222222",
            "i",
        ];
        assert_eq!(functions.each_ref().map(|function| names.of(function)), expected);
    }
}
