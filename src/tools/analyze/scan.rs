//! What each worker does with its lines: find the invocations, and the groups that they belong to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::str::from_utf8;
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memchr;

use super::Options;
use super::group_by::GroupBy;
use super::groups::{GroupId, Row};
use super::repeats::Fingerprints;
use crate::columns::{Chunk, ChunkRow};
use crate::names::{Architecture, FunctionArn};
use crate::ndjson::{self, Scan, Scanner, SizeRef};
use crate::records::{Identification, Invocation, Measured, Outcome, SizeKey};
use crate::units::{BilledMillis, MemoryMB, Millis};

/// The groups of all workers.
pub(super) struct Sizes {
    options: Arc<Options>,
    fingerprints: Fingerprints,
    known: Mutex<Known>,
}

/// What the invocations of a group have in common.
type Key = (SizeKey, Option<Arc<str>>);

#[derive(Default)]
struct Known {
    groups: HashMap<Key, Option<GroupId>>,
    /// The key of each group, by its number.
    keys: Vec<Key>,
}

impl Sizes {
    pub fn new(options: Arc<Options>) -> Sizes {
        Sizes { options, fingerprints: Fingerprints::default(), known: Mutex::default() }
    }

    /// Returns the fields by which invocations are grouped.
    pub fn group_by(&self) -> &GroupBy {
        &self.options.group_by
    }

    /// Returns the row of an invocation; `None` if the price of its function is not known.
    ///
    /// # Errors
    /// The name of a field that is missing.
    pub fn row(&self, invocation: &Invocation, by: Option<Arc<str>>) -> Result<Option<Row>, &'static str> {
        let measured = Measured::of(invocation)?;
        let group = self.group((invocation.size_key(), by));
        Ok(group.map(|group| Row::of(group, &measured, &self.fingerprints)))
    }

    /// Returns the group of a size; `None` if the price of its function is not known.
    fn group(&self, key: Key) -> Option<GroupId> {
        let Known { groups, keys } = &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match groups.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let key = new.key().clone();
                let group = self.options.is_priced(&key.0).then(|| {
                    keys.push(key);
                    GroupId((keys.len() - 1).try_into().expect("fewer sizes than lines fit into memory"))
                });
                *new.insert(group)
            }
        }
    }

    /// Returns the size of a group, and the values of its other fields.
    pub fn size(&self, GroupId(number): GroupId) -> Key {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.keys[number as usize].clone()
    }
}

/// The state of a worker.
pub(super) struct InvocationScan {
    sizes: Arc<Sizes>,
    scanner: Scanner<Option<GroupId>>,
    met: Met,
}

/// The groups that a worker has met, by the function's ARN.
#[derive(Default)]
struct Met(HashMap<Box<str>, OfFunction>);

type OfFunction = HashMap<(Architecture, MemoryMB, Option<Arc<str>>), Option<GroupId>>;

impl Met {
    /// Returns the group of a size; `None` if the price of its function is not known, or if the ARN is none.
    fn group(&mut self, size: SizeRef, by: Option<Arc<str>>, sizes: &Sizes) -> Option<GroupId> {
        let SizeRef { function, architecture, memory } = size;
        let key = (architecture, memory, by);
        if let Some(group) = self.0.get(function).and_then(|of_function| of_function.get(&key)) {
            return *group;
        }
        let parsed: FunctionArn = function.parse().ok()?;
        let group = sizes.group((SizeKey { function: parsed, architecture, memory }, key.2.clone()));
        self.0.entry(function.into()).or_default().insert(key, group);
        group
    }
}

impl InvocationScan {
    pub fn new(sizes: Arc<Sizes>) -> InvocationScan {
        InvocationScan { scanner: Scanner::capturing(sizes.group_by().names()), sizes, met: Met::default() }
    }
}

impl Scan for InvocationScan {
    type Found = Vec<Row>;

    fn scan(&mut self, text: &[u8], rows: &mut Vec<Row>) -> Option<usize> {
        let InvocationScan { sizes, scanner, met } = self;
        let group_of = |size, values: &[Option<&[u8]>]| {
            let by = (!values.is_empty()).then(|| sizes.group_by().of_values(values));
            match by {
                Some(None) => None,
                by => met.group(size, by.flatten(), sizes),
            }
        };
        match scanner.scan(text, group_of) {
            Some(scanned) => {
                rows.push(Row::of(scanned.group?, &scanned.measured, &sizes.fingerprints));
                Some(scanned.length)
            }
            // It may be an invocation that is written in another way.
            None if sizes.group_by().is_empty() => {
                let length = memchr(b'\n', text)? + 1;
                let invocation = ndjson::invocation(from_utf8(&text[..length]).ok()?)?;
                rows.push(sizes.row(&invocation, None).ok()??);
                Some(length)
            }
            None => None,
        }
    }

    fn scan_chunk(&mut self, chunk: Chunk, rows: &mut Vec<Row>) -> io::Result<Option<u64>> {
        let InvocationScan { sizes, met, .. } = self;
        if !sizes.group_by().is_empty() {
            return Ok(None);
        }
        rows.reserve(chunk.rows());
        // The sizes of the function of the row before: most rows are of it.
        let mut last = String::new();
        let mut of_last: Vec<(Architecture, MemoryMB, GroupId)> = Vec::new();
        chunk.for_each(|row| {
            let function = row.function?;
            let architecture = match row.architecture {
                Some(name) => from_utf8(name).ok()?.parse().ok()?,
                None => Architecture::default(),
            };
            let memory = MemoryMB::new(row.memory?.try_into().ok()?)?;
            if function != last.as_bytes() {
                from_utf8(function).ok()?.clone_into(&mut last);
                of_last.clear();
            }
            let is_same =
                |(of, at, _): &&(Architecture, MemoryMB, GroupId)| (*of, *at) == (architecture, memory);
            let group = match of_last.iter().find(is_same) {
                Some((.., group)) => *group,
                None => {
                    let group = met.group(SizeRef { function: &last, architecture, memory }, None, sizes)?;
                    of_last.push((architecture, memory, group));
                    group
                }
            };
            rows.push(Row::of(group, &measured(&row)?, &sizes.fingerprints));
            Some(())
        })
    }
}

/// Returns the figures of a row, if they are those of a valid record.
fn measured<'a>(row: &ChunkRow<'a>) -> Option<Measured<'a>> {
    let millis = |value: Option<f64>| value.map_or(Some(None), |value| Millis::new(value).map(Some));
    let billed = |value: Option<i64>| match value {
        Some(value) => BilledMillis::new(value.try_into().ok()?).map(Some),
        None => Some(None),
    };
    let whole = |value: Option<i64>| value.map(u32::try_from).transpose().ok();
    let run = row.run.map(|run| from_utf8(run).ok()?.parse().ok()).map_or(Some(None), |run| run.map(Some))?;
    let wave = whole(row.wave)?;
    let run_of_wave = run.clone().filter(|_| wave.is_some());
    let identification = Identification::of(row.request_id, whole(row.index)?, || run);
    let outcome = match row.outcome {
        Some(name) => Outcome::named(from_utf8(name).ok()?)?,
        None => Outcome::default(),
    };
    let measured = Measured {
        identification,
        outcome,
        cold_start: row.cold_start,
        duration: millis(row.duration)?,
        init: millis(row.init)?,
        restore: millis(row.restore)?,
        billed: billed(row.billed)?,
        billed_restore: billed(row.billed_restore)?,
        max_memory_used: whole(row.max_memory_used)?,
        round: whole(row.round)?,
        wave,
        run_of_wave,
    };
    measured.missing().is_none().then_some(measured)
}
