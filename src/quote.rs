//! Text that others wrote, as messages and tables show it: a value in a record, a function's error message, an answer
//! of AWS, the value of a flag. Records keep such text as it is.

use std::fmt::{self, Display, Write as _};

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation as _;

/// The number of characters after which a quotation is cut.
const MAX_CHARS: usize = 200;

/// Returns the beginning of `text`, at most 200 characters, in quotation marks.
pub(crate) fn quoted(text: &str) -> impl Display {
    let excerpt = excerpt(text);
    fmt::from_fn(move |f| write!(f, "\"{excerpt}\""))
}

/// Returns the beginning of `text`, at most 200 characters, with `…` in place of the rest.
pub(crate) fn excerpt(text: &str) -> impl Display {
    first_chars(text, MAX_CHARS)
}

/// Returns the name of a file as a shell reads it, in a command that a message proposes. It is never an option.
pub(crate) fn operand(file: &str) -> String {
    let file = if file.starts_with('-') { format!("./{file}") } else { file.to_owned() };
    let quoted = shlex::try_quote(&file).expect("no name of a file has a NUL");
    visible(&quoted).to_string()
}

/// Returns a JSON value: a string like [`quoted`], and the beginning of any other.
pub(crate) fn json(value: &Value) -> impl Display {
    fmt::from_fn(move |f| match value {
        Value::String(text) => quoted(text).fmt(f),
        other => excerpt(&other.to_string()).fmt(f),
    })
}

/// Returns at most `max_chars` characters of `text`, with `…` in place of the rest.
pub(crate) fn first_chars(text: &str, max_chars: usize) -> impl Display {
    let beginning = &text[..cut(text, max_chars)];
    let rest = if beginning.len() < text.len() { "…" } else { "" };
    fmt::from_fn(move |f| write!(f, "{}{rest}", visible(beginning)))
}

/// Returns `text` in one line, as a terminal can show it: text of others must not move the cursor, change the
/// direction of what follows, or look like a line of this tool. A line break is a space. A character that cannot be
/// seen is written as its number, for example `\u{202e}`.
pub(crate) fn visible(text: &str) -> impl Display {
    fmt::from_fn(move |f| {
        let mut is_in_space = false;
        for character in text.chars() {
            match character {
                ' ' => f.write_char(' ')?,
                // A line separator and a paragraph separator.
                '\u{2028}' | '\u{2029}' => write!(f, "{}", character.escape_unicode())?,
                space if space.is_whitespace() => {
                    if !is_in_space {
                        f.write_char(' ')?;
                    }
                }
                character if is_visible(character) => f.write_char(character)?,
                character => write!(f, "{}", character.escape_unicode())?,
            }
            is_in_space = character.is_whitespace();
        }
        Ok(())
    })
}

/// Whether a terminal shows the character as a sign of its own, or on the one before it as an accent.
fn is_visible(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    // The standard library escapes what cannot be printed, and an accent only if it is the first character.
    !format!("a{character}").escape_debug().any(|escaped| escaped == '\\')
}

/// Returns the length in bytes of at most `max_chars` characters of `text`. What people see as one character can
/// consist of several; it is not cut, unless nothing else is left.
fn cut(text: &str, max_chars: usize) -> usize {
    let Some((limit, _)) = text.char_indices().nth(max_chars) else {
        return text.len();
    };
    let starts = text.grapheme_indices(true).map(|(start, _)| start);
    match starts.take_while(|start| *start <= limit).last() {
        None | Some(0) => limit,
        Some(start) => start,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_after_200_characters() {
        let text = "é".repeat(1_000_000);
        assert_eq!(excerpt(&text).to_string(), format!("{}…", "é".repeat(200)));
        assert_eq!(quoted(&text).to_string(), format!("\"{}…\"", "é".repeat(200)));
        let fits = "é".repeat(200);
        assert_eq!(excerpt(&fits).to_string(), fits);
    }

    #[test]
    fn a_character_of_several_parts_is_not_cut() {
        let accent = "e\u{301}";
        let text = format!("{}{accent}x", "a".repeat(199));
        assert_eq!(excerpt(&text).to_string(), format!("{}…", "a".repeat(199)));
        let flags = "🇩🇪".repeat(101);
        assert_eq!(excerpt(&flags).to_string(), format!("{}…", "🇩🇪".repeat(100)));
        let endless = format!("e{}", "\u{301}".repeat(1_000));
        assert_eq!(excerpt(&endless).to_string().chars().count(), 201);
    }

    #[test]
    fn what_cannot_be_seen_is_written_as_its_number() {
        for (text, shown) in [
            ("a\u{202e}b\u{2066}c", r"a\u{202e}b\u{2066}c"),
            ("\u{200e}\u{200f}\u{61c}", r"\u{200e}\u{200f}\u{61c}"),
            ("a\u{2028}b\u{2029}c", r"a\u{2028}b\u{2029}c"),
            ("\u{feff}a\u{200b}b\u{200d}", r"\u{feff}a\u{200b}b\u{200d}"),
            ("\x1b[2Jgone\x07\u{9b}", r"\u{1b}[2Jgone\u{7}\u{9b}"),
            ("\u{e000}\u{e0041}\u{10ffff}", r"\u{e000}\u{e0041}\u{10ffff}"),
            ("one\r\n  two\tthree\n\n\u{85}four", "one   two three four"),
            (r#"C:\f "it's" 日本　語 e\u{301} ❤️"#, r#"C:\f "it's" 日本 語 e\u{301} ❤️"#),
            ("  128   1,024", "  128   1,024"),
            ("e\u{301}\u{303}", "e\u{301}\u{303}"),
        ] {
            assert_eq!(visible(text).to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_quoted_in_one_short_line_without_controls(text in ".*", times in 1..50_usize) {
            let text = text.repeat(times);
            let shown = excerpt(&text).to_string();
            let is_harmless = |c: char| c == ' ' || !(c.is_control() || c.is_whitespace() || "\u{202e}\u{200b}".contains(c));
            prop_assert!(shown.chars().all(is_harmless), "{:?}", shown);
            let longest = 200 * r"\u{10ffff}".len() + "…".len();
            prop_assert!(shown.len() <= longest, "{}", shown);
            prop_assert!(text[..cut(&text, 200)].chars().count() <= 200);
        }
    }
}
