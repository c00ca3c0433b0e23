//! A placeholder for credentials.

/// The access key and secret key that SDKs get. Nothing checks them here, but no SDK works without.
pub(super) const PLACEHOLDER: &str = "lpt-local";
