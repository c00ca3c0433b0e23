//! A function's code on this machine: an executable, a folder, or a zip that was unpacked into one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::PermissionsExt;
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
        if path.is_dir() {
            let mut hash = Sha256::new();
            let size = hash_folder(&path, &mut hash).map_err(text)?;
            return Ok(Code {
                root: path,
                executable: None,
                sha256: BASE64_STANDARD.encode(hash.finalize()),
                size,
                unpacked: false,
            });
        }
        let mut file = File::open(&path).map_err(text)?;
        let mut magic = [0; 4];
        let is_zip = file.read_exact(&mut magic).is_ok() && magic == *b"PK\x03\x04";
        if is_zip {
            let bytes = fs::read(&path).map_err(text)?;
            return Code::unzip(bytes, workshop).map_err(|error| format!("{}: {error}", path.display()));
        }
        check_executable(&path)?;
        let mut hash = Sha256::new();
        let size = hash_file(&path, &mut hash).map_err(text)?;
        Ok(Code {
            root: path.parent().unwrap_or(Path::new("/")).to_owned(),
            executable: Some(path),
            sha256: BASE64_STANDARD.encode(hash.finalize()),
            size,
            unpacked: false,
        })
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

fn hash_file(path: &Path, hash: &mut Sha256) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(size);
        }
        hash.update(&buffer[..count]);
        size += count as u64;
    }
}

/// Names and contents, in an order that does not depend on the file system.
fn hash_folder(folder: &Path, hash: &mut Sha256) -> io::Result<u64> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut size = 0;
    for entry in entries {
        hash.update(entry.file_name().as_encoded_bytes());
        hash.update([0]);
        let path = entry.path();
        size += if path.is_dir() { hash_folder(&path, hash)? } else { hash_file(&path, hash)? };
    }
    Ok(size)
}
