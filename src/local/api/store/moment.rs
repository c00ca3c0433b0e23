//! The time of a request.

use std::time::Instant;

use time::OffsetDateTime;

/// A time by two clocks: one that only goes forward, and one that people read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) instant: Instant,
    pub(crate) date: OffsetDateTime,
}

impl Moment {
    pub(crate) fn now() -> Moment {
        Moment { instant: Instant::now(), date: OffsetDateTime::now_utc() }
    }
}
