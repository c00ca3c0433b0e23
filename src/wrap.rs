//! Long lines on a terminal, broken between words.

use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// Returns the columns of a terminal; `None` for another stream.
pub(crate) fn columns(stream: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(stream).ok()?;
    Some(size.ws_col.into()).filter(|columns| *columns > 0)
}

/// Fills a line with spaces so that a terminal breaks it between words. It stays one line, without a line break: a command
/// in it can be copied and typed.
pub(crate) fn between_words(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    let mut filled = String::with_capacity(line.len() + columns);
    let mut column = 0;
    for word in words(line) {
        let length = word.trim_end_matches(' ').chars().count();
        // The space before the last column is left over, so that it is never the first character of a row. A word that no
        // row has room for begins where it is.
        if column + length >= columns && length < columns && column > 0 {
            filled.extend(std::iter::repeat_n(' ', columns - column));
            column = 0;
        }
        filled.push_str(word);
        column = (column + word.chars().count()) % columns;
    }
    filled
}

/// Returns the words of a line, each with the space behind it. What is quoted for a shell is one word, which may contain
/// spaces.
fn words(mut rest: &str) -> Vec<&str> {
    let mut words = Vec::new();
    while !rest.is_empty() {
        let closing = match rest.as_bytes()[0] {
            quote @ (b'\'' | b'"') => rest[1..].find(char::from(quote)).map_or(0, |at| at + 1),
            _ => 0,
        };
        let end = rest[closing..].find(' ').map_or(rest.len(), |at| closing + at + 1);
        let (word, others) = rest.split_at(end);
        words.push(word);
        rest = others;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rows in which a terminal shows a line.
    fn rows(line: &str, columns: usize) -> Vec<String> {
        let filled: Vec<char> = between_words(line, columns).chars().collect();
        filled.chunks(columns).map(|row| row.iter().collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn a_terminal_breaks_a_line_between_words() {
        assert_eq!(rows("run lpt-cleanup runs.ndjson", 12), ["run", "lpt-cleanup", "runs.ndjson"]);
        assert_eq!(rows("one two", 7), ["one two"]);
        assert_eq!(rows("one two three", 8), ["one two", "three"]);
        assert_eq!(rows("a word-that-is-too-long b", 8), ["a word-t", "hat-is-t", "oo-long", "b"]);
        assert_eq!(rows("lpt-cleanup 'my runs' it's", 15), ["lpt-cleanup", "'my runs' it's"]);
        assert_eq!(between_words("short", 80), "short");
    }

    #[test]
    fn words_and_their_order_stay() {
        let line =
            "to undo that: aws lambda update-function-configuration --memory-size 128 --region us-east-1";
        for columns in 1..100 {
            let filled = between_words(line, columns);
            assert!(filled.split(' ').filter(|word| !word.is_empty()).eq(line.split(' ')), "{columns}");
            let is_broken = |row: &String| row.starts_with(' ') || !line.contains(row.as_str());
            let broken = rows(line, columns).into_iter().find(is_broken);
            // The longest word has 29 characters.
            assert!(columns <= 29 || broken.is_none(), "{columns}: {broken:?}");
        }
    }
}
