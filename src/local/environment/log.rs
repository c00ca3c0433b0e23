//! The log of one invocation.

use tracing::debug;

/// The end of a log that an invocation returns, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseSyntax>
const TAIL_BYTES: usize = 4096;

/// The end of a log. The rest is dropped, so that a function may print as much as it likes.
#[derive(Debug, Default)]
pub(crate) struct Log {
    bytes: Vec<u8>,
    /// What the function's output is shown as on stderr, line by line. None shows nothing.
    shown_as: Option<String>,
    /// The beginning of a line whose end has not arrived.
    unshown: Vec<u8>,
}

impl Log {
    /// Returns an empty log, which shows the function's output as that of `shown_as`.
    pub(crate) fn new(shown_as: Option<String>) -> Log {
        Log { shown_as, ..Log::default() }
    }

    /// Appends output of the function.
    pub(crate) fn push(&mut self, output: &[u8]) {
        self.append(output);
        if self.shown_as.is_some() {
            self.unshown.extend_from_slice(output);
            // A line of any length is shown in parts, because it may never end.
            let is_long = self.unshown.len() > TAIL_BYTES;
            let end = self.unshown.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
            self.show(if is_long { self.unshown.len() } else { end.unwrap_or(0) });
        }
    }

    /// Shows what is left of the function's output.
    pub(crate) fn end(&mut self) {
        self.show(self.unshown.len());
    }

    /// Shows the lines of this many bytes.
    fn show(&mut self, length: usize) {
        let Some(shown_as) = &self.shown_as else { return };
        let lines: Vec<u8> = self.unshown.drain(..length).collect();
        for line in String::from_utf8_lossy(&lines).lines() {
            debug!("{shown_as}: {line}");
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // The buffer is cut only when it holds two tails, because moving the tail costs more than keeping
        // twice as much.
        if self.bytes.len() > 2 * TAIL_BYTES {
            self.bytes.drain(..self.bytes.len() - TAIL_BYTES);
        }
    }

    /// Appends a line of the platform.
    pub(crate) fn push_line(&mut self, line: &str) {
        self.end();
        // The function may have ended in the middle of a line, which must not spoil this one.
        if self.bytes.last().is_some_and(|last| *last != b'\n') {
            self.append(b"\n");
        }
        self.append(line.as_bytes());
        self.append(b"\n");
    }

    /// Returns the last 4,096 bytes, which may begin in the middle of a line or of a character.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(TAIL_BYTES)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_last_4096_bytes_wherever_they_begin() {
        let mut log = Log::default();
        for _ in 0..10_000 {
            log.push("ää\n".as_bytes());
        }
        log.push(b"!!");
        assert_eq!(log.tail().len(), 4096);
        assert!(log.tail().ends_with("ää\n!!".as_bytes()));
        assert!(std::str::from_utf8(log.tail()).is_err());
    }
}
