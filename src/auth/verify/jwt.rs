//! [`JwtVerifier`]: one issuer's tokens (RFC 7519, RFC 7515, RFC 8725).
//!
//! The signature is the library's business; the header and the claims are read here, strictly:
//! `crit` is refused, types are exact, and the key decides the algorithm.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{
    Algorithm, Basis, Claims, CredentialId, Identity, KeyDigest, KeySet, Rejection, Reserved,
    TokenBasis, UserTemplate, Verdict, claims::Object,
};
use crate::{
    auth::permission::{Permission, Permissions},
    clock::Timestamp,
};

/// What an issuer may vouch for, and how its claims are read.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// Name in configuration and logs.
    pub name: Arc<str>,
    /// Algorithms it signs with; others are refused whatever its keys could verify.
    pub algorithms: Vec<Algorithm>,
    /// `iss` must equal this (RFC 7519 §4.1.1); with `None` it isn't looked at.
    pub issuer: Option<Box<str>>,
    /// What `aud` must be (RFC 7519 §4.1.3).
    pub audience: Audience,
    /// How claims make a user id.
    pub user: UserTemplate,
    /// Claims that must be there.
    pub require: Vec<Box<str>>,
    /// Clock skew allowed for `exp`, `nbf` and `iat`.
    pub leeway: Duration,
    /// The claim that holds permissions or the issuer's words for them.
    pub permissions_claim: Option<Box<str>>,
    /// What every token grants.
    pub default_permissions: Vec<Permission>,
    /// The issuer's words, and the permissions they stand for.
    pub roles: HashMap<Box<str>, Vec<Permission>>,
    /// Digests of tokens that count no more, though their signature and claims are good.
    pub revoked: Vec<KeyDigest>,
    /// Ids its tokens may not bear.
    pub reserved: Reserved,
}

/// Whom tokens must be meant for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Audience {
    /// One of these, exactly.
    OneOf(Vec<Box<str>>),
    /// Whomever; the operator has to say so.
    Any,
    /// Nobody: a token that names an audience isn't meant for us.
    Unnamed,
}

/// Verifies the tokens of one issuer.
#[derive(Clone, Debug)]
pub struct JwtVerifier {
    settings: IssuerSettings,
    keys: Arc<KeySet>,
    /// Changes when a setting does that claims are read by.
    stamp: u64,
}

/// Whether a text may be a compact JWS: one begins with a base64url JSON object.
pub(super) fn may_be_token(credential: &str) -> bool {
    credential.starts_with("ey")
}

impl JwtVerifier {
    /// A verifier of these settings and keys.
    #[must_use]
    pub fn new(settings: IssuerSettings, keys: Arc<KeySet>) -> Self {
        let mut hasher = DefaultHasher::new();
        // The order of a map's entries isn't stable; its sorted entries are.
        let mut roles: Vec<_> = settings.roles.iter().collect();
        roles.sort();
        let IssuerSettings {
            issuer,
            audience,
            user,
            require,
            ..
        } = &settings;
        (issuer, audience, user, require, roles).hash(&mut hasher);
        (&settings.permissions_claim, &settings.default_permissions).hash(&mut hasher);
        Self {
            stamp: hasher.finish(),
            settings,
            keys,
        }
    }

    /// The issuer's name in configuration and logs.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.settings.name
    }

    /// Checks a credential that may be a token of this issuer.
    pub(super) fn verify(&self, credential: &str, now: Timestamp) -> Verdict {
        let Some(token) = Compact::split(credential) else {
            return Verdict::Pass;
        };
        match self.check(&token, now) {
            Ok(identity) => Verdict::Accept(identity),
            Err(rejection) => Verdict::Reject(rejection),
        }
    }

    /// What this issuer says of a token, for an operator who wants to know.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn inspect(&self, token: &str, now: Timestamp) -> Result<Identity, Rejection> {
        self.check(
            &Compact::split(token).ok_or(Rejection::MalformedToken)?,
            now,
        )
    }

    fn check(&self, token: &Compact<'_>, now: Timestamp) -> Result<Identity, Rejection> {
        let header = Header::parse(token.header)?;
        if header.typ.as_deref().is_some_and(|typ| !is_token_type(typ)) {
            return Err(Rejection::TokenHeader);
        }
        if !self.settings.algorithms.contains(&header.algorithm) {
            return Err(Rejection::Algorithm);
        }
        let key = self
            .keys
            .candidates(header.algorithm, header.kid.as_deref())
            .find(|key| key.verify(header.algorithm, token.message, token.signature))
            .ok_or(Rejection::Signature)?;
        let payload = decode(token.payload)?;
        let basis = TokenBasis {
            issuer: Arc::clone(&self.settings.name),
            algorithm: header.algorithm,
            key: key.fingerprint(),
            claims: Arc::new(Claims::new(payload)),
            digest: KeyDigest::of(token.whole.as_bytes()),
            stamp: self.stamp,
        };
        self.check_revoked(&basis)?;
        self.identify(basis, now)
    }

    fn check_revoked(&self, basis: &TokenBasis) -> Result<(), Rejection> {
        if self.settings.revoked.contains(&basis.digest) {
            return Err(Rejection::Revoked);
        }
        Ok(())
    }

    /// Judges an identity again that a token of ours gave earlier.
    pub(super) fn renew(
        &self,
        earlier: &Identity,
        basis: &TokenBasis,
        now: Timestamp,
    ) -> Result<Identity, Rejection> {
        if !self.keys.holds(basis.key) {
            return Err(Rejection::Signature);
        }
        if !self.settings.algorithms.contains(&basis.algorithm) {
            return Err(Rejection::Algorithm);
        }
        self.check_revoked(basis)?;
        if basis.stamp != self.stamp {
            let identity = self.identify(
                TokenBasis {
                    stamp: self.stamp,
                    ..basis.clone()
                },
                now,
            )?;
            let same = identity.user() == earlier.user();
            return if same {
                Ok(identity)
            } else {
                Err(Rejection::User)
            };
        }
        if self.settings.reserved.holds(earlier.user()) {
            return Err(Rejection::ReservedUser);
        }
        match earlier.expires() {
            Some(expires) if now >= expires.after(self.settings.leeway) => Err(Rejection::Expired),
            _ => Ok(earlier.clone()),
        }
    }

    fn identify(&self, basis: TokenBasis, now: Timestamp) -> Result<Identity, Rejection> {
        let object = basis.claims.object()?;
        let settings = &self.settings;
        let expires = object.time("exp")?;
        self.check_times(&object, expires, now)?;
        self.check_origin(&object)?;
        if settings
            .require
            .iter()
            .any(|claim| object.claim(claim).is_none())
        {
            return Err(Rejection::MissingClaim);
        }
        object.text("sub")?;
        let user = settings.user.apply(&object)?;
        if settings.reserved.holds(&user) {
            return Err(Rejection::ReservedUser);
        }
        Ok(Identity::new(
            user,
            self.permissions(&object),
            expires,
            CredentialId::Issuer(Arc::clone(&settings.name)),
            Basis::Token(basis),
        ))
    }

    fn check_times(
        &self,
        object: &Object,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let leeway = self.settings.leeway;
        if expires.is_some_and(|expires| now >= expires.after(leeway)) {
            return Err(Rejection::Expired);
        }
        for claim in ["nbf", "iat"] {
            if object
                .time(claim)?
                .is_some_and(|time| time > now.after(leeway))
            {
                return Err(Rejection::NotYetValid);
            }
        }
        Ok(())
    }

    fn check_origin(&self, object: &Object) -> Result<(), Rejection> {
        let issuer = object.text("iss")?;
        if self
            .settings
            .issuer
            .as_deref()
            .is_some_and(|wanted| issuer != Some(wanted))
        {
            return Err(Rejection::Issuer);
        }
        let audience = object.texts("aud")?;
        let meant = match (&self.settings.audience, audience) {
            (Audience::Any, _) | (Audience::Unnamed, None) => true,
            (Audience::OneOf(ours), Some(named)) => named
                .iter()
                .any(|name| ours.iter().any(|our| **our == **name)),
            (Audience::OneOf(_), None) | (Audience::Unnamed, Some(_)) => false,
        };
        if meant {
            Ok(())
        } else {
            Err(Rejection::Audience)
        }
    }

    /// `["R:A"]`, `"R:A other"`, or `{"R": ["A"]}`; words that mean nothing to us grant nothing.
    fn permissions(&self, object: &Object) -> Permissions {
        let settings = &self.settings;
        let mut granted = settings.default_permissions.clone();
        let claim = settings
            .permissions_claim
            .as_deref()
            .and_then(|name| object.claim(name));
        let word = |word: &str| {
            granted.extend(Permission::parse(word));
            granted.extend(settings.roles.get(word).into_iter().flatten().cloned());
        };
        match claim {
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).for_each(word),
            Some(Value::String(words)) => words.split(' ').for_each(word),
            Some(Value::Object(map)) => {
                for (resource, actions) in map {
                    let actions = actions.as_array().into_iter().flatten();
                    granted.extend(
                        actions
                            .filter_map(Value::as_str)
                            .filter_map(|action| Permission::new(resource, action).ok()),
                    );
                }
            }
            _ => {}
        }
        granted.into_iter().collect()
    }
}

/// The three parts of a compact JWS (RFC 7515 §7.1).
pub(super) struct Compact<'t> {
    whole: &'t str,
    pub(super) message: &'t str,
    pub(super) header: &'t str,
    pub(super) payload: &'t str,
    pub(super) signature: &'t str,
}

impl<'t> Compact<'t> {
    pub(super) fn split(token: &'t str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        (!payload.contains('.')).then_some(Self {
            whole: token,
            message,
            header,
            payload,
            signature,
        })
    }
}

/// What of a JOSE header (RFC 7515 §4) decides anything.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

impl Header {
    pub(super) fn parse(encoded: &str) -> Result<Self, Rejection> {
        let json = decode(encoded)?;
        let object = Object::parse(&json)?;
        // Extensions we don't understand must not be ignored (RFC 7515 §4.1.11); nested and
        // encrypted tokens (`cty`, `enc`) aren't ours.
        if ["crit", "b64", "cty", "enc", "zip"]
            .iter()
            .any(|name| object.claim(name).is_some())
        {
            return Err(Rejection::TokenHeader);
        }
        let typ = object.text("typ")?.map(str::to_owned);
        let kid = object.text("kid")?.map(str::to_owned);
        let algorithm = object.text("alg")?.ok_or(Rejection::Algorithm)?;
        let algorithm = algorithm.parse().map_err(|_| Rejection::Algorithm)?;
        Ok(Self {
            algorithm,
            kid,
            typ,
        })
    }
}

/// The bytes of a part of a token, in canonical base64url (RFC 7515 §2).
pub(super) fn decode(part: &str) -> Result<Vec<u8>, Rejection> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| Rejection::MalformedToken)
}

/// `JWT` (RFC 7519 §5.1) or `at+jwt` (RFC 9068 §2.1).
fn is_token_type(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(
        typ.strip_prefix("application/").unwrap_or(&typ),
        "jwt" | "at+jwt"
    )
}

#[cfg(test)]
mod tests;
