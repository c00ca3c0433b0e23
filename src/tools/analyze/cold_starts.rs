//! Doubts about the starts of invocations: cold starts in the averages, and bills that hint at unmarked ones.

use std::collections::BTreeMap;

use super::groups::{ColdStart, Usable};
use crate::label::label;
use crate::names::{Architecture, FunctionArn};
use crate::records::SizeKey;
use crate::units::MemoryMB;

/// The share of an average from which the time of cold starts matters. A run in series has one cold start at each size.
/// If trimming leaves it, the start took little time, and does no harm.
const NOTICEABLE: f64 = 0.05;

/// The starts of the invocations of one size.
pub(super) struct OfSize {
    memory: MemoryMB,
    /// The number of invocations in the averages.
    kept: usize,
    /// The number of those that were cold starts.
    cold: usize,
    /// Whether these starts are a noticeable part of the averages.
    matter: bool,
    /// Whether any used invocation was a warm start.
    has_warm: bool,
    /// The number of invocations whose bill is not explained by their duration.
    unexplained: u64,
}

impl OfSize {
    /// Looks at the usable invocations of a size, of which the averages leave out `dropped` at each end.
    pub fn of(memory: MemoryMB, usable: &Usable, dropped: usize) -> OfSize {
        let kept = dropped..usable.len().saturating_sub(dropped);
        let cold: Vec<&ColdStart> = usable.cold.iter().filter(|cold| kept.contains(&cold.rank)).collect();
        let total: f64 = usable.durations[kept.clone()].iter().sum();
        let total_cold: f64 = cold.iter().map(|cold| usable.durations[cold.rank]).sum();
        let mean_warm = (total - total_cold) / (kept.len() - cold.len()) as f64;
        // Where a record does not tell how long its start took, the warm starts do.
        let start = |cold: &&ColdStart| {
            let beyond = usable.durations[cold.rank] - mean_warm;
            cold.start.unwrap_or_else(|| if beyond.is_nan() { f64::INFINITY } else { beyond.max(0.0) })
        };
        OfSize {
            memory,
            kept: kept.len(),
            cold: cold.len(),
            matter: cold.iter().map(start).sum::<f64>() > NOTICEABLE * total,
            has_warm: usable.cold.len() < usable.len(),
            unexplained: usable.unexplained_bills,
        }
    }
}

/// The starts of all functions that are analyzed.
#[derive(Default)]
pub(super) struct ColdStarts(BTreeMap<(FunctionArn, Architecture), Vec<OfSize>>);

impl ColdStarts {
    /// Adds the starts of a size.
    pub fn add(&mut self, size: &SizeKey, starts: OfSize) {
        self.0.entry((size.function.clone(), size.architecture)).or_default().push(starts);
    }

    /// Returns the warnings, by function.
    pub fn warnings(&self) -> Vec<String> {
        let functions = self.0.iter().flat_map(|((function, _), sizes)| {
            let name = label(function);
            [in_averages(&name, sizes), unexplained(&name, sizes)]
        });
        functions.flatten().collect()
    }
}

/// Returns a warning of cold starts in the averages of a function. If they are all that was measured, they are what
/// is wanted.
fn in_averages(name: &str, sizes: &[OfSize]) -> Option<String> {
    let matter =
        sizes.iter().any(|starts| starts.matter) && sizes.iter().any(|starts| starts.cold < starts.kept);
    if !matter {
        return None;
    }
    let share = |starts: &&OfSize| (starts.cold as f64 / starts.kept as f64, starts.memory);
    let with_share = || sizes.iter().filter(|starts| starts.kept > 0);
    let most = with_share().max_by(|a, b| share(a).partial_cmp(&share(b)).expect("no NaN"))?;
    let least = with_share().min_by(|a, b| share(a).partial_cmp(&share(b)).expect("no NaN"))?;
    let at = |starts: &OfSize| format!("{} of {} at {} MB", starts.cold, starts.kept, starts.memory);
    let counts = if sizes.len() == 1 { at(most) } else { format!("{}, {}", at(most), at(least)) };
    let no_warm: Vec<String> =
        sizes.iter().filter(|starts| !starts.has_warm).map(|starts| starts.memory.to_string()).collect();
    let but = if no_warm.is_empty() {
        String::new()
    } else {
        format!("; {} MB has no others, so measure more there", no_warm.join(", "))
    };
    Some(format!(
        "{name}: cold starts are among the averaged invocations ({counts}), so sizes are hard to compare; leave them out with --starts warm{but}"
    ))
}

/// Returns a warning of invocations of a function that are billed for longer than they ran, and nothing says why.
fn unexplained(name: &str, sizes: &[OfSize]) -> Option<String> {
    let count: u64 = sizes.iter().map(|starts| starts.unexplained).sum();
    let invocations = match count {
        0 => return None,
        1 => "1 invocation is billed for longer than it ran".to_owned(),
        count => format!("{count} invocations are billed for longer than they ran"),
    };
    Some(format!(
        "{name}: {invocations}, and no coldStart, initDurationMs or restoreDurationMs says why; if these are cold starts, add those fields: now they count as warm, and make sizes hard to compare"
    ))
}
