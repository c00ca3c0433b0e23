//! Invocations read from their lines without building a record, because a saved run may have a hundred million.
//!
//! Lines of one writer resemble each other. So [`Scanner`] remembers which key followed which, and how the lines begin
//! that it has seen lately, and compares the next line with that. What it does not expect, it leaves to
//! [`Line::parse`](super::Line::parse), which reads every record and explains what is wrong with a line that has none:
//! if the scanner returns something, it is what the other would have returned.

use std::str::{FromStr, from_utf8};

use super::line::Tag;
use crate::names::{AliasName, Architecture, FunctionArn, Version};
use crate::records::{Identification, Invocation, Measured, Outcome, Record as _, RunName};
use crate::units::{BilledMillis, MemoryMB, Millis, Timestamp};
use memchr::{memchr, memchr2};

/// The fields of an `invocation` record, and what else can come before or after them. Those that are the same in all
/// invocations of a version come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    /// The place before the first field.
    Start,
    Type,
    RunId,
    FunctionArn,
    Version,
    Alias,
    Architecture,
    MemorySize,
    Index,
    PayloadIndex,
    StartedAt,
    RequestId,
    Outcome,
    ErrorType,
    ErrorMessage,
    ColdStart,
    Duration,
    InitDuration,
    RestoreDuration,
    BilledDuration,
    BilledRestoreDuration,
    MaxMemoryUsed,
    ClientDuration,
    Attempts,
    Round,
    Wave,
    LogStream,
    /// A field that the record type does not have.
    Unknown,
    /// The end of the line.
    End,
}

impl Field {
    const COUNT: usize = Field::End as usize + 1;

    /// Returns the field with this name.
    fn named(name: &[u8]) -> Field {
        match name {
            b"type" => Field::Type,
            b"runId" => Field::RunId,
            b"functionArn" => Field::FunctionArn,
            b"version" => Field::Version,
            b"alias" => Field::Alias,
            b"architecture" => Field::Architecture,
            b"memorySizeMB" => Field::MemorySize,
            b"index" => Field::Index,
            b"payloadIndex" => Field::PayloadIndex,
            b"startedAt" => Field::StartedAt,
            b"requestId" => Field::RequestId,
            b"outcome" => Field::Outcome,
            b"errorType" => Field::ErrorType,
            b"errorMessage" => Field::ErrorMessage,
            b"coldStart" => Field::ColdStart,
            b"durationMs" => Field::Duration,
            b"initDurationMs" => Field::InitDuration,
            b"restoreDurationMs" => Field::RestoreDuration,
            b"billedDurationMs" => Field::BilledDuration,
            b"billedRestoreDurationMs" => Field::BilledRestoreDuration,
            b"maxMemoryUsedMB" => Field::MaxMemoryUsed,
            b"clientDurationMs" => Field::ClientDuration,
            b"attempts" => Field::Attempts,
            b"round" => Field::Round,
            b"wave" => Field::Wave,
            b"logStream" => Field::LogStream,
            _ => Field::Unknown,
        }
    }

    /// Whether the field is the same in all invocations of a version.
    fn is_of_version(self) -> bool {
        self < Field::Index
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, Default)]
struct Fields(u32);

impl Fields {
    fn contains(self, field: Field) -> bool {
        self.0 & 1 << field as u32 != 0
    }

    /// Adds a field. Returns `None` if it is in the set already.
    fn add(&mut self, field: Field) -> Option<()> {
        let is_new = !self.contains(field);
        self.0 |= 1 << field as u32;
        is_new.then_some(())
    }
}

/// What an invocation is of, with the function's ARN as its line has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SizeRef<'a> {
    /// The function's ARN, which is valid.
    pub function: &'a str,
    /// The function's architecture.
    pub architecture: Architecture,
    /// The memory size in MB.
    pub memory: MemoryMB,
}

/// The key that followed a field in an earlier line, and the bytes from the end of the field up to the value of the key.
#[derive(Debug, Clone)]
struct Expected {
    bytes: Vec<u8>,
    field: Field,
}

/// The beginning of lines: the fields that all invocations of a version share, and the key that follows.
#[derive(Debug)]
struct Beginning<G> {
    bytes: Vec<u8>,
    group: G,
    fields: Fields,
    next: Field,
    run: Option<RunName>,
}

/// Reads the invocations of one writer after another. `G` is what the caller makes of function, architecture and memory
/// size.
#[derive(Debug)]
pub struct Scanner<G> {
    /// By the field that is followed.
    expected: [Expected; Field::COUNT],
    /// The beginnings that were seen lately; those that occur often come first.
    beginnings: Vec<Beginning<G>>,
    /// The last text that was checked as the value of a field: the ARN, the version, the alias.
    checked: [Vec<u8>; 3],
    /// The last minute that was checked, as `2026-11-23T07:26:`.
    minute: [u8; MINUTE],
    /// The names of the fields whose values are captured.
    captured: Vec<Box<[u8]>>,
}

/// The number of beginnings to remember: more than one run usually has sizes.
const BEGINNINGS: usize = 8;

/// The length of a time up to its minutes and the colon after them.
const MINUTE: usize = 17;

/// The fields of a line, as far as it was read.
#[derive(Default)]
struct Found<'a> {
    fields: Fields,
    run_id: Option<&'a [u8]>,
    function: Option<&'a [u8]>,
    architecture: Architecture,
    memory: Option<MemoryMB>,
    index: Option<u32>,
    request_id: Option<&'a [u8]>,
    outcome: Outcome,
    cold_start: Option<bool>,
    duration: Option<Millis>,
    init: Option<Millis>,
    restore: Option<Millis>,
    billed: Option<BilledMillis>,
    billed_restore: Option<BilledMillis>,
    max_memory_used: Option<u32>,
    round: Option<u32>,
    wave: Option<u32>,
}

impl<'a> Found<'a> {
    /// Returns the figures. `run` is asked for only if nothing else tells the invocation, or its wave, from others.
    fn measured(&self, run: impl Fn() -> Option<RunName>) -> Measured<'a> {
        Measured {
            identification: Identification::of(self.request_id, self.index, &run),
            outcome: self.outcome,
            cold_start: self.cold_start,
            duration: self.duration,
            init: self.init,
            restore: self.restore,
            billed: self.billed,
            billed_restore: self.billed_restore,
            max_memory_used: self.max_memory_used,
            round: self.round,
            wave: self.wave,
            run_of_wave: self.wave.and_then(|_| run()),
        }
    }
}

/// An invocation that was read from the beginning of a text.
#[derive(Debug, PartialEq)]
pub struct Scanned<'a, G> {
    /// What the caller made of its function, architecture and memory size.
    pub group: G,
    /// Its figures.
    pub measured: Measured<'a>,
    /// The length of its line, with the newline.
    pub length: usize,
}

impl<G> Default for Scanner<G> {
    fn default() -> Scanner<G> {
        Scanner {
            expected: std::array::from_fn(|_| Expected { bytes: Vec::new(), field: Field::Unknown }),
            beginnings: Vec::with_capacity(BEGINNINGS),
            checked: Default::default(),
            minute: [0; MINUTE],
            captured: Vec::new(),
        }
    }
}

impl<G> Scanner<G> {
    /// Returns a scanner that captures the values of the fields with these names, as their lines have them.
    pub fn capturing(names: &[String]) -> Scanner<G> {
        let captured = names.iter().map(|name| name.as_bytes().into()).collect();
        Scanner { captured, ..Scanner::default() }
    }
}

impl<G: Copy> Scanner<G> {
    /// Returns the invocation in the first line of `text`, or `None` if that line needs a closer look: it is of another
    /// type, is not valid, has no newline, or is written in an unusual way. `group_of` is called for a beginning that
    /// was not seen lately, with the captured values; if any are captured, for each invocation.
    #[inline]
    pub fn scan<'a>(
        &mut self,
        text: &'a [u8],
        group_of: impl FnOnce(SizeRef<'a>, &[Option<&'a [u8]>]) -> G,
    ) -> Option<Scanned<'a, G>> {
        let mut found = Found::default();
        let mut rest = text;
        let mut field = Field::Start;
        let mut next = None;
        let mut known = self.beginnings.iter().position(|beginning| text.starts_with(&beginning.bytes));
        if let Some(at) = known {
            let beginning = &self.beginnings[at];
            found.fields = beginning.fields;
            rest = &text[beginning.bytes.len()..];
            next = Some(beginning.next);
        }
        let mut end_of_beginning = None;
        let mut values = vec![None; self.captured.len()];
        loop {
            let previous = field;
            let before = rest;
            field = match next.take() {
                Some(next) => next,
                None => self.key(previous, &mut rest)?,
            };
            if field == Field::End {
                break;
            }
            if known.is_none() && end_of_beginning.is_none() && !field.is_of_version() {
                end_of_beginning = Some((text.len() - rest.len(), found.fields, field));
            }
            if field != Field::Unknown {
                found.fields.add(field)?;
            }
            let key = &before[..before.len() - rest.len()];
            let value = rest;
            self.value(field, &mut rest, &mut found)?;
            if !values.is_empty() {
                let value = &value[..value.len() - rest.len()];
                self.capture(key, value, &mut values)?;
            }
        }
        let length = text.len() - rest.len();
        let group = match known {
            // Its group was found without the architecture that follows here.
            Some(at)
                if found.fields.contains(Field::Architecture)
                    && !self.beginnings[at].fields.contains(Field::Architecture) =>
            {
                return None;
            }
            Some(at) => {
                // Those that occur often come to the front.
                let before = at.saturating_sub(1);
                self.beginnings.swap(at, before);
                known = Some(before);
                self.beginnings[before].group
            }
            None => {
                if !found.fields.contains(Field::Type) {
                    return None;
                }
                let size = SizeRef {
                    function: from_utf8(found.function?).ok()?,
                    architecture: found.architecture,
                    memory: found.memory?,
                };
                group_of(size, &values)
            }
        };
        let run = || match known {
            Some(at) if found.run_id.is_none() => self.beginnings[at].run.clone(),
            _ => run_name(found.run_id),
        };
        let measured = found.measured(run);
        if measured.missing().is_some() {
            return None;
        }
        if let Some((length, fields, next)) = end_of_beginning
            && values.is_empty()
            && fields.contains(Field::Architecture) == found.fields.contains(Field::Architecture)
            && [Field::Type, Field::FunctionArn, Field::MemorySize]
                .into_iter()
                .all(|field| fields.contains(field))
        {
            let run = if fields.contains(Field::RunId) { run_name(found.run_id) } else { None };
            self.remember(Beginning { bytes: text[..length].to_vec(), group, fields, next, run });
        }
        Some(Scanned { group, measured, length })
    }

    /// Takes the key after `previous`, with everything up to its value.
    #[inline]
    fn key(&mut self, previous: Field, rest: &mut &[u8]) -> Option<Field> {
        let expected = &self.expected[previous as usize];
        match rest.strip_prefix(&*expected.bytes) {
            Some(value) if !expected.bytes.is_empty() && value.first() != Some(&b' ') => {
                *rest = value;
                Some(expected.field)
            }
            _ => self.other_key(previous, rest),
        }
    }

    /// Takes a key that is not the expected one, and expects it the next time.
    #[cold]
    fn other_key(&mut self, previous: Field, rest: &mut &[u8]) -> Option<Field> {
        let before = *rest;
        skip_spaces(rest);
        let is_first = previous == Field::Start;
        let field = if !is_first && take(rest, b"}").is_some() {
            skip_spaces(rest);
            take(rest, b"\n")?;
            Field::End
        } else {
            take(rest, if is_first { b"{" } else { b"," })?;
            skip_spaces(rest);
            let field = Field::named(take_plain_string(rest)?);
            skip_spaces(rest);
            take(rest, b":")?;
            skip_spaces(rest);
            field
        };
        // The name of an unknown field is not kept, so another one must not be taken for it. (It would do no harm.)
        let expected = &mut self.expected[previous as usize];
        expected.bytes.clear();
        expected.bytes.extend_from_slice(&before[..before.len() - rest.len()]);
        expected.field = field;
        Some(field)
    }

    /// Keeps a value if it is of a field that is captured. Returns `None` if there is another one already.
    fn capture<'a>(&self, key: &[u8], value: &'a [u8], values: &mut [Option<&'a [u8]>]) -> Option<()> {
        let name = key.split(|byte| *byte == b'"').nth(1)?;
        let at = self.captured.iter().position(|captured| **captured == *name);
        match at {
            Some(at) if values[at].is_some() => None,
            Some(at) => {
                values[at] = Some(value);
                Some(())
            }
            None => Some(()),
        }
    }

    /// Takes the value of a field.
    #[inline]
    fn value<'a>(&mut self, field: Field, rest: &mut &'a [u8], found: &mut Found<'a>) -> Option<()> {
        let is_required = matches!(field, Field::Type | Field::FunctionArn | Field::MemorySize);
        if rest.first() == Some(&b'n') {
            return if is_required { None } else { take(rest, b"null") };
        }
        match field {
            Field::Type => take(rest, b"\"invocation\"")?,
            Field::RunId => found.run_id = Some(take_plain_string(rest)?),
            Field::FunctionArn => found.function = Some(self.take_checked::<FunctionArn>(0, rest)?),
            Field::Version => drop(self.take_checked::<Version>(1, rest)?),
            Field::Alias => drop(self.take_checked::<AliasName>(2, rest)?),
            Field::Architecture => {
                let name = from_utf8(take_plain_string(rest)?).ok()?;
                found.architecture = name.parse().ok()?;
            }
            Field::MemorySize => found.memory = Some(MemoryMB::new(take_u32(rest)?)?),
            Field::Index => found.index = Some(take_u32(rest)?),
            Field::PayloadIndex | Field::Attempts => drop(take_u32(rest)?),
            Field::Round => found.round = Some(take_u32(rest)?),
            Field::Wave => found.wave = Some(take_u32(rest)?),
            Field::StartedAt => self.take_time(rest)?,
            Field::RequestId => found.request_id = Some(take_plain_string(rest)?),
            Field::Outcome => found.outcome = take_outcome(rest)?,
            Field::ErrorType | Field::ErrorMessage | Field::LogStream => take_string(rest)?,
            Field::ColdStart => found.cold_start = Some(take_bool(rest)?),
            Field::Duration => found.duration = Some(take_millis(rest)?),
            Field::InitDuration => found.init = Some(take_millis(rest)?),
            Field::RestoreDuration => found.restore = Some(take_millis(rest)?),
            Field::BilledDuration => found.billed = Some(BilledMillis::new(take_integer(rest)?)?),
            Field::BilledRestoreDuration => {
                found.billed_restore = Some(BilledMillis::new(take_integer(rest)?)?)
            }
            Field::MaxMemoryUsed => found.max_memory_used = Some(take_u32(rest)?),
            Field::ClientDuration => skip_millis(rest)?,
            Field::Unknown => match rest.first()? {
                b'"' => take_string(rest)?,
                b't' | b'f' => drop(take_bool(rest)?),
                b'-' => {
                    take(rest, b"-")?;
                    take_number(rest)?;
                }
                _ => drop(take_number(rest)?),
            },
            Field::Start | Field::End => unreachable!("neither has a value"),
        }
        Some(())
    }

    /// Takes a string that is a `T`. Most often it is the same as the last time.
    #[inline]
    fn take_checked<'a, T: FromStr>(&mut self, place: usize, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let text = take_plain_string(rest)?;
        let last = &mut self.checked[place];
        if text.is_empty() || *text != **last {
            from_utf8(text).ok()?.parse::<T>().ok()?;
            last.clear();
            last.extend_from_slice(text);
        }
        Some(text)
    }

    /// Takes a time.
    #[inline]
    fn take_time(&mut self, rest: &mut &[u8]) -> Option<()> {
        let text = take_plain_string(rest)?;
        let is_digit = |byte: u8| byte.is_ascii_digit();
        // As the tools write it, and in a minute that was checked: `2026-11-23T07:26:31.469Z`.
        if let Some((minute, &[tens, ones, b'.', a, b, c, b'Z'])) = text.split_first_chunk::<MINUTE>()
            && *minute == self.minute
            && tens < b'6'
            && [tens, ones, a, b, c].into_iter().all(is_digit)
        {
            return Some(());
        }
        from_utf8(text).ok()?.parse::<Timestamp>().ok()?;
        if let Some((minute, [_, _, b'.', _, _, _, b'Z'])) = text.split_first_chunk::<MINUTE>() {
            self.minute = *minute;
        }
        Some(())
    }

    /// Remembers how a line begins, in place of the beginning that occurs least often.
    #[cold]
    fn remember(&mut self, beginning: Beginning<G>) {
        if self.beginnings.len() == BEGINNINGS {
            self.beginnings.pop();
        }
        self.beginnings.push(beginning);
    }
}

/// Returns the invocation in a line that is written in any way, if the line has a valid one.
pub fn invocation(line: &str) -> Option<Invocation> {
    // Most lines that are not scanned are of another type.
    if !line.contains(Invocation::TYPE) {
        return None;
    }
    let tag: Tag = serde_json::from_str(line).ok()?;
    if tag.record_type != Invocation::TYPE {
        return None;
    }
    serde_json::from_str(line).ok()
}

fn run_name(run_id: Option<&[u8]>) -> Option<RunName> {
    from_utf8(run_id?).ok()?.parse().ok()
}

fn skip_spaces(rest: &mut &[u8]) {
    while let [b' ' | b'\t' | b'\r', after @ ..] = rest {
        *rest = after;
    }
}

/// Takes `expected` from the front.
#[inline]
fn take(rest: &mut &[u8], expected: &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(expected)?;
    Some(())
}

/// Takes a string of ASCII without escapes, and returns it without its quotes.
#[inline]
fn take_plain_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let inside = rest.strip_prefix(b"\"")?;
    let (text, after) = inside.split_at(memchr(b'"', inside)?);
    let is_plain =
        text.iter().fold(true, |plain, byte| plain & (0x20..0x80).contains(byte) & (*byte != b'\\'));
    *rest = &after[1..];
    is_plain.then_some(text)
}

/// Takes a string that nobody reads. An escape by number is left to the parser, because not every number is valid.
fn take_string(rest: &mut &[u8]) -> Option<()> {
    let inside = rest.strip_prefix(b"\"")?;
    let mut length = 0;
    loop {
        length += memchr2(b'"', b'\\', &inside[length..])?;
        match inside[length..] {
            [b'"', ..] => break,
            [_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => length += 2,
            _ => return None,
        }
    }
    let (text, after) = inside.split_at(length);
    *rest = &after[1..];
    let is_valid = text.iter().all(|byte| *byte >= 0x20) && from_utf8(text).is_ok();
    is_valid.then_some(())
}

fn take_bool(rest: &mut &[u8]) -> Option<bool> {
    if take(rest, b"false").is_some() { Some(false) } else { take(rest, b"true").map(|()| true) }
}

#[inline]
fn take_outcome(rest: &mut &[u8]) -> Option<Outcome> {
    if take(rest, b"\"ok\"").is_some() {
        return Some(Outcome::Ok);
    }
    Outcome::named(from_utf8(take_plain_string(rest)?).ok()?)
}

/// Takes the digits in front, at most 15, and returns their number and their count.
#[inline]
fn take_digits(rest: &mut &[u8]) -> (u64, usize) {
    let (mut number, mut count) = (0, 0);
    while let [digit @ b'0'..=b'9', after @ ..] = rest
        && count < 15
    {
        number = number * 10 + u64::from(digit - b'0');
        count += 1;
        *rest = after;
    }
    (number, count)
}

/// Takes a whole number as JSON writes it. A fraction or an exponent after it is left to the parser.
#[inline]
fn take_integer(rest: &mut &[u8]) -> Option<u64> {
    let is_zero = rest.first() == Some(&b'0');
    let (number, count) = take_digits(rest);
    let is_whole = count > 0 && !(is_zero && count > 1);
    let is_over = !matches!(rest.first(), Some(b'.' | b'e' | b'E' | b'0'..=b'9'));
    (is_whole && is_over).then_some(number)
}

#[inline]
fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take_integer(rest)?.try_into().ok()
}

/// Takes a time span in milliseconds.
#[inline]
fn take_millis(rest: &mut &[u8]) -> Option<Millis> {
    let before = *rest;
    let is_zero = rest.first() == Some(&b'0');
    let (whole, count) = take_digits(rest);
    let mut micros = whole * 1000;
    let mut decimals = 0;
    if let [b'.', after @ ..] = *rest {
        *rest = after;
        let (fraction, count) = take_digits(rest);
        decimals = count;
        micros += fraction * [0, 100, 10, 1, 0][count.min(4)];
        if count == 0 {
            return None;
        }
    }
    let is_over = !matches!(rest.first(), Some(b'.' | b'e' | b'E' | b'0'..=b'9'));
    if is_over && (1..=12).contains(&count) && !(is_zero && count > 1) && decimals <= 3 {
        // Below 2^53, so the quotient is the number that is nearest to the decimal fraction.
        return Millis::new(micros as f64 / 1000.0);
    }
    *rest = before;
    Millis::new(from_utf8(take_number(rest)?).ok()?.parse().ok()?)
}

/// Takes a time span in milliseconds that nobody reads.
#[inline]
fn skip_millis(rest: &mut &[u8]) -> Option<()> {
    let text = take_number(rest)?;
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let whole = text.iter().take_while(|byte| is_digit(byte)).count();
    // With 11 digits it is in range, whatever the fraction.
    let is_in_range = whole <= 11 && text[whole..].iter().all(|byte| is_digit(byte) || *byte == b'.');
    if !is_in_range {
        Millis::new(from_utf8(text).ok()?.parse().ok()?)?;
    }
    Some(())
}

/// Takes a number of 0 or more as JSON writes it: <https://www.rfc-editor.org/rfc/rfc8259#section-6>
fn take_number<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let text = *rest;
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = digits(0);
    if length == 0 || length > 1 && text[0] == b'0' {
        return None;
    }
    if text.get(length) == Some(&b'.') {
        let fraction = digits(length + 1);
        length += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    if let Some(b'e' | b'E') = text.get(length) {
        length += 1 + usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length);
        length += exponent;
        if exponent == 0 {
            return None;
        }
    }
    let (number, after) = text.split_at(length);
    *rest = after;
    Some(number)
}
