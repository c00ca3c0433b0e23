//! The invocations, each of which is a dot. Of many, a fair sample is kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use crate::names::{Architecture, FunctionArn};
use crate::records::{Identification, Invocation, Measured, RunName};
use crate::units::{MemoryMB, Timestamp};

/// The most dots of a function: more are slow to draw, and lie on one another.
const MOST: usize = 4_000;

/// All invocations that count as a result.
#[derive(Default)]
pub(super) struct Dots {
    of: HashMap<(FunctionArn, Architecture), Vec<Dot>>,
    unidentified: u64,
}

struct Dot {
    /// By which repeats are found and samples are drawn.
    hash: u64,
    run: Option<RunName>,
    started_at: Option<Timestamp>,
    memory: MemoryMB,
    shown: Shown,
}

/// What is shown of an invocation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shown {
    /// Duration, init and restore.
    pub duration_ms: f64,
    pub billed_ms: f64,
    pub is_cold: bool,
}

/// The invocations of one size.
pub(super) struct OfSize {
    /// How many there are.
    pub count: usize,
    /// A sample of them, or all.
    pub sample: Vec<Shown>,
}

impl Dots {
    /// Keeps an invocation, if it counts as a result.
    ///
    /// # Errors
    /// The name of a field that is missing.
    pub fn add(&mut self, invocation: Invocation) -> Result<(), &'static str> {
        let measured = Measured::of(&invocation)?;
        let (true, Some(duration_ms), Some(billed)) =
            (measured.outcome.is_usable(), measured.total_ms(), measured.billed)
        else {
            return Ok(());
        };
        let mut hasher = DefaultHasher::new();
        invocation.memory_size.hash(&mut hasher);
        if measured.identification == Identification::Unknown {
            // Each of them counts.
            self.unidentified += 1;
            self.unidentified.hash(&mut hasher);
        }
        measured.identification.hash(&mut hasher);
        let shown = Shown { duration_ms, billed_ms: billed.0 as f64, is_cold: measured.is_cold_start() };
        let dot = Dot {
            hash: hasher.finish(),
            run: invocation.run_id.clone(),
            started_at: invocation.started_at,
            memory: invocation.memory_size,
            shown,
        };
        self.of.entry((invocation.function_arn, invocation.architecture)).or_default().push(dot);
        Ok(())
    }

    /// Returns the invocations of a function with these sizes, as far as `is_of_run` says by their run and time. Of each
    /// size as many are kept, drawn by the hash of what identifies them: each has the same chance, and the same input gives
    /// the same dots.
    pub fn of_sizes(
        &self,
        (function, architecture): (&FunctionArn, Architecture),
        sizes: &[MemoryMB],
        is_of_run: impl Fn(Option<&RunName>, Option<Timestamp>) -> bool,
    ) -> Vec<OfSize> {
        let all = self.of.get(&(function.clone(), architecture)).map_or(&[][..], Vec::as_slice);
        let most = MOST / sizes.len().max(1);
        let of_size = |size: &MemoryMB| {
            let is_meant = |dot: &&Dot| dot.memory == *size && is_of_run(dot.run.as_ref(), dot.started_at);
            let mut dots: Vec<&Dot> = all.iter().filter(is_meant).collect();
            dots.sort_by_key(|dot| dot.hash);
            dots.dedup_by_key(|dot| dot.hash);
            let sample = dots.iter().take(most).map(|dot| dot.shown).collect();
            OfSize { count: dots.len(), sample }
        };
        sizes.iter().map(of_size).collect()
    }
}
