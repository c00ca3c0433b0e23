//! What the statistics need of an `invocation` record, without the rest of it: there may be a hundred million of them.

use super::{Invocation, Outcome, RunName};
use crate::units::{BilledMillis, Millis};

/// The figures of one invocation, and what tells it from the others of its size.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured<'a> {
    /// What the invocation is known by.
    pub identification: Identification<'a>,
    /// The outcome. If it is usable, the duration and the billed duration are present.
    pub outcome: Outcome,
    /// Whether an execution environment was started for it, if the record says so itself.
    pub cold_start: Option<bool>,
    /// The duration of the function itself.
    pub duration: Option<Millis>,
    /// The duration of the initialization.
    pub init: Option<Millis>,
    /// The duration of restoring the snapshot.
    pub restore: Option<Millis>,
    /// The billed duration.
    pub billed: Option<BilledMillis>,
    /// The part of it that is for the restore.
    pub billed_restore: Option<BilledMillis>,
    /// The most memory that the execution environment has used so far, in MB.
    pub max_memory_used: Option<u32>,
    /// The round of an adaptive run in which it was sent.
    pub round: Option<u32>,
    /// The wave of its size with which it was sent.
    pub wave: Option<u32>,
    /// The run, if there is a wave: each run counts its waves from 0.
    pub run_of_wave: Option<RunName>,
}

/// What an invocation is known by, among those of the same function, architecture and memory size.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum Identification<'a> {
    /// Lambda's id of the invocation, in UTF-8. It is not empty.
    RequestId(&'a [u8]),
    /// The run, and the index in it.
    Index(RunName, u32),
    /// Nothing: another program wrote the record. Two such records may well be equal, and of two invocations.
    Unknown,
}

impl<'a> Identification<'a> {
    /// Returns what an invocation with these fields is known by. The run is asked for only if it counts.
    pub(crate) fn of(
        request_id: Option<&'a [u8]>,
        index: Option<u32>,
        run: impl FnOnce() -> Option<RunName>,
    ) -> Identification<'a> {
        match (request_id, index) {
            (Some(request_id), _) if !request_id.is_empty() => Identification::RequestId(request_id),
            (_, Some(index)) => {
                run().map_or(Identification::Unknown, |run| Identification::Index(run, index))
            }
            (_, None) => Identification::Unknown,
        }
    }
}

impl<'a> Measured<'a> {
    /// Returns the figures of a record. The error is the name of a field that a usable invocation must have.
    pub fn of(invocation: &'a Invocation) -> Result<Measured<'a>, &'static str> {
        let request_id = invocation.request_id.as_deref().map(str::as_bytes);
        let identification = Identification::of(request_id, invocation.index, || invocation.run_id.clone());
        let measured = Measured {
            identification,
            outcome: invocation.outcome,
            cold_start: invocation.cold_start,
            duration: invocation.duration_ms,
            init: invocation.init_duration_ms,
            restore: invocation.restore_duration_ms,
            billed: invocation.billed_duration_ms,
            billed_restore: invocation.billed_restore_duration_ms,
            max_memory_used: invocation.max_memory_used,
            round: invocation.round,
            wave: invocation.wave,
            run_of_wave: invocation.run_id.clone().filter(|_| invocation.wave.is_some()),
        };
        match measured.missing() {
            Some(field) => Err(field),
            None => Ok(measured),
        }
    }

    /// Returns the name of a field that is missing although the outcome is usable.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        match (self.duration, self.billed) {
            _ if !self.outcome.is_usable() => None,
            (None, _) => Some("durationMs"),
            (_, None) => Some("billedDurationMs"),
            _ => None,
        }
    }

    /// Whether it was a cold start. Records of other programs may lack `coldStart`; an init or a restore tells, too.
    pub(crate) fn is_cold_start(&self) -> bool {
        self.cold_start.unwrap_or_else(|| self.has_init_or_restore())
    }

    /// Whether there is anything to be known about its start.
    pub(crate) fn has_start_figures(&self) -> bool {
        self.has_init_or_restore() || self.has_unexplained_bill()
    }

    fn has_init_or_restore(&self) -> bool {
        self.init.is_some() || self.restore.is_some() || self.billed_restore.is_some()
    }

    /// Returns duration + init + restore, in milliseconds.
    pub(crate) fn total_ms(&self) -> Option<f64> {
        let parts = [self.duration, self.init, self.restore];
        self.duration.map(|_| parts.iter().flatten().map(|part| part.get()).sum())
    }

    /// Returns the time that starting the execution environment took, in milliseconds, as far as the record tells: the
    /// init and the restore, or what is billed beyond the duration. The billed duration is that of the function and of
    /// its init, rounded up:
    /// <https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/>
    pub(crate) fn start_ms(&self) -> Option<f64> {
        let reported = [self.init, self.restore];
        if reported.iter().any(Option::is_some) {
            return Some(reported.iter().flatten().map(|part| part.get()).sum());
        }
        // Some programs round the duration before they store it.
        const ROUNDING_MS: f64 = 1.0;
        let BilledMillis(billed) = self.billed?;
        let beyond = billed as f64 - self.duration?.get().ceil();
        (beyond > ROUNDING_MS).then_some(beyond)
    }

    /// Whether it is billed for longer than it ran, and the record says neither why nor how it started.
    pub(crate) fn has_unexplained_bill(&self) -> bool {
        self.cold_start.is_none() && !self.has_init_or_restore() && self.start_ms().is_some()
    }
}
