//! A function's name, configuration and code.

mod runnable; // one configuration and code that an execution environment runs
mod code; // the executable, folder, zip or recording
mod recording; // recorded invocations, which are replayed in place of code
mod configuration; // the settings that UpdateFunctionConfiguration changes
mod name; // how a request names a function and its version

pub(super) use code::Code;
pub(super) use configuration::{
    Architecture, Configuration, LogFormat, Logging, Runtime, SystemLogLevel, Timeout, check_description,
    check_memory,
};
pub(super) use name::{
    AccountRegion, DEFAULT_ACCOUNT, FunctionId, Qualifier, Target, check_account, check_name, check_region,
};
pub(super) use recording::{Recording, ReplayRules, Row};
pub(super) use runnable::Runnable;
