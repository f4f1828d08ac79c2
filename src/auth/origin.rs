//! [`Origins`]: which web pages may open a WebSocket (RFC 6455 §10.2).

use http::{header, request::Parts};

use super::{Denial, Hosts, authority};

/// Pages of the public hosts, and of these origins. A client that is no browser sends no `Origin`.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    also: Vec<Box<str>>,
}

impl Origins {
    /// Allows these origins (`https://app.example`) besides the public hosts; `*` allows any.
    #[must_use]
    pub fn new(also: impl IntoIterator<Item = String>) -> Self {
        Self {
            also: also
                .into_iter()
                .map(|origin| origin.to_ascii_lowercase().into())
                .collect(),
        }
    }

    /// Checks the `Origin` of a handshake.
    ///
    /// # Errors
    /// `ForeignOrigin` when there is one that is neither a public host's nor listed.
    pub(super) fn check(&self, head: &Parts, hosts: &Hosts) -> Result<(), Denial> {
        let mut lines = head.headers.get_all(header::ORIGIN).iter();
        let origin = match (lines.next(), lines.next()) {
            (None, _) => return Ok(()),
            (Some(origin), None) => origin.to_str().unwrap_or("null").to_ascii_lowercase(),
            (Some(_), Some(_)) => return Err(Denial::ForeignOrigin),
        };
        let listed = self
            .also
            .iter()
            .any(|also| **also == *origin || **also == *"*");
        if listed || is_public(&origin, hosts) {
            Ok(())
        } else {
            Err(Denial::ForeignOrigin)
        }
    }
}

fn is_public(origin: &str, hosts: &Hosts) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let host = authority::split(authority).map(|(host, _)| host);
    matches!(scheme, "https" | "http") && host.is_some_and(|host| hosts.allow_by_name(host))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::auth::HostPattern;

    fn check(origins: &[&str]) -> Result<(), Denial> {
        let hosts = Hosts::new(vec![HostPattern::parse("chat.example")]);
        let mut request = Request::builder();
        for origin in origins {
            request = request.header("origin", *origin);
        }
        let head = request.body(()).unwrap().into_parts().0;
        Origins::new(["https://App.example".to_owned()]).check(&head, &hosts)
    }

    #[test]
    fn pages_of_ours_listed_ones_and_non_browsers_may_open_a_websocket() {
        for origins in [
            &[][..],
            &["https://chat.example:8443"],
            &["https://app.example"],
        ] {
            assert_eq!(check(origins), Ok(()), "{origins:?}");
        }
    }

    #[test]
    fn other_pages_may_not() {
        for origins in [
            &["https://evil.example"][..],
            &["null"],
            &["https://chat.example.evil"],
            &["https://chat.example@evil.example"],
            &["https://app.example:444"],
            &["chat.example"],
            &["https://chat.example", "https://chat.example"],
        ] {
            assert_eq!(check(origins), Err(Denial::ForeignOrigin), "{origins:?}");
        }
    }
}
