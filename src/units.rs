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

use crate::ndjson::stands_as_text;

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
    /// What this time costs in GB-seconds with `memory`.
    pub fn gb_seconds(self, memory: MemoryMB) -> GbSeconds {
        // A span of 2^53 ms is 285,000 years: the conversion is exact.
        GbSeconds(memory.gigabytes() * self.0 as f64 / 1000.0)
    }
}

/// The unit that Lambda's compute is billed in: one GB (1,024 MB) for one second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
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

/// A moment, RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// This moment, by this machine's clock.
    pub fn now() -> Timestamp {
        Timestamp(OffsetDateTime::now_utc())
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
            .map(|time| Timestamp(time.to_offset(UtcOffset::UTC)))
            .map_err(|_| format!("{text:?} is no RFC 3339 time"))
    }
}

stands_as_text!(Timestamp);

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

impl<'de> Deserialize<'de> for BilledMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BilledMillis, D::Error> {
        let expecting = "an integer from 0 to 10^12";
        let value = whole_number(deserializer, expecting)?;
        if value > LONGEST_MS {
            return Err(D::Error::invalid_value(Unexpected::Unsigned(value), &expecting));
        }
        Ok(BilledMillis(value))
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
