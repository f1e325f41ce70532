//! The ocitop binary: parse, dispatch, exit code. Everything else is in the library.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match ocitop::cli::run(std::env::args_os()) {
        Ok(code) => code,
        Err(failure) => {
            // Nobody left to tell if stderr is closed.
            writeln!(std::io::stderr(), "ocitop: {}", failure.message).ok();
            ExitCode::from(failure.code)
        }
    }
}
