//! Creates the functions that the command line names.

use std::collections::BTreeMap;
use std::path::Path;

use super::api::{Moment, Store};
use super::args::FunctionArg;
use super::function::{
    AccountRegion, Architecture, Code, Configuration, FunctionId, LogFormat, ReplayRules, Runtime,
    SystemLogLevel, Timeout, check_description, check_memory,
};
use super::refusal::Refusal;
use crate::error::Error;
use crate::units::MemoryMB;

/// Creates a function, which is active at once. With rules it is a recording. It belongs to `account_region` unless the argument names
/// another account or region.
pub(super) fn create_function(
    store: &mut Store,
    arg: &FunctionArg,
    replay: Option<ReplayRules>,
    account_region: &AccountRegion,
    max_memory: MemoryMB,
    temp_dir: &Path,
    now: Moment,
) -> Result<(), Error> {
    let flag = if replay.is_some() { "--replay" } else { "--function" };
    let usage = |why: String| Error::Usage(format!("{flag} {}: {why}", arg.name));
    let refused = |refusal: Refusal| usage(refusal.to_string());
    let code = match replay {
        Some(rules) => Code::recorded(&arg.path, &arg.name, rules),
        None => Code::open(&arg.path, temp_dir),
    }
    .map_err(usage)?;
    let account_region = AccountRegion {
        account: arg.account.clone().unwrap_or_else(|| account_region.account.clone()),
        region: arg.region.clone().unwrap_or_else(|| account_region.region.clone()),
    };
    let id = FunctionId { account_region, name: arg.name.clone() };
    let (runtime, handler) = runtime_and_handler(arg).map_err(usage)?;
    let mut configuration = Configuration::new(&id, runtime, handler);
    apply_settings(arg, &mut configuration, max_memory).map_err(refused)?;
    if code.recording.is_none() {
        code.command(&configuration).map_err(usage)?;
    }
    // A function that was created an update delay ago is active.
    let instant = now.instant.checked_sub(store.update_delay()).unwrap_or(now.instant);
    let created = Moment { instant, ..now };
    store.create(&id, configuration, code, BTreeMap::new(), created).map_err(refused)?;
    Ok(())
}

fn runtime_and_handler(arg: &FunctionArg) -> Result<(Runtime, String), String> {
    let runtime = Runtime::parse(arg.runtime.as_deref().unwrap_or("provided.al2023"))
        .map_err(|refusal| refusal.to_string())?;
    let handler = match (&arg.handler, &runtime) {
        (Some(handler), _) => handler.clone(),
        (None, Runtime::Provided(_)) => "bootstrap".to_owned(),
        (None, Runtime::Python(name)) => {
            return Err(format!("runtime={name} needs handler=MODULE.FUNCTION"));
        }
    };
    Ok((runtime, handler))
}

fn apply_settings(
    arg: &FunctionArg,
    configuration: &mut Configuration,
    max_memory: MemoryMB,
) -> Result<(), Refusal> {
    configuration.timeout = Timeout::new(arg.timeout.unwrap_or(60))?;
    configuration.environment = arg.environment.iter().cloned().collect();
    if let Some(memory) = arg.memory {
        check_memory(memory, max_memory)?;
        configuration.memory = memory;
    }
    if let Some(format) = &arg.log_format {
        configuration.logging.format = LogFormat::parse(format)?;
    }
    if let Some(level) = &arg.system_log_level {
        configuration.logging.system_level = SystemLogLevel::parse(level)?;
    }
    if let Some(architecture) = &arg.architecture {
        configuration.architecture = Architecture::parse(architecture)?;
    }
    if let Some(description) = &arg.description {
        check_description(description)?;
        configuration.description.clone_from(description);
    }
    Ok(())
}
