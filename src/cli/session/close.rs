//! `doorward session close`: ends what is open.

use http::Method;
use serde_json::json;

use super::admin::{AdminArguments, Asked};
use crate::admin::Closed;
use crate::cli::{
    Exit,
    output::{self, Format},
};
use crate::sessions::oversight::{InvalidSessionId, SessionId};

/// Closes one session, those of a user or of a credential, or all.
///
/// It keeps nobody from coming back: who should not, loses the credential (`key revoke`). Exits with
/// 3 when the credential is refused.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true), after_help = "Examples:
  doorward session close 2-17 --credential-file secrets/admin-key
  doorward session close --user alice --credential-file secrets/admin-key
  doorward session close --all --credential-file - < secrets/admin-key")]
pub(super) struct Close {
    /// The id of one, as `session list` shows it
    #[arg(value_name = "ID", group = "which", value_parser = id)]
    session: Option<SessionId>,
    /// Those of this user
    #[arg(long, value_name = "USER", group = "which")]
    user: Option<String>,
    /// Those of this credential: the id of a key, or the name of an issuer
    #[arg(long = "credential", value_name = "ID", group = "which")]
    credential_id: Option<String>,
    /// Every one
    #[arg(long, group = "which")]
    all: bool,
    #[command(flatten)]
    admin: AdminArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Close {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let many = |which| (Method::POST, "/sessions/close".to_owned(), Some(which));
        let (method, path, body) = match (&self.session, &self.user, &self.credential_id) {
            (Some(id), ..) => (Method::DELETE, format!("/sessions/{id}"), None),
            (None, Some(user), _) => many(json!({ "user": user })),
            (None, None, Some(credential)) => many(json!({ "credential": credential })),
            (None, None, None) => many(json!({ "all": self.all })),
        };
        let Asked::Done(closed) = self.admin.ask(method, &path, body.as_ref())? else {
            return Ok(Exit::Denied);
        };
        let closed: Closed = closed;
        output::print(self.format, &closed, || format!("{} closed", closed.closed))?;
        Ok(Exit::Done)
    }
}

fn id(text: &str) -> Result<SessionId, InvalidSessionId> {
    text.parse()
}
