//! The `end` records of the input, taken together.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::STDIN;
use super::line::{Line, RecordError};
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::names::{AliasName, FunctionArn};
use crate::quote::{self, excerpt};
use crate::records::{Configuration, End, Record as _, RunId, Status};

/// How whole a stream is, from the best to the worst: a part that failed is missing, or more than that.
type Standing = (Status, bool);

/// What a published version is known by: its function, run and alias.
type Published = (FunctionArn, RunId, AliasName);

const WHOLE: Standing = (Status::Complete, false);
const CUT_OFF: Standing = (Status::Interrupted, true);

/// The `end` records of one source.
#[derive(Debug)]
struct SourceEnd {
    source: Arc<str>,
    worst: Standing,
    cause: Option<String>,
    /// Whether a line follows the last of them.
    is_open: bool,
}

impl SourceEnd {
    fn standing(&self) -> Standing {
        if self.is_open { CUT_OFF } else { self.worst }
    }
}

/// What the tools before this one made of the input, from their `end` records. A tool hands each line to
/// [`Upstream::admit`]. The default is that of a tool that reads no records.
#[derive(Debug, Default)]
pub struct Upstream {
    /// Whether the tool reads records, so that a stream without any is cut off.
    is_expected: bool,
    /// Whether the input is a part of a larger stream. Its `end` record may be in another part, and so may be the records
    /// of what became of the versions that it names.
    is_part: bool,
    /// Whether stdin is a pipe, in which the exit code of the tool before counts.
    is_piped: bool,
    sources: Vec<SourceEnd>,
    /// The exit code of the pipe up to this tool.
    exit: Option<Exit>,
    /// The versions that the pipe has published.
    published: BTreeSet<Published>,
}

impl Upstream {
    /// Returns the state before the first line. `is_piped` says whether stdin is read and is a pipe.
    pub(super) fn new(is_piped: bool) -> Upstream {
        Upstream { is_expected: true, is_piped, ..Upstream::default() }
    }

    /// Notes that the input has something else than records, which needs no `end` record.
    pub(crate) fn expect_no_records(&mut self) {
        self.is_expected = false;
    }

    /// Notes that the input is a part of a larger stream.
    pub(crate) fn expect_part(&mut self) {
        self.is_part = true;
        self.is_expected = false;
    }

    /// Notes a line of a source, which an `end` record has to follow there.
    pub(crate) fn note_line(&mut self, source: &Arc<str>) {
        match self.sources.last_mut() {
            Some(last) if Arc::ptr_eq(&last.source, source) => last.is_open = !self.is_part,
            _ => {
                let source = Arc::clone(source);
                self.sources.push(SourceEnd { source, worst: WHOLE, cause: None, is_open: !self.is_part });
            }
        }
    }

    /// Notes a line, which an `end` record has to follow in the same source. Returns the type of the record,
    /// or `None` for an `end` record and for a line that is cut off, which are consumed here.
    pub(crate) fn admit<'a>(&mut self, line: &'a Line) -> Result<Option<Cow<'a, str>>, RecordError> {
        self.note_line(line.source());
        let last = self.sources.last_mut().expect("that of the line");
        if line.is_cut() {
            last.is_open = true;
            line.warn_of_cut();
            return Ok(None);
        }
        let record_type = line.record_type()?;
        let is_of_pipe = self.is_piped && &*last.source == STDIN;
        if record_type != End::TYPE {
            // The versions that a file names may have been removed since.
            if record_type == Configuration::TYPE
                && is_of_pipe
                && !self.is_part
                && let Ok(configuration) = line.parse()
            {
                self.note_published(&configuration);
            }
            return Ok(Some(record_type));
        }
        let end: End = line.parse()?;
        last.worst = last.worst.max((end.status, end.status > Status::Complete && !end.partly));
        last.is_open = false;
        last.cause = last.cause.take().or(end.cause);
        if is_of_pipe {
            match end.exit_code {
                Some(code) => self.exit = Some(self.exit().worse(Exit::of_code(code))),
                // The tool before has read the versions from a file, or has removed them.
                None => self.forget_published(),
            }
        }
        Ok(None)
    }

    /// Notes a version that exists, if the record names one.
    pub(crate) fn note_published(&mut self, configuration: &Configuration) {
        if configuration.version.is_some() {
            self.published.extend(key(configuration));
        }
    }

    /// Forgets the versions, because this tool has removed them or says what it could not remove.
    pub(crate) fn forget_published(&mut self) {
        self.published.clear();
    }

    /// Forgets the versions of a function in a run, because this tool has removed them.
    pub(crate) fn forget_run(&mut self, function: &FunctionArn, run: RunId) {
        self.published.retain(|(of, by, _)| of != function || *by != run);
    }

    /// Forgets a version, because it is not there any more.
    pub(crate) fn forget_version(&mut self, configuration: &Configuration) {
        if let Some(version) = key(configuration) {
            self.published.remove(&version);
        }
    }

    /// Says which versions are left when the pipe ends here, and how they are removed: with `file`, which has their
    /// records, or without a file. They "may" be left, because an earlier tool may have read records of a run that was
    /// cleaned up since.
    pub(crate) fn say_what_remains(&self, file: Option<&str>) {
        if self.published.is_empty() {
            return;
        }
        let functions: BTreeSet<&FunctionArn> =
            self.published.iter().map(|(function, ..)| function).collect();
        let names: Vec<String> = functions.iter().map(|function| function.name().to_string()).collect();
        let files = match file {
            Some(file) => vec![file],
            None => self.sources.iter().map(|source| &*source.source).filter(|name| *name != STDIN).collect(),
        };
        let command = if files.is_empty() {
            let functions: String =
                functions.iter().map(|function| format!(" --function {function}")).collect();
            format!("lpt-cleanup --leftovers{functions} (which shows it; then add --yes --even-if-recent)")
        } else {
            let files: Vec<String> = files.into_iter().map(quote::operand).collect();
            format!("lpt-cleanup {}", files.join(" "))
        };
        message::note(format_args!(
            "{}: {} may remain; to remove what is there: {command}",
            names.join(", "),
            message::counted(self.published.len(), "version")
        ));
    }

    /// Returns the exit code of the pipe up to this tool.
    fn exit(&self) -> Exit {
        self.exit.unwrap_or(Exit::Done)
    }

    /// Whether a tool before this one in the pipe has failed, and so has said why.
    pub(crate) fn has_spoken(&self) -> bool {
        !matches!(self.exit(), Exit::Done | Exit::Partly)
    }

    /// Returns how this tool ends that did its own part as `own` says, and its `end` record: both are the worst of the
    /// pipe up to here.
    pub(crate) fn conclude(&self, own: Exit) -> (Exit, End) {
        let here = match own {
            Exit::Done => WHOLE,
            Exit::Partly => (Status::Failed, false),
            Exit::Interrupted => (Status::Interrupted, true),
            _ => (Status::Failed, true),
        };
        // A tool that failed before it read anything says nothing of its input.
        let has_read = !self.sources.is_empty() || here <= (Status::Failed, false);
        let before = if has_read { self.standing() } else { WHOLE };
        let (status, is_more_than_a_part) = before.max(here);
        let exit = self.exit().worse(own);
        let cause = self.sources.iter().find_map(|source| source.cause.clone());
        let end = End {
            tool: message::tool().to_owned(),
            records: 0,
            status,
            partly: status == Status::Failed && !is_more_than_a_part,
            cause: cause.or_else(|| message::first_error().map(str::to_owned)),
            exit_code: Some(exit.code()).filter(|code| *code != 0 || !self.published.is_empty()),
        };
        (exit, end)
    }

    /// Returns the worst standing of the input. A stream without an `end` record was cut off, which is the same as
    /// interrupted.
    fn standing(&self) -> Standing {
        if self.is_expected && self.sources.is_empty() {
            return CUT_OFF;
        }
        self.sources.iter().map(SourceEnd::standing).fold(WHOLE, Standing::max)
    }

    /// Whether stdin is read and is a pipe.
    pub(crate) fn is_piped(&self) -> bool {
        self.is_piped
    }

    /// Checks that the input is complete, so that a decision can be based on it. The status of an incomplete
    /// input stays as it is if the user allows it: the next tool has to be told so, too.
    ///
    /// # Errors
    /// The input was cut off, or a tool before this one failed or was interrupted, and the user did not allow
    /// that.
    pub(crate) fn require_complete(&self, allow_incomplete: bool) -> Result<(), Error> {
        let Some(why) = self.incomplete() else {
            return Ok(());
        };
        if allow_incomplete {
            message::warning(format_args!("{why}; continuing with the records that arrived"));
            Ok(())
        } else if self.has_spoken() {
            Err(Error::Upstream)
        } else {
            Err(Error::Failed(format!(
                "{why}; measure again, or use the records that arrived with --allow-incomplete"
            )))
        }
    }

    /// Returns the reason why the input is incomplete, if it is. An input is complete if only a part of it failed: that
    /// part has a record, and the others are whole.
    pub(crate) fn incomplete(&self) -> Option<Incomplete<'_>> {
        let standing = self.standing();
        let is_incomplete = matches!(standing, (Status::Failed, true) | (Status::Interrupted, _));
        is_incomplete
            .then(|| Incomplete { source: self.sources.iter().find(|source| source.standing() == standing) })
    }

    /// Returns the reason if stdin is a pipe in which the tool before was cut off, or was told of that, and so gave no
    /// exit code.
    pub(crate) fn cut_off(&self) -> Option<Incomplete<'_>> {
        let is_cut_off = self.is_piped && self.exit.is_none() && self.standing() >= CUT_OFF;
        self.incomplete().filter(|_| is_cut_off)
    }
}

/// Returns what a version is known by, unless it is of a run of another program, of which lpt-cleanup finds nothing.
fn key(configuration: &Configuration) -> Option<Published> {
    let Configuration { function_arn, run_id, alias, .. } = configuration;
    Some((function_arn.clone(), run_id.id()?, alias.clone()))
}

/// The reason why an input is incomplete.
pub(crate) struct Incomplete<'a> {
    /// The source that is the worst. None if the input has no line.
    source: Option<&'a SourceEnd>,
}

impl fmt::Display for Incomplete<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.source.map_or(STDIN, |source| &*source.source);
        let name = if name == STDIN { "the input" } else { name };
        match self.source {
            Some(SourceEnd { is_open: false, worst: (Status::Failed, _), cause, .. }) => {
                write!(f, "{name}: its end record says that a tool before this one failed")?;
                cause.iter().try_for_each(|cause| write!(f, ": {}", excerpt(cause)))
            }
            Some(SourceEnd { is_open: false, .. }) => {
                write!(f, "{name}: its end record says that a tool before this one was interrupted")
            }
            _ => write!(f, "{name} has no end record: it was cut off, or another program wrote it"),
        }
    }
}
