//! lpt-local as the service of a bench.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The name of the function, which waits.
pub const FUNCTION: &str = "f";

/// A service that ends with this value.
pub struct Service {
    process: Child,
    /// The environment variables by which a tool reaches it.
    pub variables: Vec<(String, String)>,
}

impl Service {
    /// Starts lpt-local with these arguments and a function that has all the CPU that it wants.
    pub fn start(arguments: &[&str]) -> Service {
        let program = env!("CARGO_BIN_EXE_lpt-local");
        let waiting = Path::new(program).with_file_name("examples/network-bound");
        let mut process = Command::new(program)
            .args(["--cpu", "unlimited", "--cores", "unlimited"])
            .args(["--function", &format!("{FUNCTION}={}", waiting.display())])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .expect("lpt-local starts");
        let mut messages = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let exported = messages
            .find_map(|line| Some(line.ok()?.split_once("export ")?.1.to_owned()))
            .expect("lpt-local prints how to reach it");
        std::thread::spawn(move || messages.for_each(drop));
        let variables = exported.split(' ').filter_map(|assignment| {
            let (name, value) = assignment.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        Service { process, variables: variables.collect() }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It ends its functions.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
