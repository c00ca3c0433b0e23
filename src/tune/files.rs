//! The files of a run, which are its own from the beginning on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::cli::save;
use crate::error::Error;
use crate::message;
use crate::ndjson::Lines;
use crate::quote::operand;
use crate::records::{Cleaned, End, Plan, Record, Selection};
use crate::units::Timestamp;

/// The files of a run. They are removed if they are still empty at the end, unless they were there before.
#[derive(Debug)]
pub(super) struct Files {
    /// What lpt-prepare was about to change.
    pub plan: PathBuf,
    /// What was measured: the records that lpt-invoke writes.
    pub records: PathBuf,
    /// What became of it: the records that lpt-cleanup writes.
    pub result: PathBuf,
    created: Vec<PathBuf>,
}

impl Files {
    /// Creates the files, so that no other run has them. Without a name they are dated, in the current folder, such as
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
                Err(_) if [&records].into_iter().chain(&beside(&records)).any(|file| file.exists()) => {
                    number += 1
                }
                claimed => return claimed,
            }
            records.set_file_name(format!("{stem}-{seconds}Z-{number}.ndjson"));
        }
    }

    fn create(records: PathBuf, overwrites: bool) -> Result<Files, Error> {
        let [plan, result] = beside(&records);
        let mut files = Files { plan, records, result, created: Vec::new() };
        // A run that is undone leaves no plan.
        if has_records(&files.plan) {
            return Err(Error::Usage(format!(
                "--save {}: has the plan of a run that may not be undone; run {}, and remove it",
                files.plan.display(),
                files.cleanup_command()
            )));
        }
        for file in [&files.records, &files.plan, &files.result] {
            match save::open(file, false) {
                Ok(_) => files.created.push(file.clone()),
                // The tool that writes it empties it, so that a flag that is refused loses no records.
                Err(_) if overwrites && file.exists() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    /// Opens the file of the result, which is empty then.
    pub fn open_result(&self) -> Result<File, Error> {
        let opened = File::create(&self.result);
        opened.map_err(Error::io(self.result.display().to_string()))
    }

    /// Opens a file for the statistics, which [`Files::end_analysis`] puts before the rest of the result.
    pub fn begin_analysis(&self) -> Result<File, Error> {
        let path = self.analysis();
        File::create(&path).map_err(Error::io(path.display().to_string()))
    }

    /// Puts the statistics before the rest of the result: the stream that the whole pipe would have made.
    pub fn end_analysis(&self) -> Result<(), Error> {
        let (path, result) = (self.analysis(), &self.result);
        let joined = || {
            let analyzed = fs::read_to_string(&path)?;
            // The end of the result is that of both.
            let end = format!("{{\"type\":\"{}\"", End::TYPE);
            let analyzed = analyzed.split_inclusive('\n').filter(|line| !line.starts_with(&end));
            let whole = analyzed.collect::<String>() + &fs::read_to_string(result)?;
            fs::write(&path, whole)?;
            fs::rename(&path, result)
        };
        joined().map_err(|error| {
            // The result is as it was.
            let _ = fs::remove_file(&path);
            Error::io(result.display().to_string())(error)
        })
    }

    fn analysis(&self) -> PathBuf {
        let name = self.result.file_name().unwrap_or_default().to_string_lossy();
        self.result.with_file_name(format!(".{name}.analysis"))
    }

    /// Whether lpt-cleanup has removed everything, as it says.
    pub fn is_cleaned(&self) -> bool {
        has::<Cleaned>(&self.result)
    }

    /// Returns those that undo the run, if they have records.
    pub fn saved(&self) -> Vec<&Path> {
        [&*self.plan, &*self.records].into_iter().filter(|file| has_records(file)).collect()
    }

    /// Returns the command that undoes the run.
    pub fn cleanup_command(&self) -> String {
        let saved: Vec<String> = self.saved().into_iter().map(typed).collect();
        format!("lpt-cleanup {}", saved.join(" "))
    }

    /// Whether a size was selected.
    pub fn has_selection(&self) -> bool {
        has::<Selection>(&self.result)
    }

    /// Whether lpt-prepare has planned anything.
    pub fn has_plan(&self) -> bool {
        has::<Plan>(&self.plan) || has::<Plan>(&self.records)
    }

    /// Tells the user where the records are, and what to do with a result.
    pub fn say_where(&self, is_applied: bool) {
        let [records, result] = [&self.records, &self.result].map(|file| typed(file));
        if self.has_selection() {
            message::note(format_args!("the records are in {records} and {result}"));
            if !is_applied {
                message::note(format_args!(
                    "the function is as before; to apply the size: lpt-apply {result}"
                ));
            }
            message::note(format_args!("for a page: lpt-plot {result} {records} --output report.html"));
        } else if has_records(&self.records) {
            let and = if has_records(&self.result) { format!(" and {result}") } else { String::new() };
            message::note(format_args!("the records are in {records}{and}"));
        }
    }

    /// Removes those of a run that has not begun.
    pub fn discard(&self) {
        for file in &self.created {
            // It may be gone already.
            let _ = fs::remove_file(file);
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for file in self.created.iter().filter(|file| !has_records(file)) {
            // The plan file is removed already if the run is undone.
            let _ = fs::remove_file(file);
        }
    }
}

/// Returns the name of a file as a shell reads it.
pub(super) fn typed(file: &Path) -> String {
    operand(&file.display().to_string())
}

/// Returns the files of the plan and of the result, beside that of the records.
fn beside(records: &Path) -> [PathBuf; 2] {
    ["plan.ndjson", "result.ndjson"].map(|extension| records.with_extension(extension))
}

fn has<R: Record>(file: &PathBuf) -> bool {
    let mut lines = Lines::of_files(std::slice::from_ref(file)).map_while(Result::ok);
    lines.any(|line| line.record_type().is_ok_and(|record_type| record_type == R::TYPE))
}

pub(super) fn has_records(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.len() > 0)
}
