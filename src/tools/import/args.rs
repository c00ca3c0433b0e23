//! The arguments of `lpt-import` as typed.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::ValueEnum as _;

use super::Options;
use super::form::Form;
use super::origin::Origin;
use super::output::{Format, PartitionBy};
use crate::cli::{CommonArgs, InputArgs, STYLES, more, region};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::names::{Architecture, FunctionArn};
use crate::report;

/// Make invocation records from logs that are there already, and convert records
///
/// Reads what Lambda has reported to CloudWatch: the output of aws logs, an exported log group, a result of Logs
/// Insights, or REPORT lines alone. Nothing has to be invoked for them. It also converts records to NDJSON, CSV and
/// Parquet.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-import", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-import"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// Form of the input
    ///
    /// auto: told by the beginning of each file. records: records of lpt, in any form that the other tools read too.
    /// report-lines: the lines of a log, with or without the time and the stream in front. cloudwatch-json: the JSON of
    /// aws logs filter-log-events or get-log-events, or of a subscription. insights-csv: a result of Logs Insights.
    #[arg(long, value_enum, default_value = "auto")]
    #[arg(help_heading = "Input")]
    from: FromArg,
    /// Form of the output [default: by the name of --output, or ndjson, or a summary alone at a terminal]
    ///
    /// ndjson is the record stream, for the next tool. csv and parquet are one table of all records.
    #[arg(long, visible_alias = "format", value_enum)]
    #[arg(help_heading = "Output")]
    to: Option<ToArg>,
    /// File to write, or the folder of --partition-by (none: stdout)
    ///
    /// A file must not exist yet. To the folder of --partition-by, files are added. A file appears when it is complete.
    #[arg(long, value_name = "PATH")]
    #[arg(help_heading = "Output")]
    output: Option<PathBuf>,
    /// Fields by which the records go to folders below --output: functionArn, date
    ///
    /// The folders are in Hive's form, such as functionArn=…/date=2026-11-27. date is the day of startedAt in UTC.
    #[arg(long, value_name = "FIELD", value_enum, value_delimiter = ',', requires = "output")]
    #[arg(help_heading = "Output", hide_short_help = true)]
    partition_by: Vec<PartitionByArg>,
    /// Function of the reports whose log group the input does not name
    #[arg(long, value_name = "ARN")]
    #[arg(help_heading = "Input")]
    function: Option<FunctionArn>,
    /// Region of the functions that log groups name [default: that of --function]
    #[arg(long, value_name = "REGION", value_parser = region)]
    #[arg(help_heading = "Input", hide_short_help = true)]
    region: Option<String>,
    /// Account of the functions that log groups name [default: that of --function]
    ///
    /// Logs Insights and subscriptions name the account, too.
    #[arg(long, value_name = "ID", value_parser = account)]
    #[arg(help_heading = "Input", hide_short_help = true)]
    account: Option<String>,
    /// Architecture of the functions, which decides the price
    #[arg(long, value_enum)]
    #[arg(help_heading = "Input", hide_short_help = true)]
    architecture: Option<ArchitectureArg>,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FromArg {
    Auto,
    Records,
    ReportLines,
    CloudwatchJson,
    InsightsCsv,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ToArg {
    Ndjson,
    Csv,
    Parquet,
}

#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
enum PartitionByArg {
    #[value(name = "functionArn")]
    FunctionArn,
    Date,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ArchitectureArg {
    #[value(name = "x86_64")]
    X86_64,
    Arm64,
}

fn account(text: &str) -> Result<String, &'static str> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then(|| text.to_owned()).ok_or("expected the 12 digits of an account")
}

impl Tool for Args {
    const STOPPED: &'static str = "stopped at once";

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn format(&self) -> Option<report::Format> {
        // csv and parquet are not written as records.
        self.to.map(|_| report::Format::Ndjson)
    }

    fn input(&self) -> Option<&InputArgs> {
        Some(&self.input)
    }

    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        super::run(self.into_options()?, pipe).await
    }
}

impl Args {
    fn into_options(self) -> Result<Options, Error> {
        if self.output.is_none() && matches!(self.to, Some(ToArg::Parquet)) && io::stdout().is_terminal() {
            return Err(Error::Usage(
                "Parquet is not for a terminal; add --output FILE, or redirect stdout".to_owned(),
            ));
        }
        let of_function =
            |part: fn(&FunctionArn) -> &str| self.function.as_ref().map(|arn| part(arn).to_owned());
        let extension = self.output.as_deref().and_then(|file| file.extension()?.to_str());
        let named = extension.and_then(|extension| ToArg::from_str(extension, true).ok());
        Ok(Options {
            from: match self.from {
                FromArg::Auto => None,
                FromArg::Records => Some(Form::Records),
                FromArg::ReportLines => Some(Form::ReportLines),
                FromArg::CloudwatchJson => Some(Form::CloudWatchJson),
                FromArg::InsightsCsv => Some(Form::InsightsCsv),
            },
            to: match self.to.or(named) {
                None | Some(ToArg::Ndjson) => Format::Ndjson,
                Some(ToArg::Csv) => Format::Csv,
                Some(ToArg::Parquet) => Format::Parquet,
            },
            output: self.output,
            partition_by: PartitionBy {
                function: self.partition_by.contains(&PartitionByArg::FunctionArn),
                date: self.partition_by.contains(&PartitionByArg::Date),
            },
            origin: Origin {
                region: self.region.clone().or_else(|| of_function(FunctionArn::region)),
                account: self.account.clone().or_else(|| of_function(FunctionArn::account)),
                function: self.function,
                architecture: self.architecture.map(|architecture| match architecture {
                    ArchitectureArg::X86_64 => Architecture::X86_64,
                    ArchitectureArg::Arm64 => Architecture::Arm64,
                }),
            },
        })
    }
}
