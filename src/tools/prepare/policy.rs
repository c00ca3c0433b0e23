//! `lpt-prepare --policy`: the IAM policy for a run.

use std::collections::BTreeSet;

use crate::aws::{Aws, AwsError, Policy, Statement};
use crate::cli::ExecutionInput;
use crate::entry::Pipe;
use crate::error::{Error, Fault};
use crate::exit::Exit;
use crate::names::{Callee, FunctionArn, FunctionRef, Qualifier};

/// Writes the least policy for a run on `functions` with `input`. Changes nothing.
///
/// # Errors
/// Fails if a function is not given as an ARN, and AWS does not return its ARN.
pub(super) async fn print(
    functions: &[Callee],
    input: &ExecutionInput,
    aws: &Aws,
    pipe: &mut Pipe,
) -> Result<Exit, Error> {
    pipe.output.leave_out_end();
    let mut arns = BTreeSet::new();
    for function in functions {
        arns.insert(arn_of(aws, function.function()).await?);
    }
    let mut processors = Vec::new();
    for callee in [&input.pre_processor_arn, &input.post_processor_arn].into_iter().flatten() {
        let function = arn_of(aws, callee.function()).await?;
        processors.push(callee.clone().of(function).to_string());
    }
    let partition = arns.first().map_or("aws", FunctionArn::partition);
    let payload = input.payload_s3.as_ref().map(|url| url.arn_pattern(partition));
    let policy = Policy::new(statements(&arns, processors, payload));
    let text = serde_json::to_string_pretty(&policy).expect("a policy holds only strings");
    pipe.output.document(&text)?;
    Ok(Exit::Done)
}

/// Returns the ARN of `function`. Asks AWS for it if `function` is only a name.
async fn arn_of(aws: &Aws, function: &FunctionRef) -> Result<FunctionArn, Error> {
    if let FunctionRef::Arn(arn) = function {
        return Ok(arn.clone());
    }
    match aws.lambda_of_ref(function)?.configuration(function, Qualifier::Latest).await {
        Ok(configuration) => Ok(configuration.function_arn),
        Err(error) if error.is_not_found() => Err(error.into()),
        Err(error) => Err(NoArn(error).into()),
    }
}

/// AWS did not return the ARN of a function.
#[derive(Debug, thiserror::Error)]
#[error("{0}; or give the function as an ARN, which needs no call")]
struct NoArn(AwsError);

impl Fault for NoArn {
    fn exit(&self) -> Exit {
        self.0.exit()
    }
}

/// Returns a statement for each tool, and a second one if the tool also works on versions. A single statement
/// for both would let DeleteFunction delete the function.
fn statements(
    functions: &BTreeSet<FunctionArn>,
    processors: Vec<String>,
    payload: Option<String>,
) -> Vec<Statement> {
    let resources =
        |qualifier: &str| functions.iter().map(|function| format!("{function}{qualifier}")).collect();
    let on_functions = |sid, actions: &[&str]| Statement::allow(sid, actions, resources(""));
    let on_versions = |sid, actions: &[&str]| Statement::allow(sid, actions, resources(":*"));
    let mut statements = vec![
        on_functions(
            "LptPrepare",
            &[
                "lambda:GetFunction",
                "lambda:UpdateFunctionConfiguration",
                "lambda:PublishVersion",
                "lambda:CreateAlias",
                // To remove what it has made if its records cannot be written or publishing fails.
                "lambda:ListVersionsByFunction",
                "lambda:ListAliases",
                "lambda:DeleteAlias",
            ],
        ),
        on_versions("LptPrepareVersions", &["lambda:GetFunction", "lambda:DeleteFunction"]),
        Statement::allow("LptInvoke", &["lambda:InvokeFunction"], resources(":lpt-*")),
    ];
    if !processors.is_empty() {
        statements.push(Statement::allow("LptInvokeProcessors", &["lambda:InvokeFunction"], processors));
    }
    if let Some(object) = payload {
        statements.push(Statement::allow("LptInvokePayload", &["s3:GetObject"], vec![object]));
    }
    statements.extend([
        on_functions("LptApply", &["lambda:GetFunction", "lambda:UpdateFunctionConfiguration"]),
        on_functions(
            "LptApplyAlias",
            &[
                "lambda:PublishVersion",
                "lambda:GetAlias",
                "lambda:CreateAlias",
                "lambda:UpdateAlias",
                // To remove a version that it has published in vain.
                "lambda:ListVersionsByFunction",
                "lambda:ListAliases",
            ],
        ),
        on_versions("LptApplyAliasVersions", &["lambda:GetFunction", "lambda:DeleteFunction"]),
        on_functions(
            "LptCleanup",
            &[
                "lambda:GetFunction",
                "lambda:UpdateFunctionConfiguration",
                "lambda:ListVersionsByFunction",
                "lambda:ListAliases",
                "lambda:DeleteAlias",
            ],
        ),
        on_versions("LptCleanupVersions", &["lambda:DeleteFunction"]),
    ]);
    statements
}
