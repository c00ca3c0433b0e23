//! A function's code on this machine: an executable, a folder, or a zip that was unpacked into one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::function::{Configuration, Runtime};

/// Code that can be started.
#[derive(Debug)]
pub struct Code {
    /// `LAMBDA_TASK_ROOT`, and where the process starts.
    root: PathBuf,
    /// An executable by itself, which is its own bootstrap.
    executable: Option<PathBuf>,
    /// As `CodeSha256` gives it.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
    /// Unpacked by us, so removed by us.
    unpacked: bool,
}

impl Drop for Code {
    fn drop(&mut self) {
        if self.unpacked {
            // Whatever is left goes with the workshop at the end.
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

impl Code {
    /// The code at a path that the user named; a zip is unpacked into `workshop`.
    pub fn at(path: &Path, workshop: &Path) -> Result<Code, String> {
        let text = |error: io::Error| format!("{}: {error}", path.display());
        let path = path.canonicalize().map_err(text)?;
        let (root, executable) = if path.is_dir() {
            (path.clone(), None)
        } else {
            let mut magic = [0; 4];
            let begins = File::open(&path).map_err(text)?.read_exact(&mut magic);
            if begins.is_ok() && magic == *b"PK\x03\x04" {
                let bytes = fs::read(&path).map_err(text)?;
                return Code::unzip(bytes, workshop).map_err(|error| format!("{}: {error}", path.display()));
            }
            check_executable(&path)?;
            (path.parent().unwrap_or(Path::new("/")).to_owned(), Some(path.clone()))
        };
        let mut sum = Sha256::new();
        let size = hash(&path, &mut sum).map_err(text)?;
        Ok(Code { root, executable, sha256: BASE64_STANDARD.encode(sum.finalize()), size, unpacked: false })
    }

    /// The code in a zip, as CreateFunction gets it.
    pub fn unzip(bytes: Vec<u8>, workshop: &Path) -> Result<Code, String> {
        let sha256 = BASE64_STANDARD.encode(Sha256::digest(&bytes));
        let size = bytes.len() as u64;
        let root = workshop.join(uuid::Uuid::new_v4().to_string());
        let code = Code {
            root,
            executable: None,
            sha256,
            size,
            // From here on the folder is removed also where unpacking fails.
            unpacked: true,
        };
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            format!(
                "Could not unzip uploaded file. Please check your file, then try to upload again: {error}"
            )
        })?;
        fs::create_dir_all(&code.root).map_err(|error| format!("{}: {error}", code.root.display()))?;
        archive.extract(&code.root).map_err(|error| format!("Could not unzip uploaded file: {error}"))?;
        Ok(code)
    }

    /// Where the process starts.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The command that starts a process of this code, or why there is none.
    pub fn command(&self, configuration: &Configuration) -> Result<Vec<PathBuf>, String> {
        match &configuration.runtime {
            Runtime::Provided(_) => {
                let bootstrap = match &self.executable {
                    Some(executable) => executable.clone(),
                    None => self.root.join("bootstrap"),
                };
                check_executable(&bootstrap)?;
                Ok(vec![bootstrap])
            }
            Runtime::Python(name) => Ok(vec![
                python(name)?,
                "-m".into(),
                "awslambdaric".into(),
                configuration.handler.clone().into(),
            ]),
        }
    }
}

/// The Python that the runtime names, else `python3`, whichever has the runtime client. Asked once for
/// each runtime, for the answer takes a while.
fn python(runtime: &str) -> Result<PathBuf, String> {
    static FOUND: Mutex<BTreeMap<String, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found.entry(runtime.to_owned()).or_insert_with(|| find_python(runtime)).clone()
}

fn find_python(runtime: &str) -> Result<PathBuf, String> {
    [runtime, "python3"]
        .iter()
        .find_map(|name| {
            let asked = std::process::Command::new(name)
                .args(["-c", "import awslambdaric, sys; print(sys.executable)"])
                .stderr(std::process::Stdio::null())
                .output()
                .ok()
                .filter(|output| output.status.success())?;
            Some(PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim_end()))
        })
        .ok_or_else(|| {
            format!("no awslambdaric for {runtime}: neither {runtime} nor python3 can import it; pip install awslambdaric")
        })
}

fn check_executable(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
        return Ok(());
    }
    Err(format!("{}: not an executable, a folder with one named bootstrap, or a zip", path.display()))
}

/// Names, sizes and times of change, in an order that does not depend on the file system. Code that was
/// never uploaded has no other sum to agree with, and to read all of it would hold up each start.
fn hash(path: &Path, sum: &mut Sha256) -> io::Result<u64> {
    let metadata = fs::metadata(path)?;
    sum.update(path.as_os_str().as_encoded_bytes());
    sum.update([0]);
    if !metadata.is_dir() {
        sum.update(metadata.len().to_le_bytes());
        sum.update(metadata.mtime().to_le_bytes());
        sum.update(metadata.mtime_nsec().to_le_bytes());
        return Ok(metadata.len());
    }
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let sizes = entries.iter().map(|entry| hash(&entry.path(), sum));
    sizes.sum()
}
