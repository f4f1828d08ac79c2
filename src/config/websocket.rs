//! `[websocket]`: open sockets.

use schemars::JsonSchema;
use serde::Deserialize;

use super::one_or_many::OneOrMany;
use super::units::{OrOff, Period, Size};

/// What holds for every WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocket {
    /// Open sockets a user may have, or `"off"`; default: the profile's. A lowered limit counts for
    /// new sockets, open ones stay.
    pub max_per_user: Option<OrOff<u32>>,
    /// What happens when a user at the limit opens one more; default: the profile's, else
    /// `"refuse"`.
    pub over_limit: Option<OverLimit>,
    /// Largest message from the client, in bytes on the wire; beyond it: 1009.
    pub max_message: Size,
    /// Ends a socket on which nothing moved for this long.
    pub idle_timeout: OrOff<Period>,
    /// Browser origins besides the public hosts.
    pub origins: OneOrMany<String>,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            max_per_user: None,
            over_limit: None,
            max_message: Size::kibibytes(16 * 1024),
            idle_timeout: OrOff::Off,
            origins: OneOrMany::default(),
        }
    }
}

/// What happens when a user who has as many sockets as the limit says opens one more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OverLimit {
    /// It is answered 429.
    #[default]
    Refuse,
    /// The oldest is closed with 4429, and the new one opens when the backend has ended that.
    Replace,
    /// It opens.
    Allow,
}
