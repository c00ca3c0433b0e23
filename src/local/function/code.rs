//! A function's code on this machine: an executable, a folder, a folder that a zip was unpacked into, or a recording.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::configuration::{Configuration, Runtime};
use super::recording::{Recording, ReplayRules};

#[derive(Debug)]
pub(crate) struct Code {
    /// `LAMBDA_TASK_ROOT`, and the process's working directory.
    root: PathBuf,
    /// The executable, if the code is a single file: it is its own bootstrap.
    executable: Option<PathBuf>,
    /// The base64 text that the API returns as `CodeSha256`.
    pub(crate) sha256: String,
    /// The API returns it as `CodeSize`.
    pub(crate) bytes: u64,
    /// Whether the service unpacked the folder, and so removes it.
    unpacked: bool,
    /// What is replayed instead of starting a process.
    pub(crate) recording: Option<Recording>,
}

impl Drop for Code {
    fn drop(&mut self) {
        if self.unpacked {
            // What can't be removed now is removed with the temporary directory.
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

impl Code {
    /// Opens the code at a path that the user named, and unpacks a zip into `temp_dir`.
    pub(crate) fn open(path: &Path, temp_dir: &Path) -> Result<Code, String> {
        let at_path = |error: io::Error| format!("{}: {error}", path.display());
        let path = path.canonicalize().map_err(at_path)?;
        let (root, executable) = if path.is_dir() {
            (path.clone(), None)
        } else {
            let mut magic = [0; 4];
            let read = File::open(&path).map_err(at_path)?.read_exact(&mut magic);
            if read.is_ok() && magic == *b"PK\x03\x04" {
                let zip = fs::read(&path).map_err(at_path)?;
                return Code::unzip(zip, temp_dir).map_err(|error| format!("{}: {error}", path.display()));
            }
            check_executable(&path)?;
            (path.parent().unwrap_or(Path::new("/")).to_owned(), Some(path.clone()))
        };
        let mut sum = Sha256::new();
        let bytes = hash(&path, &mut sum).map_err(at_path)?;
        let sha256 = BASE64_STANDARD.encode(sum.finalize());
        Ok(Code { root, executable, sha256, bytes, unpacked: false, recording: None })
    }

    /// Opens a recording, which is replayed as the function of this name.
    pub(crate) fn recorded(path: &Path, function: &str, rules: ReplayRules) -> Result<Code, String> {
        let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Code {
            root: PathBuf::new(),
            executable: None,
            sha256: BASE64_STANDARD.encode(Sha256::digest(&text)),
            bytes: text.len() as u64,
            unpacked: false,
            recording: Some(Recording::read(path, &text, function, rules)?),
        })
    }

    /// Unpacks a zip, as CreateFunction receives it, into a folder of its own in `temp_dir`.
    pub(crate) fn unzip(zip: Vec<u8>, temp_dir: &Path) -> Result<Code, String> {
        let sha256 = BASE64_STANDARD.encode(Sha256::digest(&zip));
        let bytes = zip.len() as u64;
        let root = temp_dir.join(uuid::Uuid::new_v4().to_string());
        let code = Code {
            root,
            executable: None,
            sha256,
            bytes,
            // From here on the folder is removed even if unpacking fails.
            unpacked: true,
            recording: None,
        };
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).map_err(|error| {
            format!(
                "Could not unzip uploaded file. Please check your file, then try to upload again: {error}"
            )
        })?;
        fs::create_dir_all(&code.root).map_err(|error| format!("{}: {error}", code.root.display()))?;
        archive.extract(&code.root).map_err(|error| format!("Could not unzip uploaded file: {error}"))?;
        Ok(code)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the command that starts a process of this code, or why it can't be started.
    pub(crate) fn command(&self, configuration: &Configuration) -> Result<Vec<PathBuf>, String> {
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

/// Returns the Python of the runtime's version that has the runtime client. Looks once for each runtime, because
/// starting Python takes a while.
fn python(runtime: &str) -> Result<PathBuf, String> {
    static FOUND: Mutex<BTreeMap<String, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found.entry(runtime.to_owned()).or_insert_with(|| find_python(runtime)).clone()
}

fn find_python(runtime: &str) -> Result<PathBuf, String> {
    let found: Vec<Python> =
        [runtime, "python3"].into_iter().filter_map(Python::with_runtime_client).collect();
    if let Some(python) = found.iter().find(|python| python.runtime == runtime) {
        return Ok(python.executable.clone());
    }
    // Another version takes another time, and it would not show in the measurement.
    Err(match found.first() {
        Some(other) => format!(
            "{runtime} is not here, but {0}: set runtime={0}, or install {runtime} and its awslambdaric",
            other.runtime
        ),
        None => format!(
            "no awslambdaric for {runtime}: neither {runtime} nor python3 can import it; run pip install awslambdaric"
        ),
    })
}

/// A Python that has the runtime client.
struct Python {
    executable: PathBuf,
    /// The runtime whose version it is, such as `python3.13`.
    runtime: String,
}

impl Python {
    fn with_runtime_client(command: &str) -> Option<Python> {
        const SCRIPT: &str =
            "import awslambdaric, sys; print('python%d.%d' % sys.version_info[:2]); print(sys.executable)";
        let output = std::process::Command::new(command)
            .args(["-c", SCRIPT])
            .stderr(std::process::Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (runtime, executable) = text.trim_end().split_once('\n')?;
        Some(Python { executable: executable.into(), runtime: runtime.to_owned() })
    }
}

fn check_executable(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
        return Ok(());
    }
    Err(format!(
        "{}: not an executable, a folder with an executable named bootstrap, or a zip",
        path.display()
    ))
}

/// Adds the names, lengths and modification times of all files to the sum, in an order that does not
/// depend on the file system, and returns the length of all files in bytes. It does not read the contents:
/// code that was never uploaded has no other sum to agree with, and reading it would delay each start.
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
    entries.iter().map(|entry| hash(&entry.path(), sum)).sum()
}
