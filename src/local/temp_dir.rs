//! The folder for unpacked code.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::mark;
use crate::error::Error;

/// A temporary directory, removed when it is dropped.
pub(super) struct TempDir(PathBuf);

impl TempDir {
    pub(super) fn create() -> Result<TempDir, Error> {
        let path = std::env::temp_dir().join(mark::own());
        // Only this user may put code there. A directory that exists already may be somebody else's, and is
        // an error.
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(Error::io(path.display().to_string()))?;
        Ok(TempDir(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // The system cleans up what can't be removed.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Removes the directories of killed `lpt-local` processes.
pub(super) fn remove_stale() {
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries {
        if entry.file_name().to_str().is_some_and(mark::is_stale) {
            // Another user's directory can't be removed, and stays.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
