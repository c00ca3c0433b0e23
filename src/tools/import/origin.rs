//! What a report does not say, and money depends on: the function with its region, and the architecture.

use std::collections::HashMap;

use crate::names::{Architecture, FunctionArn};

/// What the flags say of the origin of reports.
#[derive(Debug)]
pub(super) struct Origin {
    /// The function of the reports whose log group is not known.
    pub function: Option<FunctionArn>,
    /// The region and the account of the functions that log groups name.
    pub region: Option<String>,
    pub account: Option<String>,
    pub architecture: Option<Architecture>,
}

impl Origin {
    /// Returns the architecture of the functions.
    ///
    /// # Errors
    /// No flag says it.
    pub fn architecture(&self) -> Result<Architecture, String> {
        self.architecture.ok_or_else(|| {
            "a report does not say the architecture, which decides the price; add --architecture x86_64 or --architecture arm64"
                .to_owned()
        })
    }

    /// Returns the function of a log group, or the one of the flag. A log group with an account in front is that of
    /// Logs Insights or of a subscription.
    ///
    /// # Errors
    /// Neither the input nor the flags say all that an ARN has.
    pub fn function(&self, group: Option<&str>) -> Result<FunctionArn, String> {
        let Some(group) = group else {
            return self
                .function
                .clone()
                .ok_or_else(|| "a report does not say the function; add --function with its ARN".to_owned());
        };
        let (account, path) = match group.split_once(':') {
            Some((account, path)) => (Some(account), path),
            None => (None, group),
        };
        let Some(name) = path.strip_prefix("/aws/lambda/") else {
            // A function can log to any group.
            return self.function.clone().ok_or_else(|| {
                format!("the log group {path} does not name a function; add --function with its ARN")
            });
        };
        let (Some(region), Some(account)) = (&self.region, account.or(self.account.as_deref())) else {
            let missing = if self.region.is_none() { "region" } else { "account" };
            return Err(format!("the log group {path} does not say the {missing}; add --{missing}"));
        };
        let partition = partition_of(region);
        let arn = format!("arn:{partition}:lambda:{region}:{account}:function:{name}");
        arn.parse().map_err(|_| format!("the log group {path} does not name a function; add --function"))
    }
}

/// Returns the partition of AWS to which a region belongs.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
fn partition_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// The functions of log groups that were found already.
#[derive(Default)]
pub(super) struct Functions(HashMap<Option<String>, Result<FunctionArn, String>>);

impl Functions {
    pub fn of(&mut self, group: Option<&str>, origin: &Origin) -> Result<FunctionArn, String> {
        let group = group.map(str::to_owned);
        self.0.entry(group).or_insert_with_key(|group| origin.function(group.as_deref())).clone()
    }
}
