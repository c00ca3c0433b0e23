//! The log of one invocation.

/// The end of a log that an invocation returns, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseSyntax>
const TAIL_BYTES: usize = 4096;

/// The end of a log. The rest is dropped, so that a function may print as much as it likes.
#[derive(Debug, Default)]
pub(crate) struct Log {
    bytes: Vec<u8>,
}

impl Log {
    /// Appends output of the function or the platform.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // The buffer is cut only when it holds two tails, because moving the tail costs more than keeping
        // twice as much.
        if self.bytes.len() > 2 * TAIL_BYTES {
            self.bytes.drain(..self.bytes.len() - TAIL_BYTES);
        }
    }

    /// Appends a line of the platform.
    pub(crate) fn push_line(&mut self, line: &str) {
        // The function may have ended in the middle of a line, which must not spoil this one.
        if self.bytes.last().is_some_and(|last| *last != b'\n') {
            self.push(b"\n");
        }
        self.push(line.as_bytes());
        self.push(b"\n");
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
