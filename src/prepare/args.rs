//! `lpt-prepare`'s arguments as typed.

use std::str::FromStr;

use super::{Options, PowerValues};
use crate::aws::FunctionRef;
use crate::cli::{AwsArgs, CommonArgs, STYLES};
use crate::entry::{Interrupt, Tool};
use crate::error::{Error, Exit};

/// Publish a version of a Lambda function for each memory size to measure
///
/// Writes a plan record for each function and configuration records for each size, the first before anything is
/// changed. $LATEST gets its memory and description back at the end. lpt-cleanup removes the versions.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-prepare", version, styles = STYLES)]
pub struct Args {
    /// Functions to tune: NAME, ACCOUNT:function:NAME or a whole ARN, without a version or alias
    #[arg(required = true, value_name = "FUNCTION")]
    functions: Vec<FunctionRef>,
    /// Memory sizes in MB: 128,512; ranges with a step, 128-3008:64; or ALL, every 64 MB from 128 to 10240
    #[arg(long, value_name = "SIZES", default_value = "128,256,512,1024,1536,3008", value_parser = PowerValues::from_str)]
    power_values: PowerValues,
    /// Invocations for each size, written into the plan for lpt-invoke
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    num: u32,
    /// Publish a version for each invocation, so that each one is a cold start
    #[arg(long)]
    only_cold_starts: bool,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    common: CommonArgs,
}

impl Tool for Args {
    async fn run(self, interrupt: Interrupt) -> Result<Exit, Error> {
        self.common.apply();
        let options = Options {
            functions: self.functions,
            power_values: self.power_values,
            num: self.num,
            only_cold_starts: self.only_cold_starts,
            aws: self.aws.into_options(),
        };
        super::run(&options, std::io::stdout(), &interrupt).await
    }
}
