//! What the run has made and what is still to come, as far as it is known: the line of progress.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::message::counted;
use crate::names::FunctionArn;
use crate::progress::time_left;
use crate::records::{Configuration, ConfigurationState, Invocation, Plan, RunName};
use crate::units::{Currency, Money};

/// The counts over all functions.
#[derive(Debug)]
pub(super) struct Tally {
    begun: Instant,
    /// What lpt-prepare has still to publish of each function.
    coming: RefCell<HashMap<(RunName, FunctionArn), Coming>>,
    published: Cell<u64>,
    /// When a version was last published.
    last_published: Cell<Instant>,
    made: Cell<u64>,
    errors: Cell<u64>,
    /// The greatest round of an adaptive run so far.
    round: Cell<Option<u32>>,
    paces: RefCell<Vec<Rc<Pace>>>,
}

/// The versions of a function that are still to come.
#[derive(Debug)]
struct Coming {
    versions: u64,
    /// The versions of a size.
    of_size: u64,
    /// The invocations of a version.
    invocations: u32,
}

/// How fast one size is measured.
#[derive(Debug, Default)]
pub(super) struct Pace {
    made: Cell<u32>,
    left: Cell<u32>,
    begun: Cell<Option<Instant>>,
    last_made: Cell<Option<Instant>>,
}

/// The invocations of one version that are still to be made. When it is dropped, none of them is.
#[derive(Debug)]
pub(super) struct Share {
    pace: Rc<Pace>,
    left: Cell<u32>,
}

impl Tally {
    pub fn new() -> Tally {
        let now = Instant::now();
        Tally {
            begun: now,
            coming: RefCell::default(),
            published: Cell::default(),
            last_published: Cell::new(now),
            made: Cell::default(),
            errors: Cell::default(),
            round: Cell::default(),
            paces: RefCell::default(),
        }
    }

    /// Notes the versions that a plan announces, with so many invocations each.
    pub fn expect(&self, plan: &Plan, invocations: u32) {
        let of_size = u64::from(plan.versions_of_a_size());
        let versions = plan.power_values.len() as u64 * of_size;
        let key = (plan.run_id.clone(), plan.function_arn.clone());
        self.coming.borrow_mut().insert(key, Coming { versions, of_size, invocations });
    }

    /// Notes that a version was published, or that no other of its size will be.
    pub fn note_configuration(&self, configuration: &Configuration) {
        let Configuration { run_id, function_arn, index, .. } = configuration;
        let done = match configuration.state {
            ConfigurationState::Creating => return,
            ConfigurationState::Ready => {
                self.published.update(|published| published + 1);
                self.last_published.set(Instant::now());
                |_, _| 1
            }
            ConfigurationState::Failed => |of_size: u64, index: u32| of_size.saturating_sub(index.into()),
        };
        if let Some(coming) = self.coming.borrow_mut().get_mut(&(run_id.clone(), function_arn.clone())) {
            let done = done(coming.of_size, index.unwrap_or(0));
            coming.versions = coming.versions.saturating_sub(done);
        }
    }

    /// Notes that no more versions of a function come.
    pub fn end_of(&self, function: &FunctionArn) {
        self.coming.borrow_mut().retain(|(_, of), _| of != function);
    }

    /// Notes that no more versions come.
    pub fn end(&self) {
        self.coming.borrow_mut().clear();
    }

    /// Returns the pace of another size.
    pub fn pace(&self) -> Rc<Pace> {
        let pace = Rc::<Pace>::default();
        self.paces.borrow_mut().push(Rc::clone(&pace));
        pace
    }

    pub fn note_invocation(&self, invocation: &Invocation) {
        self.made.update(|made| made + 1);
        self.errors.update(|errors| errors + u64::from(!invocation.outcome.is_usable()));
        self.round.update(|round| round.max(invocation.round));
    }

    /// Returns the line. `stopping`: nothing more is sent. `is_adaptive`: how much is sent is decided on the way.
    pub fn line(&self, spent: &str, stopping: bool, is_adaptive: bool) -> String {
        let coming = self.coming.borrow();
        let versions: u64 = coming.values().map(|coming| coming.versions).sum();
        let later: u64 = coming.values().map(|of| of.versions.saturating_mul(of.invocations.into())).sum();
        let now: u64 = self.paces.borrow().iter().map(|pace| u64::from(pace.left.get())).sum();
        let (made, published) = (self.made.get(), self.published.get());
        let mut parts = Vec::new();
        if stopping {
            parts.push("stopping".to_owned());
        } else if versions == 0 && made + now == 0 {
            return "waiting for lpt-prepare".to_owned();
        } else if versions > 0 {
            parts.push(format!("publishing {published} of {}", published + versions));
        }
        if let Some(round) = self.round.get().filter(|round| *round > 0 && !stopping) {
            parts.push(format!("round {round}"));
        }
        parts.push(match made + now + later {
            _ if stopping => counted(made, "invocation"),
            most if is_adaptive => format!("{made} of at most {}", counted(most, "invocation")),
            all => format!("{made} of {}", counted(all, "invocation")),
        });
        if self.errors.get() > 0 {
            parts.push(counted(self.errors.get(), "error"));
        }
        if !spent.is_empty() {
            parts.push(spent.to_owned());
        }
        if !stopping && now + later == 0 {
            parts.push("waiting for lpt-prepare".to_owned());
        } else if !stopping && !is_adaptive {
            parts.push(time_left(self.left(versions)));
        }
        parts.join(" · ")
    }

    /// Returns the time that is left, by the pace of each size so far: all sizes are measured side by side. `versions`:
    /// those still to come. Returns `None` as long as the pace of one is not known.
    fn left(&self, versions: u64) -> Option<Duration> {
        let mut end = self.begun;
        let mut longest = None;
        for pace in self.paces.borrow().iter().filter(|pace| pace.made.get() > 0 || pace.left.get() > 0) {
            let (begun, last) = pace.begun.get().zip(pace.last_made.get())?;
            let of_one = last.duration_since(begun) / pace.made.get();
            end = end.max(last + of_one * pace.left.get());
            longest = longest.max(Some(of_one * pace.made.get().saturating_add(pace.left.get())));
        }
        if versions > 0 {
            // Nobody knows the next sizes, but larger ones are seldom slower.
            let published = self.last_published.get();
            let few = |count| u32::try_from(count).unwrap_or(u32::MAX);
            let of_one = published.duration_since(self.begun).checked_div(few(self.published.get()))?;
            end = end.max(published + of_one * few(versions) + longest?);
        }
        Some(end.saturating_duration_since(Instant::now()))
    }
}

impl Pace {
    /// Notes that the first invocation is about to be made.
    pub fn begin(&self) {
        self.begun.set(self.begun.get().or_else(|| Some(Instant::now())));
    }
}

impl Share {
    pub fn new(pace: &Rc<Pace>, invocations: u32) -> Share {
        pace.left.update(|left| left + invocations);
        Share { pace: Rc::clone(pace), left: Cell::new(invocations) }
    }

    /// Notes that an invocation was made.
    pub fn note_made(&self) {
        self.pace.made.update(|made| made + 1);
        self.pace.last_made.set(Some(Instant::now()));
        let one = self.left.get().min(1);
        self.left.update(|left| left - one);
        self.pace.left.update(|left| left - one);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pace.left.update(|left| left - self.left.get());
    }
}

/// Returns the amounts that are not zero.
pub(super) fn in_money(amounts: &BTreeMap<Currency, Money>) -> String {
    let amounts = amounts.iter().filter(|(_, amount)| amount.0 > 0.0);
    let amounts = amounts.map(|(currency, amount)| format!("{amount} {currency}"));
    amounts.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_F: &str = r#""runId":"r","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:f""#;

    fn plan(more: &str) -> Plan {
        let plan = format!(
            r#"{{"type":"plan",{OF_F},"schemaVersion":1,"architecture":"x86_64","packageType":"Zip","snapStart":false,
            "originalMemorySizeMB":128,"originalRevisionId":"r","codeSha256":"c","powerValues":[128,256,512],
            "createdAt":"2026-11-23T07:23:47.643Z",{more}}}"#
        );
        serde_json::from_str(&plan).expect("a plan")
    }

    fn configuration(more: &str) -> Configuration {
        let configuration =
            format!(r#"{{"type":"configuration",{OF_F},"architecture":"x86_64","alias":"a",{more}}}"#);
        serde_json::from_str(&configuration).expect("a configuration")
    }

    fn note_made(tally: &Tally, share: &Share, outcome: &str) {
        let invocation = format!(
            r#"{{"type":"invocation",{OF_F},"memorySizeMB":128,"outcome":"{outcome}","durationMs":1,"billedDurationMs":1}}"#
        );
        tally.note_invocation(&serde_json::from_str(&invocation).expect("an invocation"));
        share.note_made();
    }

    #[test]
    fn the_counts_end_at_the_totals_whatever_is_left_out() {
        let tally = Tally::new();
        assert_eq!(tally.line("", false, false), "waiting for lpt-prepare");
        tally.expect(&plan(r#""num":2,"onlyColdStarts":false"#), 2);
        assert_eq!(tally.line("", false, false), "publishing 0 of 3 · 0 of 6 invocations · ? left");
        tally.note_configuration(&configuration(r#""memorySizeMB":128,"state":"ready","version":"1""#));
        let pace = tally.pace();
        let share = Share::new(&pace, 2);
        pace.begin();
        note_made(&tally, &share, "ok");
        note_made(&tally, &share, "timeout");
        assert_eq!(
            tally.line("1 USD", false, false),
            "publishing 1 of 3 · 2 of 6 invocations · 1 error · 1 USD · 1 s left"
        );
        tally.note_configuration(&configuration(r#""memorySizeMB":256,"state":"failed","errorType":"E""#));
        tally.note_configuration(&configuration(r#""memorySizeMB":512,"state":"ready","version":"2""#));
        let given_up = Share::new(&tally.pace(), 2);
        assert_eq!(tally.line("", false, false), "2 of 4 invocations · 1 error · ? left");
        assert_eq!(tally.line("", true, false), "stopping · 2 invocations · 1 error");
        drop(given_up);
        assert_eq!(tally.line("", false, false), "2 of 2 invocations · 1 error · waiting for lpt-prepare");
    }

    #[test]
    fn a_size_of_cold_starts_that_is_refused_takes_its_other_versions_with_it() {
        let tally = Tally::new();
        tally.expect(&plan(r#""num":5,"onlyColdStarts":true"#), 1);
        assert!(tally.line("", false, false).starts_with("publishing 0 of 15 · 0 of 15 "));
        tally.note_configuration(&configuration(
            r#""memorySizeMB":128,"index":1,"state":"failed","errorType":"E""#,
        ));
        assert!(tally.line("", false, false).starts_with("publishing 0 of 11 · 0 of 11 "));
        tally.end_of(&plan(r#""num":5,"onlyColdStarts":true"#).function_arn);
        assert_eq!(tally.line("", false, false), "waiting for lpt-prepare");
    }

    #[test]
    fn a_race_has_no_total_but_a_limit() {
        let tally = Tally::new();
        let share = Share::new(&tally.pace(), 23);
        note_made(&tally, &share, "ok");
        tally.round.set(Some(2));
        assert_eq!(tally.line("", false, true), "round 2 · 1 of at most 23 invocations");
    }

    #[test]
    fn a_plan_of_more_versions_than_fit_32_bits_is_counted() {
        let tally = Tally::new();
        tally.expect(&plan(r#""num":4294967295,"onlyColdStarts":true"#), 1);
        let (versions, line) = (3 * u64::from(u32::MAX), tally.line("", false, false));
        assert_eq!(line, format!("publishing 0 of {versions} · 0 of {versions} invocations · ? left"));
    }
}
