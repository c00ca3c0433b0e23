//! `lpt-apply`'s arguments as typed.

use super::Options;
use crate::aws::AliasName;
use crate::cli::{AwsArgs, CommonArgs, IncompleteArgs, InputArgs, STYLES};
use crate::entry::{Interrupt, Tool};
use crate::error::{Error, Exit};
use crate::ndjson::Reader;

/// Give each function the memory size that was selected for it
///
/// Reads selection records. Without --alias, $LATEST gets the memory; with it, a version is published and the alias
/// moved to it, and $LATEST stays as it is.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-apply", version, styles = STYLES)]
pub struct Args {
    /// Publish a version with the memory and point this alias at it; made if there is none
    #[arg(long, value_name = "NAME")]
    alias: Option<AliasName>,
    /// Go on though the function's code is not what was measured, or the alias points at other code or settings
    #[arg(long)]
    allow_changed_code: bool,
    #[command(flatten)]
    incomplete: IncompleteArgs,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl Tool for Args {
    async fn run(self, _: Interrupt) -> Result<Exit, Error> {
        self.common.apply();
        let options = Options {
            alias: self.alias,
            allow_changed_code: self.allow_changed_code,
            allow_incomplete: self.incomplete.allow_incomplete,
            aws: self.aws.into_options(),
        };
        super::run(&options, Reader::open(&self.input.files)?, std::io::stdout()).await
    }
}
