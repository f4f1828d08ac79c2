//! [`Door`]: who comes in, before anything of a request is done.
//!
//! A browser on this machine may be led to send requests here by any page. It sends no credential
//! of its own accord, since cookies never count; and what a page has sent is known by `Origin`, what
//! a name that was made to mean this machine has, by `Host`.

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, header};

use super::office::Office;
use super::refusal::Refusal;
use crate::accounts::service::{Actor, Fault};
use crate::auth::{Memo, Permission};
use crate::clock::Timestamp;
use crate::snapshot::Vocabulary;

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entrance {
    /// At this port of a loopback address.
    Tcp(u16),
    /// At a socket that no browser speaks to.
    Unix,
}

/// Whether a request brings a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    None,
    Some,
}

/// Lets in who may come in.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) office: Arc<Office>,
    pub(super) entrance: Entrance,
}

impl Door {
    /// Who sends the request, and may send any.
    pub(super) fn admit(
        &self,
        head: &Parts,
        content: Content,
        from: String,
    ) -> Result<Actor, Refusal> {
        self.entrance.check(head)?;
        let snapshot = self.office.reader.load();
        let identity = snapshot
            .gate
            .caller(head, &mut Memo::new(1), Timestamp::now())?;
        let admin = Permission::new(Vocabulary::ADMIN, "*").map_err(|_| Refusal::Forbidden)?;
        if !identity.permissions().allow(&admin) {
            return Err(Refusal::Forbidden);
        }
        if content == Content::Some && !is_json(&head.headers) {
            return Err(Fault::MediaType.into());
        }
        Ok(Actor::new(&identity, from))
    }
}

impl Entrance {
    /// Whether it is addressed to us, and not by a page of somebody else's.
    fn check(self, head: &Parts) -> Result<(), Refusal> {
        let host = only(&head.headers, &header::HOST)?.ok_or(Refusal::Malformed)?;
        let host: Authority = host.parse().map_err(|_| Refusal::Malformed)?;
        if !self.is_addressed_by(&host) {
            return Err(Refusal::WrongHost);
        }
        // A target in absolute form counts more than the header (RFC 9112 §3.2.2).
        if head
            .uri
            .authority()
            .is_some_and(|target| !is_same(target.as_str(), &host))
        {
            return Err(Refusal::WrongHost);
        }
        match only(&head.headers, &header::ORIGIN) {
            Ok(None) => Ok(()),
            Ok(Some(origin)) if self.is_own(origin, &host) => Ok(()),
            _ => Err(Refusal::ForeignOrigin),
        }
    }

    fn is_addressed_by(self, host: &Authority) -> bool {
        let Self::Tcp(port) = self else {
            return true;
        };
        let name = host.host();
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
        let is_here =
            name.eq_ignore_ascii_case("localhost") || literal.parse().is_ok_and(is_loopback);
        // No port stands for the scheme's own (RFC 9110 §4.2.1).
        let is_port = host.port_u16().unwrap_or(80) == port;
        is_here && is_port && !host.as_str().contains('@')
    }

    /// Whether it is the page's own origin that the request is addressed to.
    fn is_own(self, origin: &str, host: &Authority) -> bool {
        let authority = origin.strip_prefix("http://");
        self != Self::Unix && authority.is_some_and(|authority| is_same(authority, host))
    }
}

fn is_same(authority: &str, host: &Authority) -> bool {
    authority.eq_ignore_ascii_case(host.as_str())
}

/// The one value of a header, if it is there.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Refusal::Malformed),
        (Some(_), Some(_)) => Err(Refusal::Malformed),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Ok(Some(kind)) = only(headers, &header::CONTENT_TYPE) else {
        return false;
    };
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check(entrance: Entrance, target: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let request = Request::get(target);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        entrance.check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_names_that_mean_this_machine_are_answered_and_only_at_the_port() {
        let host = |host: &str| check(Entrance::Tcp(9181), "/", &[("host", host)]);
        for good in [
            "127.0.0.1:9181",
            "localhost:9181",
            "LOCALHOST:9181",
            "[::1]:9181",
            "127.9.9.9:9181",
        ] {
            assert_eq!(host(good), Ok(()), "{good}");
        }
        for bad in [
            "127.0.0.1",
            "127.0.0.1:9180",
            "rebound.example:9181",
            "localhost.:9181",
            "localhost.rebound.example:9181",
            "127.0.0.1.rebound.example:9181",
            "192.0.2.1:9181",
            "0.0.0.0:9181",
            "me@127.0.0.1:9181",
        ] {
            assert_eq!(host(bad), Err(Refusal::WrongHost), "{bad}");
        }
        assert_eq!(host("a b"), Err(Refusal::Malformed));
        assert_eq!(
            check(Entrance::Tcp(80), "/", &[("host", "localhost")]),
            Ok(())
        );
    }

    #[test]
    fn a_host_is_there_once_and_the_target_names_no_other() {
        let tcp = Entrance::Tcp(9181);
        let host = ("host", "127.0.0.1:9181");
        assert_eq!(check(tcp, "/", &[]), Err(Refusal::Malformed));
        assert_eq!(check(tcp, "/", &[host, host]), Err(Refusal::Malformed));
        assert_eq!(check(tcp, "http://127.0.0.1:9181/", &[host]), Ok(()));
        let other = "http://rebound.example:9181/";
        assert_eq!(check(tcp, other, &[host]), Err(Refusal::WrongHost));
    }

    #[test]
    fn a_page_is_ours_if_it_came_from_where_its_request_goes() {
        let of = |entrance, origin| {
            check(
                entrance,
                "/",
                &[("host", "localhost:9181"), ("origin", origin)],
            )
        };
        let tcp = Entrance::Tcp(9181);
        assert_eq!(of(tcp, "http://localhost:9181"), Ok(()));
        for bad in [
            "null",
            "",
            "https://localhost:9181",
            "http://localhost:9180",
            "http://127.0.0.1:9181",
            "http://localhost:9181/",
            "http://rebound.example",
        ] {
            assert_eq!(of(tcp, bad), Err(Refusal::ForeignOrigin), "{bad}");
        }
        let own = "http://localhost:9181";
        assert_eq!(of(Entrance::Unix, own), Err(Refusal::ForeignOrigin));
    }
}
