//! A version or an alias that the user names. A run measures `$LATEST` with other memory sizes, because the memory of a
//! version cannot change, so it measures the version's code only if `$LATEST` has it too.

use crate::aws::{FunctionConfiguration, Lambda};
use crate::error::Error;
use crate::label::label;
use crate::message;
use crate::names::{AliasName, Callee, Qualifier, Version};

/// Returns the alias that the user names, if it is one.
///
/// # Errors
/// The version that is named, or that the alias points at, differs from `latest` in more than memory and description.
pub(super) async fn alias(
    lambda: &Lambda,
    callee: &Callee,
    latest: &FunctionConfiguration,
) -> Result<Option<AliasName>, Error> {
    let alias = match callee.qualifier() {
        Qualifier::Latest => return Ok(None),
        Qualifier::Version(_) => None,
        Qualifier::Alias(alias) => Some(alias.clone()),
    };
    let found = lambda.configuration(callee.function(), callee.qualifier()).await?;
    // An alias can point at $LATEST itself.
    let Some(version) = found.version else {
        return Ok(alias);
    };
    let named = label(&latest.function_arn);
    let named = match &alias {
        Some(alias) => format!("{named}:{alias}: version {version}, at which it points,"),
        None => format!("{named}:{version}: the version"),
    };
    let differences = latest.differences_from(&found);
    if !differences.is_empty() {
        return Err(Error::Failed(format!(
            "{named} differs from $LATEST, which is what can be measured: {}; to measure $LATEST, leave the version or \
             alias out; to make $LATEST as the version is: {}",
            differences.join(", "),
            remedy(&differences, latest, version)
        )));
    }
    if alias.is_none() {
        message::note(format_args!(
            "{named} has the code and settings of $LATEST; as its memory cannot change, lpt-apply changes $LATEST, or \
             with --alias NAME publishes another version"
        ));
    }
    if found.memory != latest.memory {
        message::note(format_args!(
            "{named} has {} MB, and $LATEST {} MB: lpt-select compares with $LATEST",
            found.memory, latest.memory
        ));
    }
    Ok(alias)
}

/// Returns the commands that make `$LATEST` as a version is. The values of its settings may be secret, so they are not
/// in a command.
fn remedy(differences: &[&str], latest: &FunctionConfiguration, version: Version) -> String {
    let function = &latest.function_arn;
    let region = function.region();
    let mut steps = Vec::new();
    if differences.contains(&"code") {
        let read = |what: &str| {
            format!(
                "aws lambda get-function --function-name {function} --qualifier {version} --region {region} --query Code.{what} --output text"
            )
        };
        let update = format!("aws lambda update-function-code --function-name {function} --region {region}");
        steps.push(match &*latest.package_type {
            "Image" => format!("{update} --image-uri \"$({})\"", read("ImageUri")),
            _ => format!(
                "curl -o code.zip \"$({})\" && {update} --zip-file fileb://code.zip",
                read("Location")
            ),
        });
    }
    if differences.iter().any(|difference| *difference != "code") {
        steps.push(format!(
            "set what differs as in aws lambda get-function-configuration --function-name {function} --qualifier {version} --region {region}"
        ));
    }
    steps.join("; and ")
}
