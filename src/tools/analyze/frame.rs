//! All invocations as columns. One takes a few dozen bytes, so millions of them fit into memory.

use polars::df;
use polars::prelude::{ChunkAgg as _, DataFrame, PolarsResult, SortMultipleOptions};

use super::repeats::{Fingerprint, Fingerprints, first_of_each};
use crate::records::{Invocation, Outcome, SizeKey, Starts};
use crate::units::{BilledMillis, MemoryMB};

/// All invocations, column by column. The columns are named after the fields of the record.
#[derive(Default)]
pub(super) struct Frame {
    fingerprints: Fingerprints,
    fingerprint: Vec<u64>,
    function_arn: Vec<String>,
    architecture: Vec<&'static str>,
    memory_size: Vec<u32>,
    usable: Vec<bool>,
    charged: Vec<bool>,
    /// Whether the function failed, rather than AWS.
    function_error: Vec<bool>,
    out_of_memory: Vec<bool>,
    cold_start: Vec<bool>,
    /// The time that a cold start took, if the record tells.
    start_ms: Vec<Option<f64>>,
    /// Whether it is billed for longer than it ran, and nothing says that it was a cold start.
    unexplained_bill: Vec<bool>,
    /// Duration + init + restore.
    duration_ms: Vec<Option<f64>>,
    init_duration_ms: Vec<Option<f64>>,
    billed_duration_ms: Vec<Option<u64>>,
    billed_restore_duration_ms: Vec<Option<u64>>,
    max_memory_used: Vec<Option<u32>>,
}

impl Frame {
    /// Adds an invocation. Returns the name of a missing field as the error if a usable invocation must have it.
    pub fn push(&mut self, invocation: &Invocation) -> Result<(), &'static str> {
        let usable = invocation.outcome.is_usable();
        if usable && invocation.duration_ms.is_none() {
            return Err("durationMs");
        }
        if usable && invocation.billed_duration_ms.is_none() {
            return Err("billedDurationMs");
        }
        let parts = [invocation.duration_ms, invocation.init_duration_ms, invocation.restore_duration_ms];
        let duration = invocation.duration_ms.map(|_| parts.iter().flatten().map(|part| part.get()).sum());
        self.fingerprint.push(self.fingerprints.of(invocation).into());
        self.function_arn.push(invocation.function_arn.to_string());
        self.architecture.push(invocation.architecture.as_str());
        self.memory_size.push(invocation.memory_size.get());
        self.usable.push(usable);
        self.charged.push(invocation.outcome.is_charged());
        self.function_error.push(invocation.outcome.is_function_error());
        self.out_of_memory.push(invocation.outcome == Outcome::OutOfMemory);
        self.cold_start.push(invocation.is_cold_start());
        self.start_ms.push(invocation.start_ms());
        self.unexplained_bill.push(usable && invocation.has_unexplained_bill());
        self.duration_ms.push(duration);
        self.init_duration_ms.push(invocation.init_duration_ms.map(|init| init.get()));
        let billed = |billed: Option<BilledMillis>| billed.map(|BilledMillis(billed)| billed);
        self.billed_duration_ms.push(billed(invocation.billed_duration_ms));
        self.billed_restore_duration_ms.push(billed(invocation.billed_restore_duration_ms));
        self.max_memory_used.push(invocation.max_memory_used);
        Ok(())
    }

    /// Returns a group for each function, architecture and memory size, in the order of their first invocations.
    pub fn into_groups(self) -> PolarsResult<Vec<Group>> {
        let frame = df!(
            "fingerprint" => self.fingerprint,
            "functionArn" => self.function_arn,
            "architecture" => self.architecture,
            "memorySizeMB" => self.memory_size,
            "usable" => self.usable,
            "charged" => self.charged,
            "functionError" => self.function_error,
            "outOfMemory" => self.out_of_memory,
            "coldStart" => self.cold_start,
            "startMs" => self.start_ms,
            "unexplainedBill" => self.unexplained_bill,
            "durationMs" => self.duration_ms,
            "initDurationMs" => self.init_duration_ms,
            "billedDurationMs" => self.billed_duration_ms,
            "billedRestoreDurationMs" => self.billed_restore_duration_ms,
            "maxMemoryUsedMB" => self.max_memory_used,
        )?;
        if frame.height() == 0 {
            return Ok(Vec::new());
        }
        let groups = frame.partition_by_stable(["functionArn", "architecture", "memorySizeMB"], true)?;
        groups.into_iter().map(Group::of).collect()
    }
}

/// The invocations of one function on one architecture with one memory size, each once. There is at least one.
pub(super) struct Group {
    pub size: SizeKey,
    invocations: DataFrame,
    /// The number of those that were left out, because they are repeats.
    pub repeats: u64,
}

impl Group {
    fn of(all: DataFrame) -> PolarsResult<Group> {
        let fingerprints: Vec<Fingerprint> =
            all.column("fingerprint")?.u64()?.into_no_null_iter().map(Fingerprint::from).collect();
        let invocations = match first_of_each(&fingerprints) {
            Some(is_first) => all.filter(&is_first.into_iter().collect())?,
            None => all.clone(),
        };
        let repeats = (all.height() - invocations.height()) as u64;
        Ok(Group { size: size_of(&all)?, invocations, repeats })
    }

    /// Returns the number of invocations, including those that failed.
    pub fn len(&self) -> u64 {
        self.invocations.height() as u64
    }

    /// Returns the number of invocations that failed.
    pub fn errors(&self) -> PolarsResult<u64> {
        Ok(self.len() - u64::from(self.invocations.column("usable")?.bool()?.sum().unwrap_or(0)))
    }

    /// Returns the number of invocations in which the function failed: with an error, out of memory, or out of time.
    pub fn function_errors(&self) -> PolarsResult<u64> {
        Ok(u64::from(self.invocations.column("functionError")?.bool()?.sum().unwrap_or(0)))
    }

    /// Returns the number of invocations in which the function ran out of memory.
    pub fn out_of_memory_errors(&self) -> PolarsResult<u64> {
        Ok(u64::from(self.invocations.column("outOfMemory")?.bool()?.sum().unwrap_or(0)))
    }

    /// Returns the number of invocations that reached the function and whose billed duration is unknown.
    pub fn unbilled(&self) -> PolarsResult<u64> {
        let charged = self.invocations.column("charged")?.bool()?;
        let unbilled = self.invocations.column("billedDurationMs")?.u64()?.is_null();
        Ok(u64::from((charged & &unbilled).sum().unwrap_or(0)))
    }

    /// Returns the number of invocations that reached the function, so that a request was charged.
    pub fn charged(&self) -> PolarsResult<u64> {
        Ok(u64::from(self.invocations.column("charged")?.bool()?.sum().unwrap_or(0)))
    }

    /// Returns the number of those that were cold starts.
    pub fn cold_starts(&self) -> PolarsResult<u64> {
        let charged = self.invocations.column("charged")?.bool()?;
        Ok(u64::from((charged & self.invocations.column("coldStart")?.bool()?).sum().unwrap_or(0)))
    }

    /// Returns the total billed duration, including that of failed invocations.
    pub fn billed_duration(&self) -> PolarsResult<BilledMillis> {
        Ok(BilledMillis(self.invocations.column("billedDurationMs")?.u64()?.sum().unwrap_or(0)))
    }

    /// Returns the most memory that an invocation used, in MB. One that failed for lack of memory used the most.
    pub fn max_memory_used(&self) -> PolarsResult<Option<u32>> {
        Ok(self.invocations.column("maxMemoryUsedMB")?.u32()?.max())
    }

    /// Returns what AWS Lambda Power Tuning counts: the invocations that the function answered, warm or cold.
    pub fn answered(&self) -> PolarsResult<Answered> {
        let failed = self.invocations.column("functionError")?.bool()?;
        let answered = self.invocations.filter(&(self.invocations.column("charged")?.bool()? & &!failed))?;
        let billed = answered.column("billedDurationMs")?.u64()?.iter();
        let restore = answered.column("billedRestoreDurationMs")?.u64()?.iter();
        let durations = answered.column("durationMs")?.f64()?.iter();
        Ok(Answered {
            durations: durations.map(Option::unwrap_or_default).collect(),
            billed: billed
                .zip(restore)
                .map(|(billed, restore)| (billed.unwrap_or_default() + restore.unwrap_or_default()) as f64)
                .collect(),
            all: answered.height() == self.invocations.height(),
        })
    }

    /// Returns the usable invocations with these starts, by ascending duration.
    pub fn usable(&self, starts: Starts) -> PolarsResult<Usable> {
        let usable = self.invocations.column("usable")?.bool()?;
        let cold = self.invocations.column("coldStart")?.bool()?;
        let mask = match starts {
            Starts::All => usable.clone(),
            Starts::Warm => usable & &!cold,
            Starts::Cold => usable & cold,
        };
        let by = ["durationMs", "billedDurationMs"];
        Ok(Usable(self.invocations.filter(&mask)?.sort(by, SortMultipleOptions::default())?))
    }
}

/// Returns the function, architecture and memory size of invocations that have the same, at least one.
fn size_of(invocations: &DataFrame) -> PolarsResult<SizeKey> {
    const OURS: &str = "the column was filled from this type";
    let text = |name| PolarsResult::Ok(invocations.column(name)?.str()?.first().expect(OURS).to_owned());
    let memory = invocations.column("memorySizeMB")?.u32()?.first().expect(OURS);
    Ok(SizeKey {
        function: text("functionArn")?.parse().expect(OURS),
        architecture: text("architecture")?.parse().expect(OURS),
        memory: MemoryMB::new(memory).expect(OURS),
    })
}

/// Invocations as AWS Lambda Power Tuning counts them: without a report, all their times are 0.
pub(super) struct Answered {
    /// Duration + init + restore.
    pub durations: Vec<f64>,
    /// Billed duration + billed restore duration, although the first includes the second.
    pub billed: Vec<f64>,
    /// Whether the group has no other invocations.
    pub all: bool,
}

/// The invocations whose durations count, by ascending duration. There may be none.
pub(super) struct Usable(DataFrame);

impl Usable {
    /// Returns duration + init + restore, in ascending order.
    pub fn durations(&self) -> PolarsResult<Vec<f64>> {
        Ok(self.0.column("durationMs")?.f64()?.into_no_null_iter().collect())
    }

    /// Returns the billed durations, in the order of the durations.
    pub fn billed_durations(&self) -> PolarsResult<Vec<BilledMillis>> {
        Ok(self.0.column("billedDurationMs")?.u64()?.into_no_null_iter().map(BilledMillis).collect())
    }

    /// Returns the init durations that were reported, in ascending order.
    pub fn init_durations(&self) -> PolarsResult<Vec<f64>> {
        let mut init: Vec<f64> = self.0.column("initDurationMs")?.f64()?.iter().flatten().collect();
        init.sort_by(f64::total_cmp);
        Ok(init)
    }

    /// Returns the number of cold starts.
    pub fn cold_starts(&self) -> PolarsResult<u64> {
        Ok(u64::from(self.0.column("coldStart")?.bool()?.sum().unwrap_or(0)))
    }

    /// Returns the times that cold starts took, as far as they are known, in the order of the durations.
    pub fn start_durations(&self) -> PolarsResult<Vec<Option<f64>>> {
        Ok(self.0.column("startMs")?.f64()?.iter().collect())
    }

    /// Returns for each whether it was a cold start, in the order of the durations.
    pub fn is_cold(&self) -> PolarsResult<Vec<bool>> {
        Ok(self.0.column("coldStart")?.bool()?.iter().map(|is_cold| is_cold == Some(true)).collect())
    }

    /// Returns the number of those that are billed for longer than they ran, and nothing says why.
    pub fn unexplained_bills(&self) -> PolarsResult<u64> {
        Ok(u64::from(self.0.column("unexplainedBill")?.bool()?.sum().unwrap_or(0)))
    }
}
