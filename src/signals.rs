//! The signals that end a process: SIGINT, SIGTERM and SIGHUP.

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

use crate::error::Error;

/// Listens for them, so that they do not end this process.
pub(crate) struct Signals {
    int: unix::Signal,
    term: unix::Signal,
    hangup: unix::Signal,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Signals, Error> {
        let listen = |kind| signal(kind).map_err(Error::io("signal"));
        Ok(Signals {
            int: listen(SignalKind::interrupt())?,
            term: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. None is lost if the wait is given up.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.int.recv() => Signal::INT,
            _ = self.term.recv() => Signal::TERM,
            _ = self.hangup.recv() => Signal::HUP,
        }
    }
}
