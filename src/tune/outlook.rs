//! What a run will do, and what it costs at most.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Options;
use super::files::has_records;
use crate::message::{self, counted};
use crate::names::{Architecture, FunctionArn, FunctionRef};
use crate::ndjson::Lines;
use crate::price::{PriceList, Terms};
use crate::progress::in_words;
use crate::quote::operand;
use crate::records::{Invocation, Plan, Record as _};
use crate::tools::invoke::{self, WAVE};
use crate::units::{BilledMillis, Currency, MemoryMB, Money};

/// How much an adaptive run measures at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Race {
    /// The number of invocations of a size, without its warm-up.
    pub max_per_size: u32,
    /// The number of sizes that it may add.
    pub refine: u32,
}

/// The seconds that AWS takes for a version: the change of the function before it, "a second or two" (lpt(7)).
const SECONDS_PER_VERSION: f64 = 2.0;

/// What a run will do at most.
#[derive(Debug)]
pub(super) struct Outlook {
    functions: Vec<FunctionRef>,
    sizes: Vec<MemoryMB>,
    /// The number of sizes that may be added to those.
    refine: u64,
    invocations_per_size: u64,
    versions_per_size: u64,
    rate: u32,
    /// The invocations that one after another take the longest: at most one size after the other in a race, and
    /// otherwise those of one size.
    in_series: u64,
    /// What the last run of the same functions tells, if its file is in the current folder.
    estimate: Option<Estimate>,
}

impl Outlook {
    /// Returns what `options` ask for. The names of the files of earlier runs begin with `stem`.
    pub fn of(options: &Options, stem: &str) -> Outlook {
        let plan = &options.plan;
        let race = options.race.filter(|_| !plan.dry_run);
        // A dry run makes one invocation of each size, and one version.
        let num = if plan.dry_run { 1 } else { u64::from(plan.num) };
        let wave = u64::from(WAVE);
        let mut outlook = Outlook {
            functions: plan.functions.iter().map(|callee| callee.function().clone()).collect(),
            sizes: plan.power_values.sizes().to_vec(),
            refine: race.map_or(0, |race| race.refine.into()),
            // The first wave warms a size up.
            invocations_per_size: race.map_or(num, |race| u64::from(race.max_per_size) + wave),
            versions_per_size: if plan.only_cold_starts { num } else { 1 },
            rate: options.rate,
            in_series: 1,
            estimate: None,
        };
        outlook.in_series = match race {
            Some(_) => outlook.all_sizes() * outlook.invocations_per_size.div_ceil(wave),
            None if options.is_parallel => 1,
            None => outlook.invocations_per_size,
        };
        outlook.estimate = last_run(stem).and_then(|file| outlook.by(&file));
        outlook
    }

    /// Returns the number of sizes of a function, with those that may be added.
    fn all_sizes(&self) -> u64 {
        self.sizes.len() as u64 + self.refine
    }

    fn invocations(&self) -> u64 {
        self.functions.len() as u64 * self.all_sizes() * self.invocations_per_size
    }

    /// Returns the number of requests to the control plane.
    fn requests(&self) -> u64 {
        let functions = self.functions.len() as u64;
        let versions = functions * self.all_sizes() * self.versions_per_size;
        invoke::requests(functions, versions)
    }

    /// Returns the seconds for publishing and cleaning up. Functions are published side by side.
    fn seconds(&self) -> f64 {
        let changes = (self.all_sizes() * self.versions_per_size + 2) as f64 * SECONDS_PER_VERSION;
        match self.rate {
            0 => changes,
            rate => changes.max(self.requests() as f64 / f64::from(rate)),
        }
    }

    /// Says what the run will do.
    pub fn show(&self) {
        let sizes = match (self.sizes.iter().min(), self.sizes.iter().max()) {
            (Some(min), Some(max)) if min != max => format!("from {min} to {max} MB"),
            (min, _) => min.map_or_else(String::new, |size| format!("of {size} MB")),
        };
        let functions = match &self.functions[..] {
            [one] => one.to_string(),
            all => format!("{} functions", all.len()),
        };
        message::note(format_args!(
            "{functions}: {} {sizes}, at most {}",
            counted(self.all_sizes(), "size"),
            counted(self.invocations(), "invocation")
        ));
        message::note(format_args!(
            "publishing and cleaning up: about {}, {}",
            span(self.seconds()),
            counted(self.requests(), "control-plane request")
        ));
        match &self.estimate {
            Some(Estimate { file, seconds, cost }) => {
                let cost = cost.as_ref().map(|(cost, currency)| format!(" and {cost} {currency}"));
                message::note(format_args!(
                    "measuring: at most {}{}, if invocations take no longer than in {}",
                    span(*seconds),
                    cost.unwrap_or_default(),
                    operand(file)
                ));
            }
            None => message::note("measuring: how long it takes and what it costs, the first answers tell"),
        }
    }

    /// Returns what to ask if the run may cost more than `most`.
    pub fn question(&self, most: Option<Money>) -> Option<String> {
        let (cost, currency) = self.estimate.as_ref()?.cost.as_ref()?;
        let most = most.filter(|most| cost.0 > most.0)?;
        Some(format!("lpt-invoke may have to stop at --max-cost {} {currency}; begin?", most.0))
    }

    /// Returns what the records of an earlier run tell. `None` if they are of other functions.
    fn by(&self, file: &Path) -> Option<Estimate> {
        let mut measured = BTreeMap::<(FunctionArn, Architecture), BTreeMap<MemoryMB, Longest>>::new();
        let mut plans = BTreeMap::<FunctionArn, Plan>::new();
        for line in Lines::of_files(&[file.to_owned()]).map_while(Result::ok) {
            let Ok(record_type) = line.record_type() else {
                continue;
            };
            if record_type == Plan::TYPE {
                if let Ok(plan) = line.parse::<Plan>() {
                    plans.insert(plan.function_arn.clone(), plan);
                }
            } else if record_type == Invocation::TYPE
                && let Ok(invocation) = line.parse::<Invocation>()
                && let Some(billed) = invocation.billed_duration_ms
            {
                let seconds = invocation.client_duration_ms.map_or(0.0, |millis| millis.get() / 1000.0);
                let sizes = measured.entry((invocation.function_arn, invocation.architecture)).or_default();
                let longest = sizes.entry(invocation.memory_size).or_default();
                *longest =
                    Longest { billed: longest.billed.max(billed), seconds: longest.seconds.max(seconds) };
            }
        }
        let is_measured = |named: &FunctionRef| measured.keys().any(|(function, _)| named.may_be(function));
        let is_named = |(function, _): &_| self.functions.iter().any(|named| named.may_be(function));
        if !self.functions.iter().all(is_measured) || !measured.keys().all(is_named) {
            return None;
        }
        let prices = PriceList::embedded();
        let estimates = measured.iter().map(|((function, architecture), sizes)| {
            let terms = Terms::of(&prices, (function, *architecture), plans.get(function));
            self.of_function(sizes, &terms)
        });
        let (seconds, cost) = estimates.reduce(|(seconds, cost), (others, of_other)| {
            let sum = cost.zip(of_other).filter(|((_, currency), (_, other))| currency == other);
            (seconds.max(others), sum.map(|((cost, currency), (other, _))| (cost + other, currency)))
        })?;
        Some(Estimate { file: file.display().to_string(), seconds, cost })
    }

    /// Returns the seconds and the cost of measuring a function, by the longest invocations of its sizes. The cost is `None`
    /// if the price is not known.
    fn of_function(
        &self,
        sizes: &BTreeMap<MemoryMB, Longest>,
        terms: &Terms,
    ) -> (f64, Option<(Money, Currency)>) {
        let longest: Vec<_> = self.sizes.iter().filter_map(|size| Some((*size, at(sizes, *size)?))).collect();
        let costs: Option<Vec<(Money, Currency)>> =
            longest.iter().map(|(size, longest)| terms.cost(*size, longest.billed, true)).collect();
        let cost = costs.and_then(|costs| {
            let dearest = costs.iter().map(|(cost, _)| cost.0).fold(0.0, f64::max);
            let of_each = costs.iter().map(|(cost, _)| cost.0).sum::<f64>() + dearest * self.refine as f64;
            Some((Money(of_each * self.invocations_per_size as f64), costs.first()?.1.clone()))
        });
        let longest = longest.iter().map(|(_, longest)| longest.seconds).fold(0.0, f64::max);
        (longest * self.in_series as f64, cost)
    }
}

/// Returns a time span as people say it. The figures of a file may be as large as they like.
fn span(seconds: f64) -> String {
    in_words(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// The time and the cost of the measuring, by an earlier run.
#[derive(Debug)]
struct Estimate {
    file: String,
    seconds: f64,
    /// None: a price is not known.
    cost: Option<(Money, Currency)>,
}

/// The longest invocation of a size.
#[derive(Debug, Clone, Copy)]
struct Longest {
    billed: BilledMillis,
    /// As this machine saw it.
    seconds: f64,
}

impl Default for Longest {
    fn default() -> Longest {
        Longest { billed: BilledMillis(0), seconds: 0.0 }
    }
}

/// Returns the longest invocation that a size may have. A size that was not measured is no slower than the next smaller
/// one. Below the smallest one, CPU shrinks in proportion to memory: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
fn at(sizes: &BTreeMap<MemoryMB, Longest>, size: MemoryMB) -> Option<Longest> {
    if let Some((_, longest)) = sizes.range(..=size).next_back() {
        return Some(*longest);
    }
    let (smallest, longest) = sizes.iter().next()?;
    let factor = f64::from(smallest.get()) / f64::from(size.get());
    let billed = BilledMillis((longest.billed.0 as f64 * factor).ceil() as u64);
    Some(Longest { billed, seconds: longest.seconds * factor })
}

/// Returns the file of the last run in the current folder that has records. `lpt-tune` puts the date behind the `stem` of
/// its name, and a number behind that if there are several of a second.
fn last_run(stem: &str) -> Option<PathBuf> {
    let names = std::fs::read_dir(".").ok()?.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let dated = names.filter_map(|name| Some((date(&name, stem)?, name)));
    // This run's own file is there, and empty.
    dated.filter(|(_, name)| has_records(Path::new(name))).max().map(|(_, name)| PathBuf::from(name))
}

/// Returns the date and the number in the name of the file of a run.
fn date(name: &str, stem: &str) -> Option<(String, u32)> {
    let dated = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(".ndjson")?;
    let (date, number) = dated.split_once('Z')?;
    let number = if number.is_empty() { 1 } else { number.strip_prefix('-')?.parse().ok()? };
    let is_date = date.len() == "20261127T204500".len()
        && date.bytes().all(|byte| byte == b'T' || byte.is_ascii_digit());
    is_date.then(|| (date.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_runs_of_a_second_the_one_with_the_highest_number_is_the_last() {
        let runs =
            ["f-20261127T204500Z-10", "f-20261127T204500Z-2", "f-20261127T204500Z", "f-20261127T204459Z"];
        let dates = runs.map(|run| date(&format!("{run}.ndjson"), "f"));
        assert!(dates.is_sorted_by(|later, earlier| later > earlier) && dates[3].is_some(), "{dates:?}");
        for other in ["f-20261127T204500Z.plan.ndjson", "f-g-20261127T204500Z.ndjson", "f-mine.ndjson"] {
            assert_eq!(date(other, "f"), None, "{other}");
        }
    }

    fn outlook(functions: &[&str]) -> Outlook {
        Outlook {
            functions: functions.iter().map(|name| name.parse().expect("a function")).collect(),
            sizes: vec![MemoryMB::new(1024).expect("a size")],
            refine: 0,
            invocations_per_size: 10,
            versions_per_size: 1,
            rate: 0,
            in_series: 10,
            estimate: None,
        }
    }

    /// The prices are those of eu-west-1, as the tests of src/tools/invoke/budget.rs have them.
    #[test]
    fn an_earlier_run_tells_what_the_same_functions_cost() {
        let folder = std::env::temp_dir().join(uuid::Uuid::now_v7().to_string());
        let by = |functions: &[&str], more: &str| {
            let plan = format!(
                r#"{{"type":"plan","runId":"r","schemaVersion":1,"functionArn":"arn:aws:lambda:eu-west-1:123456789012:function:f",
                "architecture":"x86_64","packageType":"Zip","originalMemorySizeMB":128,"originalRevisionId":"r",
                "codeSha256":"c","powerValues":[1024],"num":10,"onlyColdStarts":false,
                "createdAt":"2026-11-23T07:23:47.643Z",{more}}}"#
            );
            let invocation = r#"{"type":"invocation","functionArn":"arn:aws:lambda:eu-west-1:123456789012:function:f","memorySizeMB":1024,"durationMs":1000,"billedDurationMs":1000,"clientDurationMs":1100}"#;
            let text = format!("{}\n{invocation}\n", plan.replace('\n', ""));
            std::fs::write(&folder, text).expect("a file");
            outlook(functions).by(&folder)
        };
        let cost = |more: &str| {
            let estimate = by(&["f"], more).expect("an estimate");
            assert!((estimate.seconds - 11.0).abs() < 1e-9);
            (estimate.cost.expect("a price").0.0 * 1e9).round()
        };
        let plain = cost(r#""snapStart":false"#);
        assert_eq!(plain, 168_667.0);
        assert!(cost(r#""snapStart":false,"ephemeralStorageMB":2560"#) > plain);
        assert!(cost(r#""snapStart":true,"runtime":"python3.13""#) > plain);
        for others in [&["g"][..], &["f", "g"], &["arn:aws:lambda:eu-west-1:123456789012:function:g"]] {
            assert!(by(others, r#""snapStart":false"#).is_none(), "{others:?}");
        }
        assert!(by(&["123456789012:function:f"], r#""snapStart":false"#).is_some());
        std::fs::remove_file(&folder).expect("a file");
    }
}
