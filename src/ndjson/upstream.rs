//! The `end` records of the input, taken together.

use std::borrow::Cow;
use std::sync::Arc;

use super::line::{Line, RecordError};
use crate::error::Error;
use crate::message;
use crate::records::{End, Record as _, Status};

/// The `end` records of one source.
#[derive(Debug)]
struct SourceEnd {
    source: Arc<str>,
    worst: Status,
    /// Whether a line follows the last of them.
    is_open: bool,
}

/// The status of the input, from its `end` records. A tool hands each line to [`Upstream::admit`].
#[derive(Debug, Default)]
pub struct Upstream {
    sources: Vec<SourceEnd>,
    has_failed_here: bool,
}

impl Upstream {
    /// Notes a line, which an `end` record has to follow in the same source. Returns the type of the record,
    /// or `None` for an `end` record, which is consumed here.
    pub(crate) fn admit<'a>(&mut self, line: &'a Line) -> Result<Option<Cow<'a, str>>, RecordError> {
        if !self.sources.last().is_some_and(|last| line.is_of_same_source(&last.source)) {
            let source = Arc::clone(line.source());
            self.sources.push(SourceEnd { source, worst: Status::Complete, is_open: true });
        }
        let last = self.sources.last_mut().expect("there is one now");
        last.is_open = true;
        let record_type = line.record_type()?;
        if record_type != End::TYPE {
            return Ok(Some(record_type));
        }
        let end: End = line.parse()?;
        last.worst = last.worst.max(end.status);
        last.is_open = false;
        Ok(None)
    }

    /// Notes a failure of this tool.
    pub(crate) fn fail(&mut self) {
        self.has_failed_here = true;
    }

    /// Returns the worst status of the input and of this tool. A stream without an `end` record was cut off,
    /// which is the same as interrupted.
    pub(crate) fn status(&self) -> Status {
        let here = if self.has_failed_here { Status::Failed } else { Status::Complete };
        if self.is_cut_off() {
            return Status::Interrupted;
        }
        self.sources.iter().map(|source| source.worst).fold(here, Status::max)
    }

    fn is_cut_off(&self) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|source| source.is_open)
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
        } else {
            Err(Error::Failed(format!(
                "{why}; measure again, or use the records that arrived with --allow-incomplete"
            )))
        }
    }

    /// Returns the reason why the input is incomplete, if it is.
    pub(crate) fn incomplete(&self) -> Option<&'static str> {
        if self.is_cut_off() {
            return Some("the input has no end record: it was cut off, or another program wrote it");
        }
        match self.status() {
            Status::Complete => None,
            Status::Failed => Some("the input's end record says that a tool before this one failed"),
            Status::Interrupted => {
                Some("the input's end record says that a tool before this one was interrupted")
            }
        }
    }
}
