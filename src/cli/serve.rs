//! `doorward serve`: the sidecar itself.

use std::io::{self, Write as _};

use super::{
    Exit,
    configuration::{ConfigArgument, environment},
    runtime,
};
use crate::{app::App, runtime::signal::Signals, telemetry::writer::LogSink};

/// Runs the sidecar.
///
/// Logs go to stdout. On stderr: why it cannot start, and when it is ready one line a listener.
/// SIGHUP reloads at once; SIGTERM and SIGINT drain, and a second one ends at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward serve
  doorward serve --config config/doorward.toml
  DOORWARD_BACKEND_URL=http://127.0.0.1:1865 CCAT_API_KEY=… doorward serve")]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArgument,
}

impl Serve {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        runtime()?.block_on(async {
            let mut signals = Signals::new()?;
            let app = App::start(self.config.source(), environment(), LogSink::stdout()?)?;
            announce(&app);
            app.run(&mut signals).await?;
            Ok(Exit::Done)
        })
    }
}

fn announce(app: &App) {
    let mut stderr = io::stderr().lock();
    for line in app.announcements() {
        // Nobody has to read it. At once, newline and all: the log may go to the same place.
        let _ = stderr.write_all(format!("{line}\n").as_bytes());
    }
}
