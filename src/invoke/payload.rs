//! What a function is invoked with. It is never written to a record or a message.

use std::fmt;
use std::path::Path;

use crate::error::Error;

/// The most that a synchronous invocation takes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_BYTES: usize = 6 * 1024 * 1024;

/// A JSON document to invoke a function with.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// JSON as it stands; any other text as a JSON string.
    pub fn from_text(text: &str) -> Payload {
        match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Payload(text.as_bytes().to_vec()),
            Err(_) => Payload(serde_json::Value::from(text).to_string().into_bytes()),
        }
    }

    /// A file's JSON as it stands.
    ///
    /// # Errors
    /// The file can't be read, is no JSON, or is larger than Lambda takes.
    pub fn from_file(file: &Path) -> Result<Payload, Error> {
        let name = file.display();
        let bytes = std::fs::read(file).map_err(Error::io(format!("--payload-file {name}")))?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::Usage(format!(
                "--payload-file {name}: {} bytes; Lambda takes {MAX_BYTES} at most in one invocation",
                bytes.len()
            )));
        }
        serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
            .map_err(|error| Error::Usage(format!("--payload-file {name}: not JSON: {error}")))?;
        Ok(Payload(bytes))
    }

    /// As it goes over the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Payload {
    fn default() -> Payload {
        Payload(b"{}".to_vec())
    }
}

/// Without the payload, which may be secret.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_as_it_stands_and_other_text_is_quoted() {
        for (text, sent) in [
            (r#"{"a": 1}"#, r#"{"a": 1}"#),
            ("[1]", "[1]"),
            ("\"x\"", "\"x\""),
            ("7", "7"),
            ("say \"hi\"", r#""say \"hi\"""#),
        ] {
            assert_eq!(Payload::from_text(text).as_bytes(), sent.as_bytes());
        }
    }

    #[test]
    fn debug_output_does_not_show_it() {
        assert_eq!(format!("{:?}", Payload::from_text("{\"secret\":1}")), "Payload(12 bytes)");
    }
}
