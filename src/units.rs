//! Quantities with their units: each has its own type, so that one cannot be used in place of another.

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

use crate::quote::quoted;
use crate::text::serde_as_text;

/// The memory of a function in MiB, which AWS calls MB: 128 to 10,240 in steps of 1.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct MemoryMB(u32);

impl MemoryMB {
    /// The minimum that Lambda allows.
    pub const MIN: MemoryMB = MemoryMB(128);
    /// The maximum that Lambda allows; new accounts are limited to 3,008.
    pub const MAX: MemoryMB = MemoryMB(10_240);
    /// The memory that comes with one whole vCPU. Other sizes come with a proportional share.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
    pub const ONE_VCPU: MemoryMB = MemoryMB(1_769);

    /// Checks that Lambda allows this size.
    pub fn new(megabytes: u32) -> Option<MemoryMB> {
        (Self::MIN.0..=Self::MAX.0).contains(&megabytes).then_some(MemoryMB(megabytes))
    }

    /// Returns the number of MiB.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Converts to the GB that Lambda bills, of 1,024 MB.
    pub fn gigabytes(self) -> f64 {
        f64::from(self.0) / 1024.0
    }

    /// Returns the number of vCPUs that come with this memory: 1.0 at 1,769 MB.
    pub fn vcpus(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE_VCPU.0)
    }
}

impl fmt::Display for MemoryMB {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error for a text or a number that is not a memory size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a memory size is a whole number from 128 to 10240 MB, not {}", quoted(.0))]
pub struct NotAMemorySize(String);

impl FromStr for MemoryMB {
    type Err = NotAMemorySize;

    fn from_str(text: &str) -> Result<MemoryMB, NotAMemorySize> {
        text.parse().ok().and_then(MemoryMB::new).ok_or_else(|| NotAMemorySize(text.to_owned()))
    }
}

/// The size of a function's `/tmp` in MiB, which AWS calls MB: 512 to 10,240.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StorageMB(u32);

impl StorageMB {
    /// The size that each function has for free.
    pub const FREE: StorageMB = StorageMB(512);

    /// Checks that Lambda allows this size.
    pub fn new(megabytes: u32) -> Option<StorageMB> {
        (Self::FREE.0..=10_240).contains(&megabytes).then_some(StorageMB(megabytes))
    }

    /// Returns the GB, of 1,024 MB, that are not free.
    pub fn billed_gigabytes(self) -> f64 {
        f64::from(self.0 - Self::FREE.0) / 1024.0
    }
}

/// The longest time span, 31 years: more than any that can be meant. Sums of several stay exact.
const LONGEST_MS: u64 = 1_000_000_000_000;

/// A time span in milliseconds, finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
pub struct Millis(f64);

impl Millis {
    /// Checks that the time span is from 0 to 10^12 ms.
    pub fn new(milliseconds: f64) -> Option<Millis> {
        // -0.0 is in the range, but would print with a minus sign; the sum is 0.0.
        (0.0..=LONGEST_MS as f64).contains(&milliseconds).then_some(Millis(milliseconds + 0.0))
    }

    /// Converts a measured time span, to the microsecond: clocks are no more precise.
    pub fn of(span: Duration) -> Millis {
        Millis(span.as_micros() as f64 / 1000.0)
    }

    /// Returns the number of milliseconds.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A time span in whole milliseconds, as Lambda bills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct BilledMillis(pub u64);

impl BilledMillis {
    /// Checks that the time span is at most 10^12 ms.
    pub fn new(milliseconds: u64) -> Option<BilledMillis> {
        (milliseconds <= LONGEST_MS).then_some(BilledMillis(milliseconds))
    }

    /// Returns the GB-seconds that Lambda bills for this time with `memory`.
    pub fn gb_seconds(self, memory: MemoryMB) -> GbSeconds {
        self.with_gigabytes(memory.gigabytes())
    }

    /// Returns the GB-seconds that Lambda bills for this time with `storage`, of which a part is free.
    pub fn storage_gb_seconds(self, storage: StorageMB) -> GbSeconds {
        self.with_gigabytes(storage.billed_gigabytes())
    }

    fn with_gigabytes(self, gigabytes: f64) -> GbSeconds {
        // A span of 2^53 ms is 285,000 years: the conversion is exact.
        GbSeconds(gigabytes * self.0 as f64 / 1000.0)
    }
}

/// The unit in which Lambda bills memory and storage: one GB (1,024 MB) for one second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct GbSeconds(pub f64);

/// An amount of money in the currency of the field `currency` beside it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
pub struct Money(pub f64);

impl Money {
    /// Returns the amount for a million, because people can picture that.
    pub fn million(self) -> f64 {
        self.0 * 1e6
    }
}

/// The amount with two digits at least that are not leading zeros: an invocation costs millionths.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = self.0;
        let decimals = if amount == 0.0 { 2.0 } else { 1.0 - amount.abs().log10().floor() };
        write!(f, "{amount:.0$}", decimals.clamp(2.0, 12.0) as usize)
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency(String);

serde_as_text!(Currency);

impl Currency {
    pub(crate) fn usd() -> Currency {
        Currency("USD".to_owned())
    }

    pub(crate) fn cny() -> Currency {
        Currency("CNY".to_owned())
    }

    /// Returns the code.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
        is_code.then(|| Currency(text.to_owned())).ok_or_else(|| {
            format!("a currency is a code of three capital letters, such as USD, not {}", quoted(text))
        })
    }
}

/// A moment in UTC, to the millisecond. Its text is in the format of RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// Reads this machine's clock.
    pub fn now() -> Timestamp {
        Timestamp(OffsetDateTime::now_utc().truncate_to_millisecond())
    }

    /// Converts a Unix time; returns `None` if its year has more than four digits, because RFC 3339 has no
    /// such years.
    pub fn from_unix(seconds: u64, nanoseconds: u32) -> Option<Timestamp> {
        let since_1970 = time::Duration::new(i64::try_from(seconds).ok()?, nanoseconds.try_into().ok()?);
        let time = OffsetDateTime::UNIX_EPOCH.checked_add(since_1970)?;
        Some(Timestamp(time.truncate_to_millisecond()))
    }

    /// Returns the milliseconds since 1970, which are negative before.
    pub fn to_unix_millis(self) -> i64 {
        let millis = self.0.unix_timestamp_nanos() / 1_000_000;
        millis.try_into().expect("a year of four digits")
    }

    /// Returns the moment that is this time span before.
    pub fn before(self, span: Millis) -> Option<Timestamp> {
        let span = time::Duration::checked_seconds_f64(span.get() / 1000.0)?;
        self.0.checked_sub(span).map(|time| Timestamp(time.truncate_to_millisecond()))
    }

    /// Whether this moment is longer ago than `age`, by this machine's clock.
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
            // RFC 3339 has no other years. The year in UTC can be the one before or after.
            .filter(|time| (0..=9999).contains(&time.year()))
            .map(|time| Timestamp(time.truncate_to_millisecond()))
            .ok_or_else(|| format!("{} is not an RFC 3339 time, such as 2026-11-23T06:00:00Z", quoted(text)))
    }
}

serde_as_text!(Timestamp);

/// Reads a whole number from a record. `expecting` is the text for errors.
///
/// JSON has only one kind of number, and programs that support missing values write 13 as 13.0. So a float
/// without a fraction counts as the integer.
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
    fn a_time_is_read_with_any_offset_and_kept_in_utc_to_the_millisecond() {
        for (text, expected) in [
            ("2026-11-23T06:00:00Z", "2026-11-23T06:00:00.000Z"),
            ("2026-11-23T06:00:00.1239999+01:30", "2026-11-23T04:30:00.123Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(|time| time.to_string()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_time_whose_year_in_utc_has_no_four_digits_is_refused() {
        for text in ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn money_has_two_digits_at_least() {
        let amounts = [0.000_000_002_1, 0.000_000_123, 0.000_456_7, 0.0123, 0.5, 12.345, 0.0];
        let shown = amounts.map(|amount| Money(amount).to_string());
        assert_eq!(shown, ["0.0000000021", "0.00000012", "0.00046", "0.012", "0.50", "12.35", "0.00"]);
    }

    #[derive(Debug, Clone)]
    struct ValidTime {
        date: String,
        clock: String,
        fraction: String,
        offset_minutes: i16,
    }

    impl fmt::Display for ValidTime {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}T{}", self.date, self.clock)?;
            if !self.fraction.is_empty() {
                write!(f, ".{}", self.fraction)?;
            }
            if self.offset_minutes == 0 {
                return f.write_str("Z");
            }
            let sign = if self.offset_minutes < 0 { '-' } else { '+' };
            let minutes = self.offset_minutes.abs();
            write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }

    /// Generates times of the years 1 to 9998, so that the year has four digits in UTC too. Each month has
    /// days 1 to 28.
    fn valid_time() -> impl Strategy<Value = ValidTime> {
        let date = (1..=9998_u16, 1..=12_u8, 1..=28_u8);
        let clock = (0..=23_u8, 0..=59_u8, 0..=59_u8);
        let offset_minutes = prop_oneof![Just(0), -1439..=1439_i16];
        (date, clock, "[0-9]{0,12}", offset_minutes).prop_map(
            |((year, month, day), (hour, minute, second), fraction, offset_minutes)| ValidTime {
                date: format!("{year:04}-{month:02}-{day:02}"),
                clock: format!("{hour:02}:{minute:02}:{second:02}"),
                fraction,
                offset_minutes,
            },
        )
    }

    /// Generates valid times, times with one changed character, and any texts; and whether the text must be a
    /// time.
    fn any_time_text() -> impl Strategy<Value = (String, bool)> {
        let near_valid = (valid_time(), any::<prop::sample::Index>(), "[0-9:.TZtz+ -]|\\PC|").prop_map(
            |(time, index, replacement)| {
                let mut text = time.to_string();
                let index = index.index(text.len());
                text.replace_range(index..=index, &replacement);
                (text, false)
            },
        );
        prop_oneof![
            2 => valid_time().prop_map(|time| (time.to_string(), true)),
            2 => near_valid,
            1 => any::<String>().prop_map(|text| (text, false)),
        ]
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
        fn a_valid_time_is_converted_to_utc_and_cut_to_the_millisecond(time in valid_time()) {
            let ValidTime { date, clock, fraction, offset_minutes } = &time;
            let parsed: Timestamp = time.to_string().parse().expect("a valid time");
            let milliseconds = format!("{fraction:0<3}")[..3].to_owned();
            let local: Timestamp = format!("{date}T{clock}.{milliseconds}Z").parse().expect("a valid time");
            prop_assert_eq!(local.to_string(), format!("{date}T{clock}.{milliseconds}Z"));
            prop_assert_eq!(local.0 - parsed.0, time::Duration::minutes(i64::from(*offset_minutes)));
        }

        #[test]
        fn any_text_is_refused_or_is_a_time_that_is_read_back_as_it_is_written((text, is_valid) in any_time_text()) {
            match text.parse::<Timestamp>() {
                Ok(time) => {
                    let written = time.to_string();
                    prop_assert_eq!(written.len(), "2026-11-23T06:00:00.000Z".len(), "{}", written);
                    prop_assert_eq!(written.parse(), Ok(time));
                }
                Err(error) => {
                    prop_assert!(!is_valid, "{}", error);
                    prop_assert!(error.contains(" is not an RFC 3339 time"), "{}", error);
                }
            }
        }

        #[test]
        fn a_memory_size_is_read_if_lambda_allows_it(megabytes in prop_oneof![0..12_000_u32, any::<u32>()]) {
            let size = MemoryMB::new(megabytes);
            prop_assert_eq!(size.is_some(), (128..=10_240).contains(&megabytes));
            prop_assert_eq!(megabytes.to_string().parse().ok(), size);
            prop_assert_eq!(read(&megabytes.to_string()), size);
            prop_assert_eq!(read(&format!("{megabytes}.0")), size, "as programs without integers write it");
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
        fn a_billed_time_span_is_read_if_it_is_in_range(number in prop_oneof![0..2_000_000_000_000_u64, any::<u64>()]) {
            let span = BilledMillis::new(number);
            prop_assert_eq!(span.is_some(), number <= 1_000_000_000_000);
            prop_assert_eq!(read(&number.to_string()), span);
        }

        #[test]
        fn a_text_is_not_read_as_a_quantity(text in "\\PC{0,20}") {
            let json = serde_json::to_string(&text).expect("a string");
            prop_assert_eq!(read::<Millis>(&json), None);
            prop_assert_eq!(read::<BilledMillis>(&json), None);
            prop_assert_eq!(read::<MemoryMB>(&json), None);
        }
    }
}
