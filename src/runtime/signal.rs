//! What the operator says to the process.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGHUP`: read the configuration and everything it names again.
    Reload,
    /// The first `SIGTERM` or `SIGINT`: finish what runs, then end.
    Stop,
    /// The second one: end at once, nobody is willing to wait.
    Abort,
}

/// The signals to this process, from its creation on: the default actions are off.
#[derive(Debug)]
pub struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    stop: Signal,
}

impl Signals {
    /// Takes over `SIGHUP`, `SIGTERM` and `SIGINT`; to be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            stop: Signal::Stop,
        })
    }

    /// Waits for the next signal. Dropping the future loses none.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => self.stop(),
            _ = self.interrupt.recv() => self.stop(),
            _ = self.hangup.recv() => Signal::Reload,
        }
    }

    /// The first stop, and then the others.
    fn stop(&mut self) -> Signal {
        std::mem::replace(&mut self.stop, Signal::Abort)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn send(name: &str) {
        let this = std::process::id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &this])
                .status()
                .unwrap()
                .success()
        );
    }

    // One test, since every instance in a process hears every signal.
    #[tokio::test]
    async fn hangup_reloads_the_first_stop_drains_and_the_second_ends() {
        let mut signals = Signals::new().unwrap();
        send("HUP");
        assert_eq!(signals.next().await, Signal::Reload);
        send("TERM");
        assert_eq!(signals.next().await, Signal::Stop);
        send("HUP");
        assert_eq!(signals.next().await, Signal::Reload);
        send("INT");
        assert_eq!(signals.next().await, Signal::Abort);
    }
}
