//! The two files of a run, which are its own from the beginning on.

use std::path::{Path, PathBuf};

use crate::cli::save;
use crate::error::Error;
use crate::units::Timestamp;

/// The files of a run. They are removed if they are still empty at the end, unless they were there before.
#[derive(Debug)]
pub(super) struct Files {
    /// What lpt-prepare was about to change.
    pub plan: PathBuf,
    /// The records.
    pub records: PathBuf,
    created: Vec<PathBuf>,
}

impl Files {
    /// Creates both files, so that no other run has them. Without a name they are dated, in the current folder, such as
    /// f-20261127T204500Z.ndjson. Of the same second there may be several.
    ///
    /// # Errors
    /// One of them exists and may not be overwritten, or it cannot be written.
    pub fn claim(named: Option<PathBuf>, overwrites: bool, stem: &str) -> Result<Files, Error> {
        if let Some(records) = named {
            return Files::create(records, overwrites);
        }
        let now = Timestamp::now().to_string();
        let seconds = now.split('.').next().unwrap_or_default().replace(['-', ':'], "");
        let mut records = PathBuf::from(format!("{stem}-{seconds}Z.ndjson"));
        let mut number = 1;
        loop {
            match Files::create(records.clone(), false) {
                Err(_) if records.exists() || beside(&records).exists() => number += 1,
                claimed => return claimed,
            }
            records.set_file_name(format!("{stem}-{seconds}Z-{number}.ndjson"));
        }
    }

    fn create(records: PathBuf, overwrites: bool) -> Result<Files, Error> {
        let mut files = Files { plan: beside(&records), records, created: Vec::new() };
        for file in [&files.records, &files.plan] {
            match save::open(file, false) {
                Ok(_) => files.created.push(file.clone()),
                // The tool that writes it empties it, so that a flag that is refused loses no records.
                Err(_) if overwrites && file.exists() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    /// Returns those that have records.
    pub fn saved(&self) -> Vec<&Path> {
        [&*self.plan, &*self.records].into_iter().filter(|file| has_records(file)).collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for file in self.created.iter().filter(|file| !has_records(file)) {
            // The plan file is removed already if the run is undone.
            let _ = std::fs::remove_file(file);
        }
    }
}

fn beside(records: &Path) -> PathBuf {
    records.with_extension("plan.ndjson")
}

pub(super) fn has_records(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.len() > 0)
}
