//! Quantities with their units: parsed once at the edge, so that none is taken for another.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserializer, Error as _, Unexpected, Visitor};
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::text::serde_as_text;

/// Memory of a function in MiB, which AWS writes MB: 128 to 10,240 in steps of 1.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct MemoryMB(u32);

impl MemoryMB {
    /// The least that Lambda gives.
    pub const MIN: MemoryMB = MemoryMB(128);
    /// The most that Lambda gives; new accounts stop at 3,008.
    pub const MAX: MemoryMB = MemoryMB(10_240);
    /// Where a function has one whole vCPU; in proportion below and above.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
    pub const ONE_VCPU: MemoryMB = MemoryMB(1_769);

    /// A size that Lambda can have, or nothing.
    pub fn new(megabytes: u32) -> Option<MemoryMB> {
        (Self::MIN.0..=Self::MAX.0).contains(&megabytes).then_some(MemoryMB(megabytes))
    }

    /// The number of MiB.
    pub fn get(self) -> u32 {
        self.0
    }

    /// In GB as Lambda bills them, of 1,024 MB.
    pub fn gigabytes(self) -> f64 {
        f64::from(self.0) / 1024.0
    }

    /// The share of vCPUs that comes with this memory: 1.0 at 1,769 MB.
    pub fn vcpus(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE_VCPU.0)
    }
}

impl fmt::Display for MemoryMB {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text or a number is no memory size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a memory size is an integer from 128 to 10240 MB, not {0}")]
pub struct NoMemorySize(String);

impl FromStr for MemoryMB {
    type Err = NoMemorySize;

    fn from_str(text: &str) -> Result<MemoryMB, NoMemorySize> {
        text.parse().ok().and_then(MemoryMB::new).ok_or_else(|| NoMemorySize(text.to_owned()))
    }
}

/// The size of a function's `/tmp` in MiB, which AWS writes MB: 512 to 10,240.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StorageMB(u32);

impl StorageMB {
    /// What each function has for free.
    pub const FREE: StorageMB = StorageMB(512);

    /// A size that Lambda can have, or nothing.
    pub fn new(megabytes: u32) -> Option<StorageMB> {
        (Self::FREE.0..=10_240).contains(&megabytes).then_some(StorageMB(megabytes))
    }

    /// In GB of 1,024 MB, what is not free of it.
    pub fn billed_gigabytes(self) -> f64 {
        f64::from(self.0 - Self::FREE.0) / 1024.0
    }
}

/// Longer than any time span that can be meant, 31 years; sums of such stay exact.
const LONGEST_MS: u64 = 1_000_000_000_000;

/// A time span in milliseconds, finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
pub struct Millis(f64);

impl Millis {
    /// A time span that can be, or nothing.
    pub fn new(milliseconds: f64) -> Option<Millis> {
        // -0.0 is not negative, yet would print as such.
        (0.0..=LONGEST_MS as f64).contains(&milliseconds).then_some(Millis(milliseconds + 0.0))
    }

    /// A measured time span, to the microsecond: clocks tell no more.
    pub fn of(span: Duration) -> Millis {
        Millis(span.as_micros() as f64 / 1000.0)
    }

    /// The number of milliseconds.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A time span as Lambda bills it, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct BilledMillis(pub u64);

impl BilledMillis {
    /// A time span that can be, or nothing.
    pub fn new(milliseconds: u64) -> Option<BilledMillis> {
        (milliseconds <= LONGEST_MS).then_some(BilledMillis(milliseconds))
    }

    /// What this time costs in GB-seconds with `memory`.
    pub fn gb_seconds(self, memory: MemoryMB) -> GbSeconds {
        self.with_gigabytes(memory.gigabytes())
    }

    /// What this time costs in GB-seconds with `storage`, of which a part is free.
    pub fn storage_gb_seconds(self, storage: StorageMB) -> GbSeconds {
        self.with_gigabytes(storage.billed_gigabytes())
    }

    fn with_gigabytes(self, gigabytes: f64) -> GbSeconds {
        // A span of 2^53 ms is 285,000 years: the conversion is exact.
        GbSeconds(gigabytes * self.0 as f64 / 1000.0)
    }
}

/// The unit that Lambda's compute is billed in: one GB (1,024 MB) for one second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct GbSeconds(pub f64);

/// An amount of money; which, the `currency` beside it says.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
pub struct Money(pub f64);

impl Money {
    /// What a million of these cost, a figure that people can picture.
    pub fn million(self) -> f64 {
        self.0 * 1e6
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::default(), Add::add)
    }
}

/// A currency's ISO 4217 code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency(String);

impl Currency {
    /// United States dollars.
    pub fn usd() -> Currency {
        Currency("USD".to_owned())
    }

    /// Chinese yuan.
    pub fn cny() -> Currency {
        Currency("CNY".to_owned())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Currency {
    type Err = String;

    fn from_str(text: &str) -> Result<Currency, String> {
        let is_code = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        is_code
            .then(|| Currency(text.to_owned()))
            .ok_or_else(|| format!("a currency is a code of three capitals, such as USD, not {text:?}"))
    }
}

/// A moment, RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// This moment, by this machine's clock.
    pub fn now() -> Timestamp {
        Timestamp(OffsetDateTime::now_utc().truncate_to_millisecond())
    }

    /// So many seconds and nanoseconds after 1970 began; `None` where RFC 3339 has no such year.
    pub fn from_unix(seconds: u64, nanoseconds: u32) -> Option<Timestamp> {
        let since = time::Duration::new(i64::try_from(seconds).ok()?, nanoseconds.try_into().ok()?);
        let time = OffsetDateTime::UNIX_EPOCH.checked_add(since)?;
        Some(Timestamp(time.truncate_to_millisecond()))
    }

    /// Whether it lies further back than `age`, by this machine's clock.
    pub fn is_older_than(self, age: std::time::Duration) -> bool {
        OffsetDateTime::now_utc() - self.0 > age
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        f.write_str(&self.0.format(format).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Timestamp, String> {
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .and_then(|time| time.checked_to_offset(UtcOffset::UTC))
            // RFC 3339 writes no other years; in UTC it may be the one before or after.
            .filter(|time| (0..=9999).contains(&time.year()))
            .map(|time| Timestamp(time.truncate_to_millisecond()))
            .ok_or_else(|| format!("{text:?} is no RFC 3339 time"))
    }
}

serde_as_text!(Timestamp);

/// A whole number in a record, with a bound and a wording of its own. JSON has one kind of number and
/// programs that know missing values write 13 as 13.0: a float without a fraction is that integer.
fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
    expecting: &'static str,
) -> Result<u64, D::Error> {
    struct Whole(&'static str);
    impl Visitor<'_> for Whole {
        type Value = u64;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<u64, E> {
            Ok(value)
        }
        fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<u64, E> {
            if value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value) {
                return Ok(value as u64);
            }
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }
    deserializer.deserialize_u64(Whole(expecting))
}

impl<'de> Deserialize<'de> for MemoryMB {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MemoryMB, D::Error> {
        let expecting = "an integer from 128 to 10240";
        let value = whole_number(deserializer, expecting)?;
        u32::try_from(value)
            .ok()
            .and_then(MemoryMB::new)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Unsigned(value), &expecting))
    }
}

impl<'de> Deserialize<'de> for StorageMB {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StorageMB, D::Error> {
        let expecting = "an integer from 512 to 10240";
        let value = whole_number(deserializer, expecting)?;
        u32::try_from(value)
            .ok()
            .and_then(StorageMB::new)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Unsigned(value), &expecting))
    }
}

impl<'de> Deserialize<'de> for BilledMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BilledMillis, D::Error> {
        let expecting = "an integer from 0 to 10^12";
        let value = whole_number(deserializer, expecting)?;
        BilledMillis::new(value)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Unsigned(value), &expecting))
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = f64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<f64, E> {
                Ok(value)
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<f64, E> {
                Ok(value as f64)
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<f64, E> {
                Ok(value as f64)
            }
        }
        let value = deserializer.deserialize_f64(Number)?;
        Millis::new(value)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Float(value), &"a number from 0 to 10^12"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<T: serde::de::DeserializeOwned>(json: &str) -> Option<T> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn a_time_is_read_in_any_offset_and_kept_in_utc_to_the_millisecond() {
        for (text, expected) in [
            ("2026-11-23T06:00:00Z", "2026-11-23T06:00:00.000Z"),
            ("2026-11-23T06:00:00.1239999+01:30", "2026-11-23T04:30:00.123Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(|time| time.to_string()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_time_that_has_no_year_of_four_digits_in_utc_is_none() {
        for text in ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_is_read_back_as_it_is_written(
            day in "[0-9]{4}-(0[1-9]|1[0-2])-[0-3][0-9]",
            time in "[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,12})?",
            offset in "Z|[+-][0-2][0-9]:[0-5][0-9]",
        ) {
            if let Ok(time) = format!("{day}T{time}{offset}").parse::<Timestamp>() {
                prop_assert_eq!(time.to_string().parse(), Ok(time));
            }
        }

        #[test]
        fn any_text_is_a_time_or_none_without_a_panic(text in any::<String>()) {
            prop_assert!(text.parse::<Timestamp>().is_err());
        }

        #[test]
        fn a_memory_size_is_read_if_lambda_can_have_it(megabytes in prop_oneof![0..12_000_u32, any::<u32>()]) {
            let size = MemoryMB::new(megabytes);
            prop_assert_eq!(size.is_some(), (128..=10_240).contains(&megabytes));
            prop_assert_eq!(megabytes.to_string().parse().ok(), size);
            prop_assert_eq!(read(&megabytes.to_string()), size);
            prop_assert_eq!(read(&format!("{megabytes}.0")), size, "as programs write it that know no integers");
            prop_assert_eq!(read::<MemoryMB>(&format!("{megabytes}.5")), None);
        }

        #[test]
        fn a_time_span_is_read_back_as_it_is_written_and_is_never_negative(number in any::<f64>()) {
            let span = Millis::new(number);
            prop_assert_eq!(span.is_some(), (0.0..=1e12).contains(&number));
            prop_assert_eq!(read::<Millis>(&format!("{number:e}")), span);
            if let Some(span) = span {
                let written = serde_json::to_string(&span).expect("a number");
                prop_assert!(!written.starts_with('-'));
                prop_assert_eq!(read(&written), Some(span));
            }
        }

        #[test]
        fn a_billed_time_span_is_read_if_it_can_be(number in prop_oneof![0..2_000_000_000_000_u64, any::<u64>()]) {
            let span = BilledMillis::new(number);
            prop_assert_eq!(span.is_some(), number <= 1_000_000_000_000);
            prop_assert_eq!(read(&number.to_string()), span);
        }

        #[test]
        fn what_is_no_number_is_no_quantity(text in "\\PC{0,20}") {
            let json = serde_json::to_string(&text).expect("a string");
            prop_assert_eq!(read::<Millis>(&json), None);
            prop_assert_eq!(read::<BilledMillis>(&json), None);
            prop_assert_eq!(read::<MemoryMB>(&json), None);
        }
    }
}
