//! The arguments of `lpt-invoke` as typed.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::value::RawValue;

use super::adaptive::Adaptive;
use super::payload::{self, Typed};
use super::{DEFAULT_NUM, Options, Payloads, Processor, Resumed};
use crate::aws::{Aws, AwsOptions, S3Url};
use crate::cli::{
    AwsArgs, CertaintyArgs, CommonArgs, DryRunArgs, ExecutionInput, ExecutionInputArgs, FormatArgs,
    InputArgs, STYLES, SaveArgs, StrategyArgs, functions, more, warn_of_few, whole_number,
};
use crate::decide::Limits;
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::names::Callee;
use crate::quote::quoted;
use crate::records::{BalancedWeight, Strategy, Tags};
use crate::report::Format;
use crate::units::Money;

/// Invoke each prepared version, and record what Lambda reports of each invocation
///
/// Reads configuration records as they arrive and writes an invocation record as soon as each invocation ends. The
/// sizes are measured side by side; the invocations of one size are sent one after another.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-invoke", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-invoke"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// Invocations per size [default: the plan's, or 10]
    ///
    /// It does not apply to versions that are for one invocation each, from lpt-prepare --only-cold-starts.
    #[arg(long, value_name = "N", value_parser = whole_number(1..=u32::MAX))]
    #[arg(help_heading = "Invocations")]
    num: Option<u32>,
    /// Payload: JSON, text or @FILE [default: {}]
    ///
    /// JSON is sent unchanged, and a text as a JSON string. A list of {"payload": …, "weight": n} is several payloads,
    /// each for its share of the invocations. @FILE and file://FILE send the JSON in a file, as with curl and AWS CLI.
    /// What is surely a mistake is refused: a text that begins like JSON but is not JSON, or the bare name of a file.
    /// In double quotes of its own, any text is sent as it is.
    #[arg(long, value_name = "JSON", conflicts_with = "payload_file")]
    #[arg(help_heading = "Payload")]
    payload: Option<String>,
    /// JSON file: the payload, or weighted payloads
    #[arg(long, value_name = "FILE")]
    #[arg(help_heading = "Payload", hide_short_help = true)]
    payload_file: Option<PathBuf>,
    /// NDJSON file with one payload per line, used in turn
    ///
    /// After the last line it starts again from the first. With enough lines, each invocation has its own payload.
    #[arg(long, value_name = "FILE.ndjson", conflicts_with_all = ["payload", "payload_file"])]
    #[arg(help_heading = "Payload", hide_short_help = true)]
    payloads: Option<PathBuf>,
    /// Use the payloads of --payloads in a random order with this seed
    ///
    /// The order is the same for each size, and the same whenever the seed is the same.
    #[arg(long, value_name = "SEED", requires = "payloads", value_parser = whole_number(0..=u64::MAX))]
    #[arg(help_heading = "Payload", hide_short_help = true)]
    shuffle: Option<u64>,
    /// S3 object with the payload, or with a list of weighted payloads
    #[arg(long, value_name = "s3://BUCKET/KEY", conflicts_with_all = ["payload", "payload_file", "payloads"])]
    #[arg(help_heading = "Payload", hide_short_help = true)]
    payload_s3: Option<S3Url>,
    /// Function to call before each invocation, with its payload
    ///
    /// Its output replaces the payload, unless that output is empty or null.
    #[arg(long, value_name = "FUNCTION", add = functions())]
    #[arg(help_heading = "Processors", hide_short_help = true)]
    pre_processor: Option<Callee>,
    /// Function to call after each invocation, with its result
    #[arg(long, value_name = "FUNCTION", add = functions())]
    #[arg(help_heading = "Processors", hide_short_help = true)]
    post_processor: Option<Callee>,
    /// Shell command to run before each invocation, with its payload on stdin
    ///
    /// Its output replaces the payload, unless that output is empty or null.
    #[arg(long, value_name = "COMMAND", conflicts_with = "pre_processor")]
    #[arg(help_heading = "Processors", hide_short_help = true)]
    pre_command: Option<String>,
    /// Shell command to run after each invocation, with its result on stdin
    #[arg(long, value_name = "COMMAND", conflicts_with = "post_processor")]
    #[arg(help_heading = "Processors", hide_short_help = true)]
    post_command: Option<String>,
    /// Send the invocations of a size all at once
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Invocations", hide_possible_values = true)]
    parallel: Option<bool>,
    /// Pause between two invocations of a size, in milliseconds [default: 0]
    ///
    /// It cannot be combined with --parallel.
    #[arg(long, value_name = "MS", value_parser = whole_number(0..=u64::MAX))]
    #[arg(help_heading = "Invocations", hide_short_help = true)]
    sleep_between_runs_ms: Option<u64>,
    /// Read the answers as streams, with InvokeWithResponseStream
    ///
    /// For functions that stream their response, which may be larger than 6 MB. It is not kept in memory, unless a
    /// post-processor gets it.
    #[arg(long)]
    #[arg(help_heading = "Invocations", hide_short_help = true)]
    response_stream: bool,
    /// Error types that count as results, such as ValidationError,NotFound
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    #[arg(help_heading = "Invocations", hide_short_help = true)]
    allowed_exceptions: Option<Vec<String>>,
    /// Find the best size with few invocations
    ///
    /// They go to the sizes that may be the best.
    ///
    /// Each size gets a wave of 3 invocations at once to warm up, and one to be measured. By cost, larger sizes are
    /// left out once one is clearly dearer. Further waves go to the best size and its closest rivals, until each other
    /// size is shown to be worse or equivalent, or more would hardly tell. Give lpt-analyze the same --strategy,
    /// --confidence and --tolerance.
    #[arg(long, conflicts_with_all = ["num", "parallel", "sleep_between_runs_ms", "only_cold_starts", "resume"])]
    #[arg(help_heading = "What to measure")]
    adaptive: bool,
    /// Maximum number of invocations per size in an adaptive run, without its warm-up
    #[arg(long, value_name = "N", default_value = "20", requires = "adaptive", value_parser = whole_number(WAVE..=1_000_000))]
    #[arg(help_heading = "What to measure", hide_short_help = true)]
    max_per_size: u32,
    /// Maximum number of sizes that an adaptive run adds, between the best one and its neighbours
    ///
    /// It publishes a version of each, as lpt-prepare does, and lpt-cleanup removes them too. It needs the permissions
    /// of lpt-prepare.
    #[arg(long, value_name = "N", default_value = "0", requires = "adaptive", value_parser = whole_number(0..=40_u32))]
    #[arg(help_heading = "What to measure", hide_short_help = true)]
    refine: u32,
    /// Cost that the invocations may not pass
    ///
    /// It is in the currency of the region. What may pass it is left out. What was measured is kept, and the exit code
    /// is 3. COST LIMIT in man lpt-invoke says what is counted.
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    #[arg(help_heading = "Limits")]
    max_cost: Option<Money>,
    /// Accept only versions that are for one invocation, a cold start
    ///
    /// lpt-prepare --only-cold-starts publishes such versions.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Invocations", hide_short_help = true, hide_possible_values = true)]
    only_cold_starts: Option<bool>,
    /// Show no payload, no output and no error message of a function
    ///
    /// The error messages are left out of the records, too.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Output", hide_short_help = true, hide_possible_values = true)]
    disable_payload_logs: Option<bool>,
    /// Field tag.KEY of each invocation record, such as commit=4f2a1c
    ///
    /// It can be given several times. lpt-analyze --group-by tag.KEY compares the values.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    #[arg(help_heading = "Output", hide_short_help = true)]
    tag: Vec<(String, String)>,
    /// Maximum number of invocations at once, over all sizes and functions
    #[arg(long, value_name = "N", default_value = "100", value_parser = whole_number(NonZeroUsize::MIN..=NonZeroUsize::MAX))]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    concurrency: NonZeroUsize,
    /// Records of an interrupted run, of which only the rest is invoked
    ///
    /// The usable invocations in the file are kept, and only the others are made. The versions may be new ones, but
    /// the code must be the same. Give the same --num and payload as before; that is not checked.
    #[arg(long, value_name = "FILE")]
    #[arg(help_heading = "Input", hide_short_help = true)]
    resume: Option<PathBuf>,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    certainty: CertaintyArgs,
    #[command(flatten)]
    save: SaveArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    execution_input: ExecutionInputArgs,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

/// The number of invocations of a wave.
pub(crate) const WAVE: u32 = 3;

fn amount(text: &str) -> Result<Money, &'static str> {
    let amount = text.parse().ok().filter(|amount: &f64| amount.is_finite() && *amount > 0.0);
    amount.map(Money).ok_or("expected an amount above 0, such as 0.01")
}

fn tag(text: &str) -> Result<(String, String), &'static str> {
    let is_of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let parts = text
        .split_once('=')
        .filter(|(key, value)| !key.is_empty() && key.bytes().all(is_of_key) && !value.is_empty());
    let (key, value) = parts.ok_or("expected KEY=VALUE, with letters, digits, _, - and . in the key")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Returns the fields of tags.
///
/// # Errors
/// A key is given twice.
fn tags(given: Vec<(String, String)>) -> Result<Tags, Error> {
    let mut tags = BTreeMap::new();
    for (key, value) in given {
        if let Some(other) = tags.insert(key.clone(), value) {
            return Err(Error::Usage(format!("--tag {key}: is given twice, first as {}", quoted(&other))));
        }
    }
    Ok(Tags::new(tags))
}

impl Tool for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn format(&self) -> Option<Format> {
        self.format.format
    }

    fn input(&self) -> Option<&InputArgs> {
        Some(&self.input)
    }

    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        // Whatever happens, the records of the input are to be passed on.
        let aws = AwsOptions { must_finish: true, ..self.aws.options(&pipe.interrupt) };
        let aws = Aws::load(&aws).await?;
        let save = self.save.clone();
        let read: Vec<PathBuf> = self.input.files.iter().chain(&self.resume).cloned().collect();
        let options = self.into_options(&aws).await?;
        save.open(&read, &mut pipe.output)?;
        pipe.output.check_open(false)?;
        super::run(&options, &aws, pipe).await
    }
}

impl Args {
    async fn into_options(self, aws: &Aws) -> Result<Options, Error> {
        let input = self.execution_input.read()?;
        let dry_run = self.dry_run.or(input.as_ref());
        let input = input.unwrap_or_default();
        if let Some(num) = self.num
            && !dry_run
        {
            warn_of_few(num);
        }
        let parallel = self.parallel.or(input.parallel_invocation).unwrap_or(false);
        if parallel && self.sleep_between_runs_ms.is_some() {
            return Err(Error::Usage(
                "--sleep-between-runs-ms and --parallel exclude each other; leave out --parallel, or set --parallel=false"
                    .to_owned(),
            ));
        }
        let sleep_between_runs_ms =
            self.sleep_between_runs_ms.or(input.sleep_between_runs_ms).filter(|_| !parallel);
        let processor = |when: &str, flag: Option<Callee>, command: Option<String>, key: &Option<Callee>| {
            let command = command.map(|command| Processor::command(format!("--{when}-command"), command));
            let called = |place: String| move |callee: Callee| Processor::function(place, callee);
            let in_input = key.clone().map(called(input.place_of(&format!("{when}ProcessorARN"))));
            command.or(flag.map(called(format!("--{when}-processor")))).or(in_input)
        };
        let adaptive = match self.adaptive {
            true => {
                let defaults = (Strategy::default(), BalancedWeight::default());
                let (strategy, balanced_weight) = self.strategy.resolve(Some(&input), defaults)?;
                Some(Adaptive {
                    rules: self.certainty.rules(strategy, balanced_weight),
                    limits: Limits { wave: WAVE as usize, max_per_size: self.max_per_size as usize },
                    refine: self.refine as usize,
                })
            }
            false if self.strategy.is_given() || self.certainty.is_given() => {
                return Err(Error::Usage(
                    "--strategy, --balanced-weight, --confidence and --tolerance decide what --adaptive measures; add --adaptive, or give them to lpt-analyze"
                        .to_owned(),
                ));
            }
            false => None,
        };
        let payloads = match (self.payload, self.payload_file, self.payloads, self.payload_s3) {
            (Some(text), ..) => typed_payloads(&text)?,
            (_, Some(file), ..) => Payloads::from_file(&file, "--payload-file")?,
            (_, _, Some(file), _) => Payloads::from_lines(&file, self.shuffle)?,
            (.., Some(url)) => payloads_at_s3(aws, &url, "--payload-s3").await?,
            (None, None, None, None) => payloads_in(&input, aws).await?,
        };
        if adaptive.is_some() && self.concurrency.get() < WAVE as usize {
            return Err(Error::Usage(format!(
                "--concurrency {}: a wave of --adaptive is {WAVE} invocations at once; give at least {WAVE}",
                self.concurrency
            )));
        }
        if adaptive.is_some() && payloads.are_weighted() {
            return Err(Error::Usage(
                "--adaptive cannot share its invocations out by weight, because their number is not known; give --payloads a line for each payload, repeated by its weight"
                    .to_owned(),
            ));
        }
        Ok(Options {
            adaptive,
            max_cost: self.max_cost,
            num: self.num,
            num_without_plan: input.num.map_or(DEFAULT_NUM, NonZeroU32::get),
            pre_processor: processor("pre", self.pre_processor, self.pre_command, &input.pre_processor_arn),
            post_processor: processor(
                "post",
                self.post_processor,
                self.post_command,
                &input.post_processor_arn,
            ),
            parallel,
            sleep_between_runs: Duration::from_millis(sleep_between_runs_ms.unwrap_or(0)),
            allowed_exceptions: self
                .allowed_exceptions
                .or(input.allowed_exceptions.clone())
                .unwrap_or_default(),
            only_cold_starts: self.only_cold_starts.or(input.only_cold_starts).unwrap_or(false),
            tags: tags(self.tag)?,
            disable_payload_logs: self.disable_payload_logs.or(input.disable_payload_logs).unwrap_or(false),
            concurrency: self.concurrency,
            dry_run,
            resumed: self.resume.as_deref().map(Resumed::read).transpose()?.unwrap_or_default(),
            payloads,
            response_stream: self.response_stream,
        })
    }
}

/// Returns the payloads that the value of `--payload` means.
fn typed_payloads(text: &str) -> Result<Payloads, Error> {
    match Typed::of(text)? {
        Typed::File(file) => Payloads::from_file(&file, "--payload"),
        Typed::Json(text) => Payloads::from_text(text, "--payload"),
        Typed::Text(text) => {
            note_text("--payload");
            Payloads::from_text(text, "--payload")
        }
    }
}

fn note_text(place: &str) {
    message::note(format_args!("{place}: not JSON, so it is sent as text: a JSON string"));
}

/// Returns the payloads that the execution input names; `payloadS3` takes precedence over `payload`.
async fn payloads_in(input: &ExecutionInput, aws: &Aws) -> Result<Payloads, Error> {
    if let Some(url) = &input.payload_s3 {
        return payloads_at_s3(aws, url, &input.place_of("payloadS3")).await;
    }
    let Some(payload) = &input.payload else {
        return Ok(Payloads::default());
    };
    let place = input.place_of("payload");
    if let Some(doubt) = payload::doubt(payload) {
        message::warning(format_args!(
            "{place}: a string that begins like JSON is sent as a string, because it is {doubt}"
        ));
    }
    Payloads::from_value(payload, &place)
}

async fn payloads_at_s3(aws: &Aws, url: &S3Url, place: &str) -> Result<Payloads, Error> {
    let bytes = aws.s3_object(url).await?;
    let place = format!("{place} {url}");
    let text = String::from_utf8(bytes).map_err(|_| Error::Usage(format!("{place}: not UTF-8")))?;
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(value) => Payloads::from_value(value, &place),
        Err(_) => {
            let payloads = Payloads::from_text(&text, &place)?;
            note_text(&place);
            Ok(payloads)
        }
    }
}
