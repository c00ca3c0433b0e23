//! `make prices FILE…`: prints src/price/prices.csv with the prices in AWS's bulk offer files of AWSLambda.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is no tool of the pipe")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    match lpt::price::rebuilt(&files) {
        Ok(list) => {
            print!("{list}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("make prices: {error}");
            ExitCode::FAILURE
        }
    }
}
