//! Recorded invocations, which are replayed in place of code.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use csv::{ReaderBuilder, StringRecord};
use sha2::{Digest, Sha256};

use crate::quote::quoted;
use crate::units::{BilledMillis, MemoryMB, Millis};

/// The columns that a recording must have.
const REQUIRED: [&str; 4] = ["memorySizeMB", "environment", "durationMs", "billedDurationMs"];

/// How recordings are replayed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplayRules {
    pub(crate) seed: u64,
    /// The time without another request after which the requests so far are a whole wave.
    pub(crate) quiet: Duration,
}

/// A file of recorded invocations.
#[derive(Debug)]
pub(crate) struct Recording {
    file: String,
    function: String,
    rules: ReplayRules,
    /// The rows of each environment in their order, by the memory size and the environment's name.
    sizes: BTreeMap<MemoryMB, BTreeMap<String, Vec<Row>>>,
    /// How many environments were drawn for each size that was invoked, over all versions of the function.
    drawn: Mutex<BTreeMap<MemoryMB, u64>>,
}

/// A recorded invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) duration: Duration,
    pub(crate) billed_ms: u64,
    pub(crate) init: Option<Duration>,
    pub(crate) max_memory_used: Option<u32>,
}

impl Row {
    /// What is reported where the recording has nothing: the least that Lambda bills.
    pub(crate) const NOTHING: Row =
        Row { duration: Duration::ZERO, billed_ms: 1, init: None, max_memory_used: None };
}

/// The replayed environments of one runnable.
#[derive(Debug, Default)]
pub(crate) struct Replay(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The rows that are left to each idle environment, the one that was used last at the end.
    idle: Vec<std::vec::IntoIter<Row>>,
    /// How many requests have arrived.
    arrivals: u64,
}

impl Recording {
    /// Reads a recording. The environments are drawn by the name of the function and the seed.
    pub(crate) fn read(
        path: &Path,
        text: &[u8],
        function: &str,
        rules: ReplayRules,
    ) -> Result<Recording, String> {
        let file = path.display().to_string();
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(text);
        let unreadable = |error: csv::Error| format!("{file}: {error}");
        let header = reader.headers().map_err(unreadable)?.clone();
        if let Some(missing) = REQUIRED.iter().find(|name| !header.iter().any(|column| column == **name)) {
            return Err(format!(
                "{file}:1: no column {missing}; a recording has the columns {}",
                REQUIRED.join(", ")
            ));
        }
        let mut sizes: BTreeMap<_, BTreeMap<_, Vec<Row>>> = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(unreadable)?;
            let line = record.position().map_or(0, csv::Position::line);
            let (memory, environment, row) =
                read_row(&header, &record).map_err(|why| format!("{file}:{line}: {why}"))?;
            sizes.entry(memory).or_default().entry(environment).or_default().push(row);
        }
        if sizes.is_empty() {
            return Err(format!("{file}: no rows below the header"));
        }
        Ok(Recording { file, function: function.to_owned(), rules, sizes, drawn: Mutex::default() })
    }

    /// Returns the rows of a random environment of the recorded size that is nearest to `memory`. The same seed draws
    /// the same environments for a function and a size, whatever is invoked besides.
    fn draw(&self, memory: MemoryMB) -> Result<std::vec::IntoIter<Row>, String> {
        let distance = |recorded: &MemoryMB| recorded.get().abs_diff(memory.get());
        let nearest = self.sizes.iter().min_by_key(|(recorded, _)| distance(recorded));
        let (_, environments) = nearest
            .filter(|(recorded, _)| distance(recorded) * 100 <= memory.get() * 3)
            .ok_or_else(|| {
                let sizes: Vec<String> = self.sizes.keys().map(MemoryMB::to_string).collect();
                format!(
                    "{} has no invocations within 3 % of {memory} MB; use one of its sizes: {} MB",
                    self.file,
                    sizes.join(", ")
                )
            })?;
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let index = drawn.entry(memory).or_default();
        // A hash, because the draws of a size must not depend on how many were made for others.
        let sum = Sha256::digest(format!("{} {} {memory} {index}", self.rules.seed, self.function));
        *index += 1;
        let random = u32::from_be_bytes([sum[0], sum[1], sum[2], sum[3]]) as usize;
        let rows = environments.values().nth(random % environments.len());
        Ok(rows.expect("the remainder is less than the length").clone().into_iter())
    }
}

impl Replay {
    /// Returns the next row of the idle environment that was used last, or the first one of a new environment. It keeps
    /// its environment until a wave of parallel requests has arrived, so that each of these meets an environment of its
    /// own, as at Lambda.
    pub(crate) async fn next(&self, recording: &Recording, memory: MemoryMB) -> Result<Row, String> {
        let idle = {
            let mut state = self.state();
            state.arrivals += 1;
            state.idle.pop()
        };
        let mut rows = idle.map_or_else(|| recording.draw(memory), Ok)?;
        let row = rows.next().expect("an environment without rows has ended");
        let mut arrivals = self.state().arrivals;
        loop {
            tokio::time::sleep(recording.rules.quiet).await;
            let mut state = self.state();
            if state.arrivals == arrivals {
                if rows.len() > 0 {
                    state.idle.push(rows);
                }
                return Ok(row);
            }
            arrivals = state.arrivals;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the memory size, the environment and the invocation of a row.
fn read_row(header: &StringRecord, record: &StringRecord) -> Result<(MemoryMB, String, Row), String> {
    if record.len() != header.len() {
        let (cells, names) = (record.len(), header.len());
        return Err(format!("{cells} cells, and the header has {names} names; fix or delete that line"));
    }
    let cell = |name: &str| {
        header.iter().zip(record).find(|(column, _)| *column == name).map_or("", |(_, cell)| cell)
    };
    let wrong = |name: &str, what: &str| format!("{name} is {}, not {what}", quoted(cell(name)));
    let millis = |name: &str| -> Result<Duration, String> {
        let millis = cell(name).parse().ok().and_then(Millis::new);
        let millis = millis.ok_or_else(|| wrong(name, "a number of milliseconds"))?;
        Ok(Duration::from_secs_f64(millis.get() / 1000.0))
    };
    let optional = |name: &'static str| Some(name).filter(|name| !cell(name).is_empty());
    let memory = cell("memorySizeMB").parse().map_err(|error| format!("memorySizeMB: {error}"))?;
    let environment = optional("environment").map(cell).ok_or("environment is empty")?;
    let billed = cell("billedDurationMs").parse().ok().and_then(BilledMillis::new);
    let row = Row {
        duration: millis("durationMs")?,
        billed_ms: billed
            .filter(|billed| billed.0 >= 1)
            .ok_or_else(|| wrong("billedDurationMs", "a whole number of milliseconds from 1 up"))?
            .0,
        init: optional("initDurationMs").map(millis).transpose()?,
        max_memory_used: optional("maxMemoryUsedMB")
            .map(|name| cell(name).parse().map_err(|_| wrong(name, "a whole number of MB")))
            .transpose()?,
    };
    Ok((memory, environment.to_owned(), row))
}
