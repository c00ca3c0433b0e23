//! A terminal, and what people see on it.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A terminal of 80 by 24 characters.
pub struct Terminal {
    own: OwnedFd,
    written: JoinHandle<Vec<u8>>,
}

/// What was written to a terminal.
#[derive(Debug)]
pub struct Shown {
    pub raw: String,
    /// What is left on it.
    pub screen: String,
    /// Each line of progress as it was drawn.
    pub lines: Vec<String>,
}

impl Terminal {
    pub fn new() -> Terminal {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let name = ptsname(&user, Vec::new()).unwrap();
        let own = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&own, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let written = std::thread::spawn(move || {
            let (mut user, mut bytes, mut buffer) = (File::from(user), Vec::new(), [0; 4096]);
            loop {
                match user.read(&mut buffer) {
                    // Linux says EIO once nobody has the terminal open any more.
                    Ok(0) | Err(_) => return bytes,
                    Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                }
            }
        });
        Terminal { own, written }
    }

    /// Returns a stream of the terminal, for a process.
    pub fn stream(&self) -> Stdio {
        self.own.try_clone().unwrap().into()
    }

    /// Runs a command to its end with its stderr on the terminal.
    pub fn run(self, mut command: Command) -> (Output, Shown) {
        let output = command.env("TERM", "xterm").stderr(self.stream()).output().unwrap();
        drop(command);
        (output, self.shown())
    }

    /// Returns what is shown, after all processes have ended.
    pub fn shown(self) -> Shown {
        Shown::of(self.bytes())
    }

    /// Returns the lines that were written, after all processes have ended.
    pub fn text(self) -> String {
        self.bytes().replace("\r\n", "\n")
    }

    fn bytes(self) -> String {
        drop(self.own);
        String::from_utf8(self.written.join().unwrap()).unwrap()
    }
}

impl Shown {
    /// Does what a terminal does with carriage returns, newlines, and the erasure of a line.
    fn of(raw: String) -> Shown {
        let (mut screen, mut lines) = (vec![Vec::new()], Vec::new());
        let mut column = 0;
        let mut characters = raw.chars();
        while let Some(character) = characters.next() {
            let line: &mut Vec<char> = screen.last_mut().unwrap();
            match character {
                '\r' => column = 0,
                '\n' => screen.push(Vec::new()),
                '\x1b' => {
                    let code: String = characters.by_ref().take_while(|c| *c != 'K').collect();
                    assert!(["[", "[2"].contains(&&*code), "another code: {code:?} in {raw:?}");
                    let kept = if code == "[" { column } else { 0 };
                    let text: String = line.drain(kept.min(line.len())..).collect();
                    lines.push(text.trim_end().to_owned());
                }
                other => {
                    line.resize(line.len().max(column + 1), ' ');
                    line[column] = other;
                    column += 1;
                }
            }
        }
        lines.retain(|line| !line.is_empty());
        let screen: Vec<String> = screen.iter().map(|line| line.iter().collect()).collect();
        Shown { raw, screen: screen.join("\n"), lines }
    }
}
