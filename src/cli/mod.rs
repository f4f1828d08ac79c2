//! The commands, one a file. Each reads its arguments, does one thing and says how it ended; no
//! secret is ever an argument, since every process of the machine may read those.

mod cert;
mod check;
mod client;
mod configuration;
mod connect;
mod credential;
mod demo;
mod dial;
mod doctor;
mod explain;
mod health;
mod key;
mod output;
mod schema;
mod secret;
mod serve;
mod session;
mod sign;
mod store;
mod token;
mod user;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            Exit::Failed.into()
        }
    }
}

/// An authentication sidecar for chat backends: TLS, API keys and JWTs in front of an unmodified
/// server.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Connect(connect::Connect),
    Check(check::Check),
    Explain(explain::Explain),
    Doctor(doctor::Doctor),
    Secret(secret::Secrets),
    Key(key::Keys),
    Token(token::Tokens),
    User(user::Users),
    Store(store::Stores),
    Session(session::Sessions),
    Cert(cert::Certs),
    Health(health::Health),
    Schema(schema::Schema),
}

impl Command {
    fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Demo(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Connect(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Secret(command) => command.run(),
            Self::Key(command) => command.run(),
            Self::Token(command) => command.run(),
            Self::User(command) => command.run(),
            Self::Store(command) => command.run(),
            Self::Session(command) => command.run(),
            Self::Cert(command) => command.run(),
            Self::Health(command) => command.run(),
            Self::Schema(command) => command.run(),
        }
    }
}

/// How a command ended, as its exit status says it. Wrong usage is 2, and clap's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// 0
    Done,
    /// 1
    Failed,
    /// 3: the credential was refused, or the request would be.
    Denied,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Denied => 3,
        })
    }
}

/// A runtime for one command's own connections.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every command that does something, with its path of names.
    fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let path = format!("{path} {}", command.get_name());
        if !command.has_subcommands() {
            return vec![(path, command.clone())];
        }
        command
            .get_subcommands()
            .flat_map(|command| leaves(command, &path))
            .collect()
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        for (path, command) in leaves(&Cli::command(), "") {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("Examples:") && help.contains("doorward "),
                "{path}"
            );
        }
    }

    #[test]
    fn no_argument_takes_a_secret_itself() {
        for (path, command) in leaves(&Cli::command(), "") {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                let secret = ["secret", "password", "credential", "key", "token"];
                assert!(!secret.contains(&name), "{path} {name}");
            }
        }
    }
}
