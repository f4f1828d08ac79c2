//! `[websocket]`, with what the profile says where the file does not.

use super::findings::Findings;
use crate::config::{self, OrOff, OverLimit};
use crate::profile;
use crate::snapshot::{SocketLimit, WebSocketSettings};

pub(super) fn compile(
    written: &config::WebSocket,
    profile: &profile::WebSocket,
    findings: &mut Findings,
) -> WebSocketSettings {
    if written.max_message.0 == 0 {
        findings.error("websocket.max_message", "no message fits in nothing");
    }
    if written.max_per_user == Some(OrOff::Value(0)) {
        findings.error(
            "websocket.max_per_user",
            "nobody could open a socket: deny the route",
        );
    }
    WebSocketSettings {
        max_message: written.max_message.0,
        idle_timeout: written.idle_timeout.value().map(|period| period.0),
        per_user: limit(written, profile),
    }
}

fn limit(written: &config::WebSocket, profile: &profile::WebSocket) -> SocketLimit {
    let most = written.max_per_user.or(profile.max_per_user);
    let over = written.over_limit.or(profile.over_limit);
    match (most.and_then(OrOff::value), over.unwrap_or_default()) {
        (None, _) | (_, OverLimit::Allow) => SocketLimit::Off,
        (Some(most), OverLimit::Refuse) => SocketLimit::Refuse(most),
        (Some(most), OverLimit::Replace) => SocketLimit::Replace(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAT: profile::WebSocket = profile::WebSocket {
        max_per_user: Some(OrOff::Value(1)),
        over_limit: Some(OverLimit::Replace),
    };

    fn of(
        max_per_user: Option<OrOff<u32>>,
        over_limit: Option<OverLimit>,
        profile: profile::WebSocket,
    ) -> SocketLimit {
        let written = config::WebSocket {
            max_per_user,
            over_limit,
            ..config::WebSocket::default()
        };
        limit(&written, &profile)
    }

    #[test]
    fn without_a_word_there_is_no_limit_and_what_is_over_one_is_refused() {
        let none = profile::WebSocket::default();
        assert_eq!(of(None, None, none), SocketLimit::Off);
        assert_eq!(
            of(Some(OrOff::Value(2)), None, none),
            SocketLimit::Refuse(2)
        );
        let replace = Some(OverLimit::Replace);
        assert_eq!(of(None, replace, none), SocketLimit::Off);
    }

    #[test]
    fn the_file_has_its_way_over_the_profile_key_by_key() {
        assert_eq!(of(None, None, CAT), SocketLimit::Replace(1));
        assert_eq!(
            of(Some(OrOff::Value(3)), None, CAT),
            SocketLimit::Replace(3)
        );
        assert_eq!(of(Some(OrOff::Off), None, CAT), SocketLimit::Off);
        let (refuse, allow) = (Some(OverLimit::Refuse), Some(OverLimit::Allow));
        assert_eq!(of(None, refuse, CAT), SocketLimit::Refuse(1));
        assert_eq!(of(None, allow, CAT), SocketLimit::Off);
    }
}
