//! `doorward session list`: what is open.

use std::fmt::Write as _;

use http::Method;

use super::admin::{AdminArguments, Asked};
use crate::admin::ListedSession;
use crate::cli::{
    Exit,
    output::{self, Format},
};

/// Lists open WebSockets and streams, the oldest first.
///
/// Exits with 3 when the credential is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward session list --credential-file secrets/admin-key
  doorward session list --user alice --admin unix:///run/doorward/admin.sock --credential-file -
  doorward session list --credential-file secrets/admin-key --format json | jq length")]
pub(super) struct List {
    #[command(flatten)]
    admin: AdminArguments,
    /// Only those of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only those of this credential: the id of a key, or the name of an issuer
    #[arg(long = "credential", value_name = "ID")]
    credential_id: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl List {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let fields = [("user", &self.user), ("credential", &self.credential_id)];
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            query.extend_pairs(value.iter().map(|value| (name, value)));
        }
        let path = format!("/sessions?{}", query.finish());
        let Asked::Done(open) = self.admin.ask(Method::GET, &path, None)? else {
            return Ok(Exit::Denied);
        };
        let open: Vec<ListedSession> = open;
        output::print(self.format, &open, || table(&open))?;
        Ok(Exit::Done)
    }
}

/// One line a session.
fn table(open: &[ListedSession]) -> String {
    let mut text = String::new();
    for session in open {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let words = [
            session.id.clone(),
            session.kind.clone(),
            or_none(&session.user),
            or_none(&session.credential),
            session.client.clone(),
            session.opened.clone(),
            format!("{}/{}", session.sent, session.received),
            session.path.clone(),
        ];
        let words: Vec<_> = words.iter().map(|word| printable(word)).collect();
        // A string takes everything.
        let _ = writeln!(text, "{}", words.join("  "));
    }
    text
}

/// Text that others wrote: what a terminal would obey is shown as an escape.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        match character {
            '"' | '\'' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let shown = printable("/a\u{1b}]0;x\u{7}\r\n\u{9b}1m\u{202e}\\'é\"");
        assert_eq!(shown, "/a\\u{1b}]0;x\\u{7}\\r\\n\\u{9b}1m\\u{202e}\\\\'é\"");
    }
}
