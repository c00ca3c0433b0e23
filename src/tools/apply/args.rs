//! The arguments of `lpt-apply` as typed.

use super::Options;
use crate::aws::Aws;
use crate::cli::{
    AwsArgs, CommonArgs, DryRunArgs, ExecutionInputArgs, FormatArgs, IncompleteArgs, InputArgs, STYLES, more,
};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::names::AliasName;
use crate::report::Format;

/// Give each function the memory size that was selected for it
///
/// Reads selection records. Without --alias, $LATEST gets the selected memory. With --alias, a version with
/// that memory is published and the alias points at it, and $LATEST stays as it is.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-apply", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-apply"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// Publish a version, and point this alias at it
    ///
    /// The alias is created if it does not exist. [default: the alias by which lpt-prepare was given the function, or
    /// autoOptimizeAlias of --input]
    #[arg(long, value_name = "NAME")]
    #[arg(help_heading = "What to apply")]
    alias: Option<AliasName>,
    /// Go on even if the code was changed since the run
    ///
    /// With --alias, also go on if the alias points at a version whose code or settings differ from those of
    /// $LATEST.
    #[arg(long)]
    #[arg(help_heading = "What to apply")]
    allow_changed_code: bool,
    /// Apply only selections that are certain
    ///
    /// A selection is certain if each other size is shown to be worse, or as good. lpt-analyze and lpt-select say so; a
    /// selection that does not say it counts as not certain. The exit code is 3 if some selections are not applied, and
    /// 1 if none is.
    #[arg(long)]
    #[arg(help_heading = "What to apply")]
    if_certain: bool,
    /// Apply the selections [default: true, or autoOptimize of --input]
    ///
    /// The flag takes precedence over the file. A file without autoOptimize counts as false.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "What to apply", hide_short_help = true, hide_possible_values = true)]
    auto_optimize: Option<bool>,
    #[command(flatten)]
    incomplete: IncompleteArgs,
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
        let aws_options = self.aws.options(&pipe.interrupt);
        let options = self.into_options()?;
        pipe.output.check_open(false)?;
        super::run(&options, &Aws::load(&aws_options).await?, pipe).await
    }
}

impl Args {
    fn into_options(self) -> Result<Options, Error> {
        let input = self.execution_input.read()?;
        let dry_run = self.dry_run.or(input.as_ref());
        // Without autoOptimize the state machine changes nothing.
        let auto_optimize = input.as_ref().map(|input| input.auto_optimize.unwrap_or(false));
        let input = input.unwrap_or_default();
        Ok(Options {
            auto_optimize: self.auto_optimize.or(auto_optimize).unwrap_or(true),
            dry_run,
            alias: self.alias,
            input_alias: input.auto_optimize_alias,
            allow_changed_code: self.allow_changed_code,
            if_certain: self.if_certain,
            allow_incomplete: self.incomplete.allow_incomplete,
        })
    }
}
