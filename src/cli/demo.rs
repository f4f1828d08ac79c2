//! `doorward demo`: everything in one process, to see it work.

mod stage;
mod tour;

use std::{
    env, io,
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use anyhow::Context;
use stage::Stage;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, output, runtime};
use crate::{
    app::App,
    clock::Timestamp,
    config::Environment,
    control::Source,
    demo::{Backend, Settings},
    runtime::signal::Signals,
    telemetry::writer::LogSink,
};

/// Where the demo listens unless told otherwise.
const PORT: u16 = 8443;

/// Runs a small chat backend and the sidecar before it, and prints lines to try.
///
/// Listens on loopback only. Keys, certificates and configuration are made afresh in a temporary
/// directory, to be edited while it runs, and removed when it ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward demo
  doorward demo --port 9443")]
pub(super) struct Demo {
    /// Where to listen on loopback; by default 8443, or any free port when that is taken
    #[arg(long)]
    port: Option<u16>,
}

impl Demo {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        runtime()?.block_on(self.serve())
    }

    async fn serve(&self) -> anyhow::Result<Exit> {
        // Before there is anything to remove, so that no signal leaves it behind.
        let mut signals = Signals::new()?;
        let mut hangup = signal(SignalKind::hangup())?;
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = free_port(self.port).context("looking for a port")?;
        let backend = Backend::start(listener, behaviour())?;
        let stage = Stage::set(port, backend.address(), Timestamp::now())?;
        let source = Source::File(stage.path("doorward.toml"));
        let app = App::start(source, Environment::default(), LogSink::stdout()?)?;
        output::line(&tour::tour(&stage, port, &env::current_exe()?))?;
        tokio::select! {
            ended = app.run(&mut signals) => ended?,
            // The terminal was closed: nobody is looking any more.
            _ = hangup.recv() => {}
        }
        Ok(Exit::Done)
    }
}

/// Slow enough to watch, and without the numbers that nobody wants to see.
fn behaviour() -> Settings {
    Settings {
        token_pause: Duration::from_millis(40),
        embedding: 3,
        ..Settings::default()
    }
}

/// A port of loopback that nobody listens on: the one asked for, or the usual one, or any. The
/// sidecar's own sockets would share a port with another sidecar's, hence the look before.
fn free_port(asked: Option<u16>) -> io::Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = match asked {
        Some(port) => bind(port)?,
        None => bind(PORT).or_else(|_| bind(0))?,
    };
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_an_error_only_when_asked_for() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(free_port(Some(port)).is_err());
        assert_ne!(free_port(None).unwrap(), port);
        assert_ne!(free_port(Some(0)).unwrap(), 0);
    }
}
