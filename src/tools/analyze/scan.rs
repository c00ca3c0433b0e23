//! What each worker does with its lines: find the invocations, and the groups that they belong to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::str::from_utf8;
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memchr;

use super::Options;
use super::groups::{GroupId, Row};
use super::repeats::Fingerprints;
use crate::names::{Architecture, FunctionArn};
use crate::ndjson::{self, Scan, Scanner, SizeRef};
use crate::records::{Invocation, Measured, SizeKey};
use crate::units::MemoryMB;

/// The groups of all workers.
pub(super) struct Sizes {
    options: Arc<Options>,
    fingerprints: Fingerprints,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    groups: HashMap<SizeKey, Option<GroupId>>,
    /// The size of each group, by its number.
    sizes: Vec<SizeKey>,
}

impl Sizes {
    pub fn new(options: Arc<Options>) -> Sizes {
        Sizes { options, fingerprints: Fingerprints::default(), known: Mutex::default() }
    }

    /// Returns the row of an invocation; `None` if the price of its function is not known.
    ///
    /// # Errors
    /// The name of a field that is missing.
    pub fn row(&self, invocation: &Invocation) -> Result<Option<Row>, &'static str> {
        let measured = Measured::of(invocation)?;
        let group = self.group(invocation.size_key());
        Ok(group.map(|group| Row::of(group, &measured, &self.fingerprints)))
    }

    /// Returns the group of a size; `None` if the price of its function is not known.
    fn group(&self, size: SizeKey) -> Option<GroupId> {
        let Known { groups, sizes } = &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match groups.entry(size) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let size = new.key().clone();
                let group = self.options.is_priced(&size).then(|| {
                    sizes.push(size);
                    GroupId((sizes.len() - 1).try_into().expect("fewer sizes than lines fit into memory"))
                });
                *new.insert(group)
            }
        }
    }

    /// Returns the size of a group.
    pub fn size(&self, GroupId(number): GroupId) -> SizeKey {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.sizes[number as usize].clone()
    }
}

/// The groups of a function, by architecture and memory size.
type OfFunction = Vec<(Architecture, MemoryMB, Option<GroupId>)>;

/// The state of a worker.
pub(super) struct InvocationScan {
    sizes: Arc<Sizes>,
    scanner: Scanner<Option<GroupId>>,
    /// The groups that this worker has met, by the function's ARN.
    met: HashMap<Box<str>, OfFunction>,
}

impl InvocationScan {
    pub fn new(sizes: Arc<Sizes>) -> InvocationScan {
        InvocationScan { sizes, scanner: Scanner::default(), met: HashMap::new() }
    }
}

impl Scan for InvocationScan {
    type Found = Vec<Row>;

    fn scan(&mut self, text: &[u8], rows: &mut Vec<Row>) -> Option<usize> {
        let InvocationScan { sizes, scanner, met } = self;
        let group_of = |size: SizeRef| {
            let of_function = met.get(size.function);
            let met_before = of_function.into_iter().flatten().find(|(architecture, memory, _)| {
                (architecture, memory) == (&size.architecture, &size.memory)
            });
            if let Some((.., group)) = met_before {
                return *group;
            }
            let function: FunctionArn = size.function.parse().expect("the scanner has checked it");
            let key = SizeKey { function, architecture: size.architecture, memory: size.memory };
            let group = sizes.group(key);
            met.entry(size.function.into()).or_default().push((size.architecture, size.memory, group));
            group
        };
        match scanner.scan(text, group_of) {
            Some(scanned) => {
                rows.push(Row::of(scanned.group?, &scanned.measured, &sizes.fingerprints));
                Some(scanned.length)
            }
            None => {
                // It may be an invocation that is written in another way.
                let length = memchr(b'\n', text)? + 1;
                let invocation = ndjson::invocation(from_utf8(&text[..length]).ok()?)?;
                rows.push(sizes.row(&invocation).ok()??);
                Some(length)
            }
        }
    }
}
