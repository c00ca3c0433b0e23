//! The arguments of `lpt-plot` as typed.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use super::{Form, Options};
use crate::cli::{CommonArgs, InputArgs, STYLES, more};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;

/// Draw the sizes of each function: a page to send to a colleague, or a picture
///
/// Reads statistics, and the selections and proposals of lpt-select and the invocations themselves if they are there.
/// It passes no record on, so it is the last tool of a pipe.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-plot", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-plot"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// File to write: .html, .svg or .png (none: HTML to stdout)
    ///
    /// The page needs no network: a browser opens it as it is. A picture has cost and duration by size, and no
    /// invocations. A file that exists is replaced when the new one is complete.
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl Tool for Args {
    const STOPPED: &'static str = "stopped at once";
    const WRITES_RECORDS: bool = false;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn input(&self) -> Option<&InputArgs> {
        Some(&self.input)
    }

    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        super::run(&self.into_options()?, pipe).await
    }
}

impl Args {
    fn into_options(self) -> Result<Options, Error> {
        let Some(path) = self.output else {
            if io::stdout().is_terminal() {
                return Err(Error::Usage(
                    "a page is not for a terminal; add --output report.html, or redirect stdout".to_owned(),
                ));
            }
            return Ok(Options { form: Form::Html, output: None });
        };
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let form = match extension.to_str() {
            Some("html" | "htm") => Form::Html,
            Some("svg") => Form::Svg,
            Some("png") => Form::Png,
            _ => {
                return Err(Error::Usage(format!(
                    "--output {}: expected a name that ends in .html, .svg or .png",
                    path.display()
                )));
            }
        };
        Ok(Options { form, output: Some(path) })
    }
}
