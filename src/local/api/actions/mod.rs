//! The actions: each is a handler that turns a request into a response.

pub(super) mod aliases;
pub(super) mod functions;
pub(super) mod invoke;
pub(super) mod versions;
