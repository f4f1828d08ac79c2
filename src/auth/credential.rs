//! `Credential` and [`Carrier`]: what the client presented, and where it came.

use std::borrow::Cow;

use http::HeaderName;

/// Where a credential may be carried (RFC 6750 §2, RFC 9110 §11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer C`, the scheme in any case.
    Bearer,
    /// `Authorization: C`, a value without a scheme.
    BareAuthorization,
    /// `Authorization: Api-Key C`.
    ApiKeyScheme,
    /// A header of its own: `X-API-Key: C`.
    Header(HeaderName),
    /// A query parameter of this decoded name: `?token=C`.
    Query(Box<str>),
    /// A cookie of this name. A browser sends it by itself, so that it yields to any other, and
    /// counts only where the request is ours ([`super::Origins`]).
    Cookie(Box<str>),
    /// `Sec-WebSocket-Protocol: bearer, C`, or `base64url.bearer.authorization.*`.
    Subprotocol,
}

impl Carrier {
    /// Its name in logs and in `explain`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Bearer => "authorization bearer",
            Self::BareAuthorization => "authorization bare value",
            Self::ApiKeyScheme => "authorization api-key",
            Self::Header(name) => name.as_str(),
            Self::Query(name) | Self::Cookie(name) => name,
            Self::Subprotocol => "subprotocol",
        }
    }
}

/// What one carrier held.
#[derive(Clone)]
pub(super) struct Credential<'r> {
    /// The credential itself; never empty.
    pub(super) value: Cow<'r, str>,
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_carrier_has_a_name_of_its_own() {
        let carriers = [
            Carrier::Bearer,
            Carrier::BareAuthorization,
            Carrier::ApiKeyScheme,
            Carrier::Header(HeaderName::from_static("x-api-key")),
            Carrier::Query("token".into()),
            Carrier::Cookie("jwt".into()),
            Carrier::Subprotocol,
        ];
        let names = carriers.each_ref().map(Carrier::name);
        let wanted = [
            "authorization bearer",
            "authorization bare value",
            "authorization api-key",
            "x-api-key",
            "token",
            "jwt",
            "subprotocol",
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn a_credential_is_not_printed() {
        let value = "hunter2".into();
        assert_eq!(format!("{:?}", Credential { value }), "Credential(…)");
    }
}
