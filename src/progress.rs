//! The line of progress on stderr: what is done, what is still to come. One tool of a pipe shows it.
//!
//! All the tools of a pipe write to the same terminal and know nothing of each other. So the cursor waits at the
//! beginning of the line, and each message erases the line first, whoever has drawn it. Whoever has draws it again below.

use std::io::{IsTerminal, Write as _, stderr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

static LINE: Mutex<Option<ProgressBar>> = Mutex::new(None);
static IS_HIDDEN: AtomicBool = AtomicBool::new(false);

/// Whether stderr is a terminal that can erase a line.
static CAN_ERASE: LazyLock<bool> = LazyLock::new(|| obeys_codes(&stderr()));

/// Whether a stream is a terminal that obeys escape codes.
pub(crate) fn obeys_codes(stream: &impl IsTerminal) -> bool {
    let obeys = |name: std::ffi::OsString| !name.is_empty() && name != "dumb";
    stream.is_terminal() && std::env::var_os("TERM").is_some_and(obeys)
}

/// The time after which work is worth a line, where it may be over at once.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The time between two drawings.
const INTERVAL: Duration = Duration::from_millis(100);

/// Shows no line if `hidden`.
pub(crate) fn set_hidden(hidden: bool) {
    IS_HIDDEN.store(hidden, Ordering::Relaxed);
}

/// Does the `work`. If that takes longer than `delay`, shows the line, which is asked for ten times a second.
pub(crate) async fn during<T>(
    delay: Duration,
    line: impl Fn() -> String,
    work: impl Future<Output = T>,
) -> T {
    if IS_HIDDEN.load(Ordering::Relaxed) || !*CAN_ERASE {
        return work.await;
    }
    let mut work = pin!(work);
    let mut ticks = interval_at(Instant::now() + delay, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let result = loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => draw(line()),
            result = &mut work => break result,
        }
    };
    clear();
    result
}

fn draw(text: String) {
    let mut shown = shown();
    let bar = shown.get_or_insert_with(|| {
        let style = ProgressStyle::with_template("{wide_msg}").expect("the template is valid");
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
    });
    bar.set_message(text);
    to_start();
}

/// Clears the line.
pub(crate) fn clear() {
    if let Some(bar) = shown().take() {
        bar.finish_and_clear();
    }
}

/// Writes to the terminal beside the line.
pub(crate) fn aside<T>(write: impl FnOnce() -> T) -> T {
    match &*shown() {
        Some(bar) => {
            let written = bar.suspend(write);
            to_start();
            written
        }
        None => write(),
    }
}

/// Returns what erases the line that this tool or another one has drawn.
pub(crate) fn erased() -> &'static str {
    if *CAN_ERASE { "\r\x1b[K" } else { "" }
}

/// Returns a time span as people say it.
pub(crate) fn in_words(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{} s", seconds.max(1)),
        seconds @ 120..3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Says how long the work will go on; `None`: that is not known yet.
pub(crate) fn time_left(left: Option<Duration>) -> String {
    left.map_or_else(|| "? left".to_owned(), |left| format!("{} left", in_words(left)))
}

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Moves the cursor from the end of the line, where indicatif leaves it.
fn to_start() {
    let _ = stderr().write_all(b"\r");
}
