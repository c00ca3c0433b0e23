//! `lpt-select`'s arguments as typed.

use super::Options;
use crate::cli::{CommonArgs, IncompleteArgs, InputArgs, STYLES, StrategyArgs};
use crate::entry::{Interrupt, Tool};
use crate::error::{Error, Exit};
use crate::ndjson::Reader;

/// Select the best memory size of each function
///
/// Reads statistics records, writes a selection record for each function and architecture, and shows a table of the
/// sizes on stderr.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-select", version, styles = STYLES)]
pub struct Args {
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    incomplete: IncompleteArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl Tool for Args {
    async fn run(self, _: Interrupt) -> Result<Exit, Error> {
        self.common.apply();
        let options = Options {
            strategy: self.strategy.strategy,
            balanced_weight: self.strategy.balanced_weight,
            allow_incomplete: self.incomplete.allow_incomplete,
        };
        super::run(&options, Reader::open(&self.input.files)?, std::io::stdout()).await
    }
}
