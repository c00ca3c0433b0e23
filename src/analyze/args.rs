//! `lpt-analyze`'s arguments as typed.

use std::path::PathBuf;

use super::{DiscardTopBottom, Options, Starts};
use crate::cli::{CommonArgs, InputArgs, STYLES, StrategyArgs};
use crate::entry::{Interrupt, Tool};
use crate::error::{Error, Exit};
use crate::message;
use crate::ndjson::Reader;
use crate::price::PriceList;

/// Make statistics of invocations: duration, cost and rank of each memory size
///
/// Reads invocation records, from lpt-invoke or from a file of an earlier run, and writes a statistics record for
/// each function, architecture and memory size. Nothing is invoked, so that another strategy or trim costs nothing.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-analyze", version, styles = STYLES)]
pub struct Args {
    /// Share of the invocations to drop at each end, the fastest and the slowest, from 0 to 0.4
    #[arg(long, value_name = "SHARE", default_value = "0.2", value_parser = discard_top_bottom)]
    discard_top_bottom: DiscardTopBottom,
    /// Which invocations to take
    #[arg(long, value_enum, default_value = "all")]
    starts: StartsArg,
    /// CSV file with prices, which replace or extend the built-in ones
    #[arg(long, value_name = "FILE.csv")]
    prices: Option<PathBuf>,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StartsArg {
    All,
    Warm,
    Cold,
}

fn discard_top_bottom(text: &str) -> Result<DiscardTopBottom, String> {
    let typed: f64 = text.parse().map_err(|_| "a share is a number from 0 to 0.4".to_owned())?;
    let share = DiscardTopBottom::clamped(typed).ok_or("a share is a number from 0 to 0.4")?;
    if share.get() != typed {
        message::warning(format_args!("--discard-top-bottom {text} is taken as {}", share.get()));
    }
    Ok(share)
}

impl Tool for Args {
    async fn run(self, _: Interrupt) -> Result<Exit, Error> {
        self.common.apply();
        let mut prices = PriceList::embedded();
        if let Some(file) = &self.prices {
            prices.extend_from_file(file)?;
        }
        let options = Options {
            discard_top_bottom: self.discard_top_bottom,
            starts: match self.starts {
                StartsArg::All => Starts::All,
                StartsArg::Warm => Starts::Warm,
                StartsArg::Cold => Starts::Cold,
            },
            prices,
            strategy: self.strategy.strategy.unwrap_or_default(),
            balanced_weight: self.strategy.balanced_weight.unwrap_or_default(),
        };
        super::run(&options, Reader::open(&self.input.files)?, std::io::stdout()).await
    }
}
