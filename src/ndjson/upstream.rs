//! What the `end` records of the input say together.

use std::borrow::Cow;
use std::sync::Arc;

use super::line::{Line, RecordError};
use crate::error::Error;
use crate::message;
use crate::records::{End, Record as _, Status};

/// What the `end` records of one source say.
#[derive(Debug)]
struct SourceEnd {
    source: Arc<str>,
    worst: Status,
    /// Whether a line stands after the last of them.
    is_open: bool,
}

/// What the `end` records of the input say together: a tool hands each line to [`Upstream::admit`].
#[derive(Debug, Default)]
pub struct Upstream {
    sources: Vec<SourceEnd>,
    has_failed_here: bool,
}

impl Upstream {
    /// Notes a line: an `end` record has to follow it in the same source. Returns the record's type, or `None` for an
    /// `end` record, which is consumed here.
    pub fn admit<'a>(&mut self, line: &'a Line) -> Result<Option<Cow<'a, str>>, RecordError> {
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
    pub fn fail(&mut self) {
        self.has_failed_here = true;
    }

    /// Returns the worst status; a stream without an `end` record was cut off.
    pub fn status(&self) -> Status {
        let here = if self.has_failed_here { Status::Failed } else { Status::Complete };
        if self.is_cut_off() {
            return Status::Interrupted;
        }
        self.sources.iter().map(|source| source.worst).fold(here, Status::max)
    }

    fn is_cut_off(&self) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|source| source.is_open)
    }

    /// Checks that the input is complete, so that something may be decided on it.
    ///
    /// # Errors
    /// The input was cut off or says that its tool failed, and the user did not allow that.
    pub fn require_complete(&self, allow_incomplete: bool) -> Result<(), Error> {
        let Some(why) = self.incomplete() else {
            return Ok(());
        };
        if allow_incomplete {
            message::warning(format_args!("{why}; going on with what there is"));
            Ok(())
        } else {
            Err(Error::Failed(format!("{why}; measure again, or take what there is with --allow-incomplete")))
        }
    }

    /// Returns what is wrong with the end of the input, if anything is.
    pub fn incomplete(&self) -> Option<&'static str> {
        if self.is_cut_off() {
            return Some("the input has no end record: it was cut off, or is not of these tools");
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
