//! What is wrong with the input, while the rest of it is read.

use crate::error::Error;

/// The first thing that is wrong with the input. A tool goes on after it, because the records that undo a run may follow,
/// and ends with it.
#[derive(Debug, Default)]
pub(crate) struct BadInput(pub Option<Error>);

impl BadInput {
    /// Notes that a line or a source is bad.
    pub fn note(&mut self, error: Error) {
        self.0.get_or_insert(error);
    }

    /// Notes the error of handling a line, if the line is to blame.
    ///
    /// # Errors
    /// It is not.
    pub fn after(&mut self, handled: Result<(), Error>) -> Result<(), Error> {
        match handled {
            Err(error) if error.is_bad_record() => self.note(error),
            handled => return handled,
        }
        Ok(())
    }
}
