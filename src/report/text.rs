//! Text for people: lines of at most 80 columns, some of which colour may stress.

use std::io::{self, IsTerminal};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};

use crate::message;
use crate::progress::obeys_codes;
use crate::quote::visible;

/// The columns of a terminal that nobody has made larger.
pub(super) const WIDTH: u16 = 80;

/// What a line is. Its words say so too: colour only helps the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Title,
    Good,
    Bad,
}

impl Tone {
    /// Returns a style that can be read on a light and on a dark background. Many terminals show a bold colour brighter, and
    /// bright green on white cannot be read.
    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Title => Style::new().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default(),
        }
    }
}

/// Lines for people.
#[derive(Debug, Default)]
pub struct Text(Vec<(Tone, String)>);

impl Text {
    /// Adds a line, which is as long as it is.
    pub fn line(&mut self, tone: Tone, line: &str) {
        self.0.push((tone, visible(line).to_string()));
    }

    /// Adds a paragraph, wrapped between its words.
    pub fn paragraph(&mut self, tone: Tone, paragraph: &str) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(WIDTH).add_row([visible(paragraph).to_string()]);
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 0));
        });
        self.0.extend(table.lines().map(|line| (tone, line.trim_end().to_owned())));
    }

    /// Adds another text, after an empty line if there is something before it.
    pub fn append(&mut self, mut other: Text) {
        if !self.0.is_empty() && !other.0.is_empty() {
            self.line(Tone::Plain, "");
        }
        self.0.append(&mut other.0);
    }

    /// Returns the text for stdout, with colour if it may have that.
    pub fn for_stdout(&self) -> String {
        self.render(may_have_colour(&io::stdout()))
    }

    /// Shows the text on stderr if somebody watches it, because the records on stdout say the same.
    pub fn show(&self) {
        message::for_people(|| self.render(may_have_colour(&io::stderr())));
    }

    fn render(&self, has_colour: bool) -> String {
        let lines = self.0.iter().map(|(tone, line)| match tone.style() {
            style if has_colour && *tone != Tone::Plain => format!("{style}{line}{style:#}"),
            _ => line.clone(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Whether a stream is a terminal that shows colour, and the user wants it: `NO_COLOR`, <https://no-color.org>. No variable
/// brings colour into a file or a pipe, where programs read the text.
fn may_have_colour(stream: &impl IsTerminal) -> bool {
    obeys_codes(stream) && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_wrapped_between_words_and_a_long_word_within() {
        let mut text = Text::default();
        text.paragraph(Tone::Title, &format!("{} end", "word ".repeat(30).trim_end()));
        text.paragraph(Tone::Plain, &"x".repeat(170));
        let lines: Vec<usize> = text.0.iter().map(|(_, line)| line.len()).collect();
        assert_eq!(lines, [79, 73, 80, 80, 10]);
    }

    #[test]
    fn only_what_is_ours_reaches_the_terminal_as_an_escape_code() {
        let mut text = Text::default();
        text.line(Tone::Good, "\u{1b}[2Jgone");
        assert_eq!(text.render(false), "\\u{1b}[2Jgone");
        assert_eq!(text.render(true), "\u{1b}[32m\\u{1b}[2Jgone\u{1b}[0m");
    }
}
