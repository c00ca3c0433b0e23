//! The environment variables of a function's process.

use std::ffi::OsString;

use time::OffsetDateTime;

use crate::local::function::{LogFormat, Runnable, Runtime};
use crate::local::mark;

/// A variable with the mark of this `lpt-local`, by which the next one finds the processes of a killed one.
pub(super) const OWNER: &str = "LPT_LOCAL_OWNER";

/// What a function gets in place of its role's credentials. An SDK in it works as far as it sends nothing.
const NO_CREDENTIALS: &str = "lpt-local-has-no-roles";

/// Returns the variables of a function's process. Of the user's own variables it has only the search paths.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
pub(super) fn variables(runnable: &Runnable, runtime_api: &str) -> Vec<(OsString, OsString)> {
    let configuration = &runnable.configuration;
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: &str| variables.push((name.into(), value.into()));
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    for (name, value) in &configuration.environment {
        set(name, value);
    }
    let region = &runnable.function.account_region.region;
    let root = runnable.code.root().to_string_lossy();
    for (name, value) in [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", &runnable.function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", &runnable.version),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &configuration.memory.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &configuration.logging.group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &log_stream(runnable)),
        ("AWS_LAMBDA_LOG_FORMAT", configuration.logging.format.name()),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        // At Lambda these are the role's. Here a function has no role, and must not act as its caller.
        ("AWS_ACCESS_KEY_ID", NO_CREDENTIALS),
        ("AWS_SECRET_ACCESS_KEY", NO_CREDENTIALS),
        ("_HANDLER", &configuration.handler),
        ("LAMBDA_TASK_ROOT", &root),
        (OWNER, &mark::own()),
    ] {
        set(name, value);
    }
    if configuration.logging.format == LogFormat::Json
        && let Some(level) = &configuration.logging.application_level
    {
        set("AWS_LAMBDA_LOG_LEVEL", level);
    }
    if let Runtime::Python(name) = &configuration.runtime {
        set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{name}"));
    }
    // The process must find the runtime client where the service found it.
    for name in ["PATH", "PYTHONPATH"] {
        if !configuration.environment.contains_key(name)
            && let Some(value) = std::env::var_os(name)
        {
            variables.push((name.into(), value));
        }
    }
    variables
}

/// Returns a new log stream's name in the form that Lambda uses: date, version and a unique id.
fn log_stream(runnable: &Runnable) -> String {
    let today = OffsetDateTime::now_utc().date();
    format!(
        "{:04}/{:02}/{:02}/[{}]{}",
        today.year(),
        u8::from(today.month()),
        today.day(),
        runnable.version,
        uuid::Uuid::new_v4().simple()
    )
}
