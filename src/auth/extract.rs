//! [`Extraction`]: finds the one explicit credential of a request.

use std::borrow::Cow;

use base64::Engine as _;
use http::{HeaderValue, header, request::Parts};

use super::{
    Denial, Transport, cookies,
    credential::{Carrier, Credential},
    query,
    verify::Rejection,
};

/// Where credentials may come from, for each transport.
#[derive(Clone, Debug)]
pub struct Extraction {
    /// Carriers of ordinary requests.
    pub http: Vec<Carrier>,
    /// Carriers of WebSocket handshakes.
    pub websocket: Vec<Carrier>,
    /// The longest credential looked at, in bytes.
    pub token_size: usize,
}

impl Extraction {
    /// Finds the explicit credential, if there is one, and the carrier it came by.
    ///
    /// An empty value is no credential: a client library may send its header unconditionally.
    ///
    /// # Errors
    /// `Ambiguous` when two carriers hold different credentials or a header comes twice; a
    /// rejection when a carrier holds what can't be a credential.
    pub(super) fn find<'r>(
        &self,
        head: &'r Parts,
        transport: Transport,
    ) -> Result<Option<Credential<'r>>, Denial> {
        let carriers = self.carriers(transport);
        let mut found = Found::default();
        authorization(head, carriers, &mut found)?;
        for carrier in carriers {
            match carrier {
                Carrier::Header(name) => {
                    if let Some(value) = single(head, name)? {
                        found.add(Cow::Borrowed(text(value)?))?;
                    }
                }
                Carrier::Query(name) => {
                    for value in query::values(head.uri.query().unwrap_or_default(), name) {
                        found.add(Cow::Owned(value.ok_or(Rejection::Unreadable)?))?;
                    }
                }
                Carrier::Subprotocol => subprotocols(head, &mut found)?,
                Carrier::Bearer
                | Carrier::BareAuthorization
                | Carrier::ApiKeyScheme
                | Carrier::Cookie(_) => {}
            }
        }
        found.one(self.token_size)
    }

    /// Finds the credential that a browser sends by itself, if there is one.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(super) fn ambient<'r>(
        &self,
        head: &'r Parts,
        transport: Transport,
    ) -> Result<Option<Credential<'r>>, Denial> {
        let mut found = Found::default();
        for carrier in self.carriers(transport) {
            if let Carrier::Cookie(name) = carrier {
                for value in cookies::values(&head.headers, name) {
                    found.add(Cow::Borrowed(value.ok_or(Rejection::Unreadable)?))?;
                }
            }
        }
        found.one(self.token_size)
    }

    fn carriers(&self, transport: Transport) -> &[Carrier] {
        match transport {
            Transport::Http => &self.http,
            Transport::WebSocket => &self.websocket,
        }
    }
}

/// The credential so far, and whether there was one that no carrier can use.
#[derive(Default)]
struct Found<'r> {
    credential: Option<Credential<'r>>,
    unusable: bool,
}

impl<'r> Found<'r> {
    fn one(self, longest: usize) -> Result<Option<Credential<'r>>, Denial> {
        match self.credential {
            Some(credential) if credential.value.len() > longest => Err(Rejection::TooLong.into()),
            Some(_) if self.unusable => Err(Denial::Ambiguous),
            None if self.unusable => Err(Rejection::Unreadable.into()),
            credential => Ok(credential),
        }
    }

    fn add(&mut self, value: Cow<'r, str>) -> Result<(), Denial> {
        match &self.credential {
            _ if value.is_empty() => Ok(()),
            Some(earlier) if earlier.value != value => Err(Denial::Ambiguous),
            Some(_) => Ok(()),
            None => {
                self.credential = Some(Credential { value });
                Ok(())
            }
        }
    }
}

/// `Authorization = auth-scheme 1*SP token68` (RFC 9110 §11.4, §11.6.2).
fn authorization<'r>(
    head: &'r Parts,
    carriers: &[Carrier],
    found: &mut Found<'r>,
) -> Result<(), Denial> {
    let Some(value) = single(head, &header::AUTHORIZATION)? else {
        return Ok(());
    };
    let value = text(value)?;
    if value.is_empty() {
        return Ok(());
    }
    let carrier = |wanted: &Carrier| carriers.contains(wanted);
    // A scheme is short: shorter than a search is worth.
    let space = value.bytes().position(|byte| byte == b' ');
    let (scheme, rest) = space
        .and_then(|at| value.split_at_checked(at))
        .unwrap_or((value, ""));
    let credential = rest.trim_matches(' ');
    let named = (scheme.eq_ignore_ascii_case("bearer") && carrier(&Carrier::Bearer))
        || (scheme.eq_ignore_ascii_case("api-key") && carrier(&Carrier::ApiKeyScheme));
    if named && !credential.is_empty() && all(credential, |byte| byte > b' ') {
        found.add(Cow::Borrowed(credential))
    } else if !named && rest.is_empty() && carrier(&Carrier::BareAuthorization) {
        found.add(Cow::Borrowed(value))
    } else {
        found.unusable = true;
        Ok(())
    }
}

fn subprotocols<'r>(head: &'r Parts, found: &mut Found<'r>) -> Result<(), Denial> {
    let mut offers = offered(head);
    while let Some(offer) = offers.next() {
        match Subprotocol::of(offer) {
            Subprotocol::Bearer => match offers.next() {
                Some(credential) => found.add(Cow::Borrowed(credential))?,
                None => found.unusable = true,
            },
            Subprotocol::Encoded(encoded) => {
                let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
                    .decode(encoded.trim_end_matches('='))
                    .map_err(|_| Rejection::Unreadable)?;
                let decoded = String::from_utf8(bytes).map_err(|_| Rejection::Unreadable)?;
                found.add(Cow::Owned(decoded))?;
            }
            Subprotocol::Other => {}
        }
    }
    Ok(())
}

/// The `Sec-WebSocket-Protocol` line without our credential carriers; `None` when nothing is left.
pub(super) fn subprotocols_left(head: &Parts) -> Option<HeaderValue> {
    let mut left: Vec<&str> = Vec::new();
    let mut offers = offered(head);
    while let Some(offer) = offers.next() {
        match Subprotocol::of(offer) {
            Subprotocol::Bearer => drop(offers.next()),
            Subprotocol::Encoded(_) => {}
            Subprotocol::Other => left.push(offer),
        }
    }
    (!left.is_empty())
        .then(|| HeaderValue::from_str(&left.join(", ")).ok())
        .flatten()
}

enum Subprotocol<'r> {
    Bearer,
    Encoded(&'r str),
    Other,
}

impl<'r> Subprotocol<'r> {
    fn of(offer: &'r str) -> Self {
        match offer.strip_prefix("base64url.bearer.authorization.") {
            Some(encoded) => Self::Encoded(encoded),
            None if offer.eq_ignore_ascii_case("bearer") => Self::Bearer,
            None => Self::Other,
        }
    }
}

fn offered(head: &Parts) -> impl Iterator<Item = &str> {
    head.headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .filter(|offer| !offer.is_empty())
}

fn single<'r>(head: &'r Parts, name: &http::HeaderName) -> Result<Option<&'r HeaderValue>, Denial> {
    let mut lines = head.headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (_, Some(_)) => Err(Denial::Ambiguous),
        (line, None) => Ok(line),
    }
}

/// The value as text: visible ASCII, spaces and tabs.
fn text(value: &HeaderValue) -> Result<&str, Denial> {
    let text = str::from_utf8(value.as_bytes()).map_err(|_| Rejection::Unreadable)?;
    if all(text, |byte| matches!(byte, b' '..=b'~' | b'\t')) {
        Ok(text)
    } else {
        Err(Rejection::Unreadable.into())
    }
}

/// Whether all bytes are such. Without an early end the compiler looks at many at a time.
fn all(text: &str, is_such: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & is_such(byte))
}

#[cfg(test)]
mod tests;
