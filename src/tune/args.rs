//! The arguments of `lpt-tune` as typed: a few of its own, and those of the tools, which are said only there.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::{ANALYZE, APPLY, CLEANUP, Options, SELECT, Stage, outlook};
use crate::cli::{CommonArgs, ExecutionInputArgs, InputArgs, STYLES, format_parser, more};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::Format;
use crate::tools::{analyze, apply, cleanup, invoke, prepare, select};
use crate::usage;

/// Find the best memory size of Lambda functions, from measuring to undoing
///
/// Runs lpt-prepare, lpt-invoke, lpt-analyze, lpt-select, with --apply also lpt-apply, and lpt-cleanup, with pipes between
/// them. Each flag goes to the tools that have it. The records are saved, and whatever happens the run is undone.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-tune", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-tune"), after_long_help = include_str!("examples.txt"))]
struct Own {
    /// Give each function its selected size
    ///
    /// Without the flag, autoOptimize of --input says it.
    #[arg(long, hide_possible_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    apply: Option<bool>,
    /// File of the records [default: FUNCTION-DATE.ndjson]
    ///
    /// It has the plan, the versions and each invocation, as soon as they are known. A file beside it, which ends in
    /// .result.ndjson, has the statistics, the selection, and what was applied and cleaned up. Until the run is undone,
    /// one that ends in .plan.ndjson has what lpt-prepare was about to change.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Overwrite the file of --save and the result beside it, if they exist
    #[arg(long, requires = "save", hide_short_help = true)]
    overwrite: bool,
    /// Form of the output: all records (ndjson), or the selections alone [default: ndjson, or none at a terminal]
    ///
    /// As that of lpt-select. ndjson: all records of the .result.ndjson file.
    #[arg(long, value_parser = format_parser([Format::Ndjson, Format::Json, Format::Csv, Format::Table, Format::StateMachine]))]
    #[arg(hide_short_help = true)]
    format: Option<Format>,
    #[command(flatten)]
    execution_input: ExecutionInputArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// The arguments of `lpt-tune`.
#[derive(Debug)]
pub struct Args {
    own: Own,
    /// All of them, as typed.
    typed: ArgMatches,
}

const PREPARE: &str = "lpt-prepare";
const INVOKE: &str = "lpt-invoke";

/// The arguments of the tools that are none of `lpt-tune`, by the tool, or of any tool.
const LEFT_OUT: [(&str, &str); 11] = [
    // They are the pipes here.
    ("", "files"),
    // `lpt-tune` has one of its own, for the result.
    ("", "format"),
    // --apply says it.
    (APPLY, "auto_optimize"),
    // They are no run.
    (PREPARE, "policy"),
    (ANALYZE, "part"),
    (CLEANUP, "leftovers"),
    (CLEANUP, "functions"),
    (CLEANUP, "yes"),
    (CLEANUP, "even_if_recent"),
    // `lpt-tune` gives the tools their files.
    ("", "save"),
    ("", "overwrite"),
];

/// The arguments of the tools that `-h` shows.
const USUAL: [&str; 8] =
    ["power_values", "num", "payload_file", "adaptive", "max_cost", "strategy", "region", "profile"];

/// A tool: its name, and its arguments.
type Named = (&'static str, Command);

/// Returns the tools in the order of the pipe.
fn tools() -> [Named; 6] {
    [
        (PREPARE, prepare::Args::command()),
        (INVOKE, invoke::Args::command()),
        (ANALYZE, analyze::Args::command()),
        (SELECT, select::Args::command()),
        (APPLY, apply::Args::command()),
        (CLEANUP, cleanup::Args::command()),
    ]
}

/// Returns the arguments of a tool that are also those of `lpt-tune`.
fn arguments((name, command): &Named) -> impl Iterator<Item = &clap::Arg> {
    let is_left_out = move |argument: &clap::Arg| {
        let is = |(of, id): &(&str, &str)| (of.is_empty() || of == name) && argument.get_id() == id;
        LEFT_OUT.iter().any(is)
    };
    command.get_arguments().filter(move |argument| !is_left_out(argument))
}

impl CommandFactory for Args {
    fn command() -> Command {
        let mut command = Own::command();
        let tools = tools();
        for tool in &tools {
            for argument in arguments(tool) {
                let id = argument.get_id();
                if command.get_arguments().any(|other| other.get_id() == id) {
                    continue;
                }
                // A tool's own rules on what excludes or needs what are checked by the tool.
                let reset = || clap::builder::Resettable::<clap::Id>::Reset;
                let argument = argument.clone().conflicts_with(reset()).requires(reset());
                let is_usual = argument.is_positional() || USUAL.contains(&id.as_str());
                let is_hidden = !is_usual;
                command = command.arg(argument.hide_short_help(is_hidden));
            }
        }
        command
    }

    fn command_for_update() -> Command {
        Args::command()
    }
}

impl FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Args, clap::Error> {
        Ok(Args { own: Own::from_arg_matches(matches)?, typed: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Args::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Parser for Args {}

impl Tool for Args {
    const WRITES_RECORDS: bool = false;
    const FORWARDS_SIGNALS: bool = true;

    fn common(&self) -> &CommonArgs {
        &self.own.common
    }

    fn input(&self) -> Option<&InputArgs> {
        None
    }

    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        super::run(self.into_options()?, &pipe.interrupt).await
    }
}

impl Args {
    fn into_options(self) -> Result<Options, Error> {
        let input = self.own.execution_input.read()?;
        // From the environment too, so that the tools need not say so again.
        let in_file = input.as_ref().map(|input| input.file().to_owned());
        let applies = self.own.apply.or(input.and_then(|input| input.auto_optimize)).unwrap_or(false);
        let tools = tools().into_iter().filter(|(name, _)| applies || *name != APPLY);
        let stages: Vec<Stage> = tools.map(|tool| self.stage(&tool, in_file.as_ref())).collect();
        if !applies && let Some(flag) = self.first_of_apply() {
            return Err(Error::Usage(format!(
                "--{flag} is for lpt-apply; add --apply, or leave --{flag} out"
            )));
        }
        let resumed = self.typed.get_one::<PathBuf>("resume");
        if let Some((resumed, save)) = resumed.zip(self.own.save.as_ref())
            && resumed
                .canonicalize()
                .is_ok_and(|resumed| save.canonicalize().is_ok_and(|save| save == resumed))
        {
            return Err(Error::Usage(format!(
                "--resume {}: --save names the same file, so it would be lost; name another one",
                resumed.display()
            )));
        }
        let plan = prepare::Args::command()
            .try_get_matches_from([OsString::from(PREPARE)].into_iter().chain(stages[0].arguments()))
            .and_then(|matches| prepare::Args::from_arg_matches(&matches))
            .map_err(|error| Error::Usage(usage::describe(&error)))?
            .into_options()?;
        let number = |id: &str| *self.typed.get_one::<u32>(id).expect("it has a default");
        let race = self
            .typed
            .get_flag("adaptive")
            .then(|| outlook::Race { max_per_size: number("max_per_size"), refine: number("refine") });
        Ok(Options {
            stages,
            plan,
            race,
            is_parallel: self.typed.get_one("parallel").copied().unwrap_or(false),
            rate: number("control_plane_rate"),
            max_cost: self.typed.get_one("max_cost").copied(),
            save: self.own.save,
            overwrites: self.own.overwrite,
            format: self.own.format,
        })
    }

    /// Returns what a tool of the pipe gets of the arguments.
    fn stage(&self, tool: &Named, input: Option<&PathBuf>) -> Stage {
        let name = tool.0;
        let (mut flags, mut operands, mut manner) = (Vec::new(), Vec::new(), Vec::new());
        for argument in arguments(tool).filter(|argument| self.is_for(name, argument.get_id().as_str())) {
            let id = argument.get_id().as_str();
            let Some(long) = argument.get_long() else {
                operands.extend(self.typed.get_raw(id).into_iter().flatten().map(OsString::from));
                continue;
            };
            let flag = OsString::from(format!("--{long}"));
            let typed = match argument.get_action() {
                ArgAction::SetTrue => vec![flag],
                ArgAction::Count => vec![flag; self.typed.get_count(id).into()],
                _ => {
                    let values = self.typed.get_raw(id).into_iter().flatten();
                    values.map(|value| [&*flag, "=".as_ref(), value].into_iter().collect()).collect()
                }
            };
            if matches!(id, "quiet" | "verbose" | "dry_run") { &mut manner } else { &mut flags }
                .extend(typed);
        }
        flags.extend(input.map(|input| ["--input=".as_ref(), input.as_os_str()].into_iter().collect()));
        if name == APPLY {
            flags.push("--auto-optimize".into());
        }
        Stage { name, flags, manner, operands }
    }

    /// Whether an argument was typed and goes to the tool.
    fn is_for(&self, tool: &str, id: &str) -> bool {
        let is_typed = |id: &str| self.typed.value_source(id) == Some(ValueSource::CommandLine);
        let is_adaptive = self.typed.get_flag("adaptive");
        match (tool, id) {
            // Where it is read, it is handed on by its path.
            (_, "file") => false,
            // There these decide what a race measures. The number, which the plan record has, is refused in a race.
            (INVOKE, "num" | "strategy" | "balanced_weight" | "confidence" | "tolerance") => {
                is_typed(id) && is_adaptive
            }
            // There it is for what a month costs.
            (SELECT, "prices") => is_typed(id) && is_typed("monthly_invocations"),
            _ => is_typed(id),
        }
    }

    /// Returns the first flag that was typed and that only lpt-apply has.
    fn first_of_apply(&self) -> Option<String> {
        let tools = tools();
        let (apply, others): (Vec<_>, Vec<_>) = tools.iter().partition(|(name, _)| *name == APPLY);
        let is_of_others = |id| others.iter().any(|tool| arguments(tool).any(|other| other.get_id() == id));
        let mut own = apply.into_iter().flat_map(arguments);
        let typed = own.find(|argument| {
            !is_of_others(argument.get_id()) && self.is_for(APPLY, argument.get_id().as_str())
        });
        typed.and_then(|argument| argument.get_long().map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_flag_of_several_tools_is_the_same_in_each() {
        let tools = tools();
        let (mut by_id, mut by_flag) = (BTreeMap::new(), BTreeMap::new());
        for argument in tools.iter().flat_map(arguments) {
            let names = argument.get_value_names().map(<[_]>::to_vec);
            let form =
                (argument.get_long(), argument.get_short(), names, argument.get_action().takes_values());
            assert_eq!(*by_id.entry(argument.get_id()).or_insert(form.clone()), form);
            if let Some(flag) = argument.get_long() {
                assert_eq!(*by_flag.entry(flag).or_insert(argument.get_id()), argument.get_id(), "--{flag}");
            }
        }
    }

    /// What is left out is there, and is no flag.
    #[test]
    fn each_flag_of_a_tool_is_taken_or_is_left_out_for_a_reason() {
        let tools = tools();
        for (of, id) in LEFT_OUT {
            let is_there = |(name, command): &Named| {
                (of.is_empty() || of == *name)
                    && command.get_arguments().any(|argument| argument.get_id() == id)
            };
            assert!(tools.iter().any(is_there), "{of} {id}");
        }
        let mut command = Args::command();
        command.build();
        for argument in tools.iter().flat_map(arguments) {
            assert!(command.get_arguments().any(|other| other.get_long() == argument.get_long()));
        }
    }

    /// Returns what the tools get of a command line.
    fn handed(line: &str) -> Vec<String> {
        let matches = Args::command().try_get_matches_from(line.split(' ')).expect("arguments");
        let args = Args::from_arg_matches(&matches).expect("arguments");
        let words =
            |stage: Stage| stage.arguments().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        tools()
            .iter()
            .map(|tool| args.stage(tool, None))
            .map(words)
            .map(|words: Vec<_>| words.join(" "))
            .collect()
    }

    #[test]
    fn each_tool_gets_its_flags_and_no_others() {
        assert_eq!(
            handed(
                "lpt-tune -q --num 5 --strategy speed --tag a=b --tag c=d --parallel --region eu-west-1 f g"
            ),
            [
                "--num=5 --region=eu-west-1 --quiet -- f g",
                "--parallel=true --tag=a=b --tag=c=d --region=eu-west-1 --quiet",
                "--strategy=speed --quiet",
                "--strategy=speed --quiet",
                "--region=eu-west-1 --auto-optimize --quiet",
                "--region=eu-west-1 --quiet",
            ]
        );
        let race = handed("lpt-tune -vv --adaptive --strategy speed --prices p --monthly-invocations 1 f");
        assert_eq!(race[1], "--adaptive --strategy=speed --verbose --verbose");
        assert_eq!(race[2], "--prices=p --strategy=speed --verbose --verbose");
        assert_eq!(race[3], "--strategy=speed --monthly-invocations=1 --prices=p --verbose --verbose");
    }
}
