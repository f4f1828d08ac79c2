//! `[websocket]`: open sockets.

use schemars::JsonSchema;
use serde::Deserialize;

use super::one_or_many::OneOrMany;
use super::units::{OrOff, Period, Size};

/// What holds for every WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocket {
    /// Open sockets a user may have; one more is answered 429. A lowered limit counts for new
    /// sockets, open ones stay.
    pub max_per_user: OrOff<u32>,
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
            max_per_user: OrOff::Off,
            max_message: Size::kibibytes(16 * 1024),
            idle_timeout: OrOff::Off,
            origins: OneOrMany::default(),
        }
    }
}
