//! The credentials of the callers.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The secret access key that SDKs get, because none works without. No signature is checked: a signature shows that
/// nobody changed the request on its way, and only root can read or change what passes through loopback.
pub(super) const SECRET_ACCESS_KEY: &str = "lpt-local";

/// The access key id that requests must be signed with. Only who knows it may call the service, because whoever calls
/// it may run code as the user who started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccessKeyId(String);

impl AccessKeyId {
    /// Returns one that nobody can guess: it has 122 random bits.
    pub(super) fn random() -> AccessKeyId {
        AccessKeyId(format!("LPTLOCAL{:X}", Uuid::new_v4().simple()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccessKeyId {
    type Err = String;

    /// Accepts what AWS does.
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
    fn from_str(text: &str) -> Result<AccessKeyId, String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if (16..=128).contains(&text.len()) && text.bytes().all(fits) {
            return Ok(AccessKeyId(text.to_owned()));
        }
        Err("expected 16 to 128 letters, digits and underscores".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_id_is_valid_and_another_each_time() {
        let id = AccessKeyId::random();
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_ne!(id, AccessKeyId::random());
    }

    #[test]
    fn an_id_that_could_be_guessed_or_break_a_header_is_refused() {
        for text in ["", "short", "LPT/LOCAL/20261124", "LPTLOCAL LPTLOCAL", &"x".repeat(129)] {
            assert!(text.parse::<AccessKeyId>().is_err(), "{text}");
        }
    }
}
