//! The money of the run: what its invocations have cost so far, and what those in flight may cost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use tokio::sync::{Mutex, Notify};

use crate::message::counted;
use crate::names::{Architecture, FunctionArn};
use crate::price::{PriceList, Terms};
use crate::records::{Invocation, Outcome, Plan, SizeKey};
use crate::units::{BilledMillis, Currency, Money};

/// The one account of all functions and sizes, so that what is in flight at the same time cannot pass the limit together.
pub(super) struct Budget {
    prices: PriceList,
    /// The amount that the run may not pass, in the currency of the region.
    most: Option<Money>,
    state: RefCell<State>,
    /// Locked by whoever asks for money, so that those who need less do not overtake those who wait.
    queue: Mutex<()>,
    /// Wakes the one who waits for money that is reserved.
    settled: Notify,
}

#[derive(Default)]
struct State {
    terms: BTreeMap<(FunctionArn, Architecture), Terms>,
    /// The invocations that are recorded.
    invocations: u64,
    /// By currency.
    spent: BTreeMap<Currency, Money>,
    reserved: BTreeMap<Currency, Money>,
    reservations: usize,
    /// The longest billed duration at each size, of the invocations that ended by themselves or at the timeout.
    longest: BTreeMap<SizeKey, BilledMillis>,
    left_out: u64,
    /// The lowest of the amounts that one of those that were left out may cost.
    cheapest: Option<(Money, Currency)>,
}

/// Money for invocations in flight, until it is dropped.
pub(super) struct Reservation<'a> {
    budget: &'a Budget,
    /// None: no limit has to be kept.
    amount: Option<(Money, Currency)>,
}

impl State {
    fn terms(&mut self, prices: &PriceList, size: &SizeKey) -> &Terms {
        let of_function = (size.function.clone(), size.architecture);
        let terms = self.terms.entry(of_function);
        terms.or_insert_with(|| Terms::of(prices, (&size.function, size.architecture), None))
    }

    /// Returns the most that one invocation may cost: as long as the longest so far at this size or else at the next
    /// smaller one, which has less CPU, or else as long as the function's timeout allows.
    fn most_of_one(&mut self, prices: &PriceList, size: &SizeKey) -> Option<(Money, Currency)> {
        let known = self.longest.range(..=size).next_back();
        let known = known
            .filter(|(other, _)| other.function == size.function && other.architecture == size.architecture);
        let longest = known.map(|(_, longest)| *longest);
        let terms = self.terms(prices, size);
        terms.cost(size.memory, longest.unwrap_or(terms.bound), true)
    }
}

impl Budget {
    /// Returns the account of a run that may not pass an amount.
    pub fn new(most: Option<Money>) -> Budget {
        Budget {
            prices: PriceList::embedded(),
            most,
            state: RefCell::default(),
            queue: Mutex::default(),
            settled: Notify::new(),
        }
    }

    /// Notes the plan of a function, which says what else than memory is billed.
    pub fn note_plan(&self, plan: &Plan) {
        let terms = Terms::of(&self.prices, (&plan.function_arn, plan.architecture), Some(plan));
        self.state.borrow_mut().terms.insert((plan.function_arn.clone(), plan.architecture), terms);
    }

    /// Adds an invocation that is recorded.
    pub fn add(&self, invocation: &Invocation) {
        let (state, size) = (&mut *self.state.borrow_mut(), invocation.size_key());
        state.invocations += 1;
        if !invocation.outcome.is_charged() {
            return;
        }
        // Without a report, no more is billed than the time that this machine saw.
        let seen = invocation.client_duration_ms.map(|seen| BilledMillis(seen.get().ceil() as u64));
        let billed = invocation.billed_duration_ms.or(seen).unwrap_or(BilledMillis(0));
        let is_cold = invocation.cold_start == Some(true);
        let cost = state.terms(&self.prices, &size).cost(size.memory, billed, is_cold);
        if let Some((cost, currency)) = cost {
            let spent = state.spent.entry(currency).or_default();
            *spent = *spent + cost;
        }
        // A function that fails may do so early.
        if invocation.outcome.is_usable() || invocation.outcome == Outcome::Timeout {
            let longest = state.longest.entry(size).or_insert(billed);
            longest.0 = longest.0.max(billed.0);
        }
    }

    /// Returns the number of invocations that are recorded.
    pub fn invocations(&self) -> u64 {
        self.state.borrow().invocations
    }

    /// Returns what was spent, by currency.
    pub fn spent(&self) -> BTreeMap<Currency, Money> {
        self.state.borrow().spent.clone()
    }

    /// Returns the cost of one invocation, and its currency; `None` if its price is not known.
    pub fn cost(&self, size: &SizeKey, billed: BilledMillis, is_cold: bool) -> Option<(Money, Currency)> {
        let mut state = self.state.borrow_mut();
        state.terms(&self.prices, size).cost(size.memory, billed, is_cold)
    }

    /// Reserves the most that so many invocations of a size may cost together. While it is not there, waits for those in
    /// flight, which may cost less than is reserved for them. Returns `None` if they would pass the limit even then.
    pub async fn reserve(&self, size: &SizeKey, count: u64) -> Option<Reservation<'_>> {
        let _turn = self.queue.lock().await;
        loop {
            if let Some(reservation) = self.reserve_now(size, count) {
                return Some(reservation);
            }
            if self.state.borrow().reservations == 0 {
                return None;
            }
            self.settled.notified().await;
        }
    }

    fn reserve_now(&self, size: &SizeKey, count: u64) -> Option<Reservation<'_>> {
        let Some(most) = self.most else {
            return Some(Reservation { budget: self, amount: None });
        };
        let mut state = self.state.borrow_mut();
        // Without a price nothing is known of the cost.
        let (of_one, currency) = state.most_of_one(&self.prices, size)?;
        let amount = Money(of_one.0 * count as f64);
        let spent = state.spent.get(&currency).copied().unwrap_or_default();
        let reserved = state.reserved.entry(currency.clone()).or_default();
        if (spent + *reserved + amount).0 > most.0 {
            return None;
        }
        *reserved = *reserved + amount;
        state.reservations += 1;
        Some(Reservation { budget: self, amount: Some((amount, currency)) })
    }

    /// Notes invocations that are not made because they may pass the limit.
    pub fn leave_out(&self, size: &SizeKey, count: u64) {
        let state = &mut *self.state.borrow_mut();
        state.left_out += count;
        let of_one = state.most_of_one(&self.prices, size);
        state.cheapest =
            state.cheapest.take().into_iter().chain(of_one).min_by(|a, b| a.0.0.total_cmp(&b.0.0));
    }

    /// Says how many invocations were left out, if any were.
    pub fn left_out(&self) -> Option<String> {
        let (state, most) = (self.state.borrow(), self.most?);
        let left_out = counted(state.left_out, "invocation");
        let why = match &state.cheapest {
            Some((money, currency)) => format!("one of them may cost {money} {currency}"),
            None => "their price is not known".to_owned(),
        };
        (state.left_out > 0).then(|| format!("--max-cost {} leaves out {left_out}, because {why}", most.0))
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some((amount, currency)) = self.amount.take() {
            let mut state = self.budget.state.borrow_mut();
            state.reservations -= 1;
            let reserved = state.reserved.entry(currency).or_default();
            reserved.0 -= amount.0;
            self.budget.settled.notify_one();
        }
    }
}

/// Says what was spent.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        let verb = if state.invocations == 1 { "was" } else { "were" };
        write!(f, "{} {verb} made", counted(state.invocations, "invocation"))?;
        for (at, (currency, amount)) in state.spent.iter().enumerate() {
            let before = if at == 0 { ", and cost about" } else { " and" };
            write!(f, "{before} {amount} {currency}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;
    use crate::units::MemoryMB;

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

    fn size(megabytes: u32) -> SizeKey {
        SizeKey {
            function: FUNCTION.parse().expect("an ARN"),
            architecture: Architecture::X86_64,
            memory: MemoryMB::new(megabytes).expect("a memory size"),
        }
    }

    fn plan(more: &str) -> Plan {
        let plan = format!(
            r#"{{"type":"plan","runId":"r","schemaVersion":1,"functionArn":"{FUNCTION}","architecture":"x86_64",
            "packageType":"Zip","originalMemorySizeMB":128,"originalRevisionId":"r","codeSha256":"c","powerValues":[128],
            "num":10,"onlyColdStarts":false,"createdAt":"2026-11-23T07:23:47.643Z",{more}}}"#
        );
        serde_json::from_str(&plan).expect("a plan")
    }

    fn invoked(megabytes: u32, more: &str) -> Invocation {
        let invocation = format!(
            r#"{{"type":"invocation","functionArn":"{FUNCTION}","memorySizeMB":{megabytes},"coldStart":true,{more}}}"#
        );
        serde_json::from_str(&invocation).expect("an invocation")
    }

    /// Asserts the most that an invocation of a size may cost in nano-USD: per GB-second, and 200 for its request.
    #[track_caller]
    fn assert_most(budget: &Budget, megabytes: u32, nano: f64) {
        let most =
            budget.state.borrow_mut().most_of_one(&budget.prices, &size(megabytes)).expect("a price").0;
        assert!((most.0 * 1e9 - nano).abs() < 0.1, "{} and {nano}", most.0 * 1e9);
    }

    const GB_SECOND: f64 = 16666.7;

    #[test]
    fn what_is_not_measured_may_take_as_long_as_the_timeout_and_no_longer_than_at_a_smaller_size() {
        let budget = Budget::new(None);
        // Without a plan, the timeout may be the longest.
        assert_most(&budget, 1024, 910.0 * GB_SECOND + 200.0);
        budget.note_plan(&plan(r#""snapStart":false,"timeoutSeconds":5"#));
        assert_most(&budget, 1024, 15.0 * GB_SECOND + 200.0);
        // An error may come early.
        budget.add(&invoked(512, r#""outcome":"out-of-memory","durationMs":1,"billedDurationMs":1"#));
        assert_most(&budget, 1024, 15.0 * GB_SECOND + 200.0);
        for billed in ["2000", "3000", "1000"] {
            budget.add(&invoked(512, &format!(r#""durationMs":{billed},"billedDurationMs":{billed}"#)));
        }
        assert_most(&budget, 1024, 3.0 * GB_SECOND + 200.0);
        assert_most(&budget, 512, 1.5 * GB_SECOND + 200.0);
        assert_most(&budget, 256, 15.0 / 4.0 * GB_SECOND + 200.0);
        budget.add(&invoked(1024, r#""durationMs":900.5,"billedDurationMs":1000"#));
        assert_most(&budget, 2048, 2.0 * GB_SECOND + 200.0);
    }

    #[test]
    fn storage_and_restored_snapshots_are_counted() {
        let spent = |more: &str, invocation: &str| {
            let budget = Budget::new(None);
            budget.note_plan(&plan(more));
            budget.add(&invoked(1024, invocation));
            let state = budget.state.borrow();
            (state.spent.values().next().expect("an amount").0 * 1e9).round()
        };
        let second = r#""durationMs":1000,"billedDurationMs":1000"#;
        assert_eq!(spent(r#""snapStart":false"#, second), 16867.0);
        // 2 GB are charged for, by 30.9 nano-USD a GB-second.
        assert_eq!(spent(r#""snapStart":false,"ephemeralStorageMB":2560"#, second), 16929.0);
        assert_eq!(spent(r#""snapStart":true,"runtime":"python3.13""#, second), 16867.0 + 139_800.0);
        assert_eq!(spent(r#""snapStart":true,"runtime":"java21""#, second), 16867.0);
        // Without a report, the time that this machine saw is the most that is billed.
        let unreported = r#""outcome":"no-report","clientDurationMs":999.5"#;
        assert_eq!(spent(r#""snapStart":false"#, unreported), 16867.0);
        assert_eq!(
            spent(r#""snapStart":false"#, r#""outcome":"ok","durationMs":1000,"billedDurationMs":1000"#),
            16867.0
        );
    }

    #[tokio::test]
    async fn money_is_reserved_once_and_whoever_needs_it_waits_until_it_is_known_to_be_spent() {
        let budget = Budget::new(Some(Money(0.000_020)));
        budget.note_plan(&plan(r#""snapStart":false,"timeoutSeconds":1"#));
        // At 128 MB one may cost 11 s / 8 × 16.7 + 0.2 = 23.1 micro-USD.
        assert!(
            budget.reserve(&size(128), 1).await.is_none(),
            "nothing is in flight that may turn out cheaper"
        );
        budget.add(&invoked(128, r#""durationMs":4000,"billedDurationMs":4000"#));
        // 8.5 micro-USD are spent, and each one more may cost as much.
        let first = budget.reserve(&size(128), 1).await.expect("there are 11.5 left");
        let key = size(128);
        let mut second = pin!(budget.reserve(&key, 1));
        assert!(poll!(&mut second).is_pending());
        drop(first);
        let std::task::Poll::Ready(Some(second)) = poll!(&mut second) else {
            panic!("the first one has cost nothing");
        };
        budget.add(&invoked(128, r#""durationMs":4000,"billedDurationMs":4000"#));
        drop(second);
        assert!(budget.reserve(&size(128), 1).await.is_none());
        assert_eq!(budget.left_out(), None);
        budget.leave_out(&size(128), 2);
        let said = "--max-cost 0.00002 leaves out 2 invocations, because one of them may cost 0.0000085 USD";
        assert_eq!(budget.left_out().as_deref(), Some(said));
    }
}
