//! What `--verbose` shows: the steps of the work, and given twice also what is sent, what comes back, and where the SDK
//! finds its credentials.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::message;

/// Shows the events of this process from here on, as lines on stderr.
pub(crate) fn show(verbosity: u8) {
    let targets = match verbosity {
        0 => return,
        1 => Targets::new().with_target("lpt", LevelFilter::DEBUG),
        // The rest of the SDK is left out: it traces each byte that it sends.
        _ => Targets::new()
            .with_target("lpt", LevelFilter::TRACE)
            .with_target("aws_config", LevelFilter::DEBUG),
    };
    let events = tracing_subscriber::registry().with(Lines.with_filter(targets));
    // Only the first one is set.
    let _ = tracing::subscriber::set_global_default(events);
}

/// Makes a line of each event.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        message::detail(text.0);
    }
}

/// The message of an event, and behind it the fields that it has.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
