//! `lpt-invoke`'s arguments as typed.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::{Options, Payloads};
use crate::cli::{AwsArgs, CommonArgs, InputArgs, STYLES};
use crate::entry::{Interrupt, Tool};
use crate::error::{Error, Exit};
use crate::ndjson::Reader;

/// Invoke each prepared version, and record what Lambda reports of each invocation
///
/// Reads configuration records as they come and writes an invocation record as soon as each invocation is over. The
/// sizes are measured side by side, each one's invocations in series.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-invoke", version, styles = STYLES)]
pub struct Args {
    /// Invocations for each size, unless each has a version of its own [default: as in the plan record, or 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    num: Option<u32>,
    /// Payload: JSON as it stands, any other text as a JSON string; a list of {"payload": …, "weight": n} is several,
    /// each for its share of the invocations [default: {}]
    #[arg(long, value_name = "JSON", conflicts_with = "payload_file")]
    payload: Option<String>,
    /// File with the payload or the weighted payloads, JSON
    #[arg(long, value_name = "FILE")]
    payload_file: Option<PathBuf>,
    /// File of NDJSON with a payload a line, taken in turn, so that each invocation can have its own
    #[arg(long, value_name = "FILE.ndjson", conflicts_with_all = ["payload", "payload_file"])]
    payloads: Option<PathBuf>,
    /// Take the payloads in an order that this number decides, the same for each size
    #[arg(long, value_name = "SEED", requires = "payloads")]
    shuffle: Option<u64>,
    /// Send a size's invocations at once instead of one after another
    #[arg(long)]
    parallel: bool,
    /// Pause between two invocations of a size, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0, conflicts_with = "parallel")]
    sleep_between_runs_ms: u64,
    /// Error types that count as results, such as ValidationError,NotFound
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    allowed_exceptions: Vec<String>,
    /// Invocations in flight at most, over all sizes and functions
    #[arg(long, value_name = "N", default_value = "100")]
    concurrency: NonZeroUsize,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl Tool for Args {
    async fn run(self, interrupt: Interrupt) -> Result<Exit, Error> {
        self.common.apply();
        let payloads = match (self.payload, self.payload_file, self.payloads) {
            (Some(text), _, _) => Payloads::from_text(&text)?,
            (_, Some(file), _) => Payloads::from_file(&file)?,
            (_, _, Some(file)) => Payloads::from_lines(&file, self.shuffle)?,
            (None, None, None) => Payloads::default(),
        };
        let options = Options {
            num: self.num,
            payloads,
            parallel: self.parallel,
            sleep_between_runs: Duration::from_millis(self.sleep_between_runs_ms),
            allowed_exceptions: self.allowed_exceptions,
            concurrency: self.concurrency,
            aws: self.aws.into_options(),
        };
        super::run(&options, Reader::open(&self.input.files)?, std::io::stdout(), &interrupt).await
    }
}
