//! The `doorward` program: parses the command line and runs one command.

use std::process::ExitCode;

/// What a request allocates is small and short-lived; see `docs/architecture.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    doorward::cli::run()
}
