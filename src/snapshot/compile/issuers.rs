//! Issuers of tokens: `[[issuer]]`.

use std::fmt::Display;
use std::sync::Arc;

use super::findings::Findings;
use super::keys::permissions;
use super::namespaces::Namespaces;
use super::secrets::{self, Fetched, NOT_LOADED, Weak};
use crate::auth::{
    Algorithm, Audience, IssuerSettings, JwtVerifier, KeySet, Permission, UserId, UserTemplate,
};
use crate::config::{self, Config, Issuer};
use crate::secret::Secret;
use crate::snapshot::Materials;

/// The shortest secret for HS256, in bytes (RFC 7518 §3.2).
const LEAST: usize = 32;

/// A verifier for each issuer; no secret may be one of `theirs`, the backend's.
pub(super) fn compile(
    config: &Config,
    namespaces: &Namespaces,
    theirs: &[Secret],
    materials: &Materials,
    findings: &mut Findings,
) -> Vec<JwtVerifier> {
    let mut verifiers = Vec::new();
    for (index, issuer) in config.issuer.iter().enumerate() {
        let same = |earlier: &Issuer| earlier.name == issuer.name;
        if issuer.name.is_empty() || config.issuer.iter().take(index).any(same) {
            let message = format!(
                "another issuer has the name `{}`, or it is empty",
                issuer.name
            );
            findings.error(format!("issuer[{index}].name"), message);
        }
        let weak = Weak::from_setting(config);
        let mut one = Compiler {
            index,
            issuer,
            weak,
            theirs,
            materials,
            findings,
        };
        let keys = one.keys();
        let settings = one.settings(namespaces);
        if let (Some(keys), Some(settings)) = (keys, settings) {
            verifiers.push(JwtVerifier::new(settings, keys));
        }
    }
    verifiers
}

struct Compiler<'c, 'f> {
    index: usize,
    issuer: &'c Issuer,
    weak: Weak,
    theirs: &'c [Secret],
    materials: &'c Materials,
    findings: &'f mut Findings,
}

impl Compiler<'_, '_> {
    fn at(&self, field: &str) -> String {
        format!("issuer[{}].{field}", self.index)
    }

    fn error(&mut self, field: &str, message: impl Display) {
        self.findings.error(self.at(field), message);
    }

    /// The keys that may have signed, which must fit the algorithms.
    fn keys(&mut self) -> Option<Arc<KeySet>> {
        let issuer = self.issuer;
        let symmetric = issuer
            .algorithms
            .iter()
            .filter(|one| one.is_symmetric())
            .count();
        if issuer.algorithms.is_empty() {
            self.error("algorithms", "an issuer needs at least one algorithm");
        } else if symmetric != 0 && symmetric != issuer.algorithms.len() {
            let message = "HS* never stands beside asymmetric algorithms: a public key would \
                           become a secret that everyone knows";
            self.error("algorithms", message);
        }
        let keys = self.one_source()?;
        for written in keys.ignored() {
            self.findings
                .warning(self.at("jwks_file"), format!("not used: {written}"));
        }
        for algorithm in &issuer.algorithms {
            if !keys.serves(verified(*algorithm)) {
                self.error(
                    "algorithms",
                    format!("no key of this issuer fits {algorithm:?}"),
                );
            }
        }
        Some(keys)
    }

    /// The one source of keys.
    fn one_source(&mut self) -> Option<Arc<KeySet>> {
        let issuer = self.issuer;
        let secret = issuer.secret();
        let secrets = usize::from(secret != Ok(None));
        let files = [&issuer.public_key_file, &issuer.jwks_file];
        match secrets + files.into_iter().flatten().count() {
            1 => {}
            0 => {
                self.error(
                    "secret",
                    "an issuer needs a secret, public_key_file or jwks_file",
                );
                return None;
            }
            _ => {
                let message = "an issuer has one of secret, public_key_file and jwks_file";
                self.error("secret", message);
                return None;
            }
        }
        if let Some(path) = &issuer.public_key_file {
            return self.loaded("public_key_file", self.materials.public_key(path));
        }
        if let Some(path) = &issuer.jwks_file {
            return self.loaded("jwks_file", self.materials.key_set(path));
        }
        let base = format!("issuer[{}].secret", self.index);
        let fetched = secrets::fetch(secret, || base.clone(), self.materials, self.findings)?;
        self.shared_secret(&fetched)
    }

    fn shared_secret(&mut self, fetched: &Fetched) -> Option<Arc<KeySet>> {
        self.weak.judge(fetched, LEAST, self.findings);
        if self.theirs.contains(&fetched.secret) {
            let message = "this is the backend's own secret: a token of this issuer would pass for \
                           one of ours there";
            self.findings.error(&*fetched.at, message);
        }
        let keys = KeySet::from_secret(&fetched.secret);
        self.findings.take(&fetched.at, keys).map(Arc::new)
    }

    fn loaded(&mut self, field: &str, keys: Option<&Arc<KeySet>>) -> Option<Arc<KeySet>> {
        if keys.is_none() {
            self.error(field, NOT_LOADED);
        }
        keys.cloned()
    }

    fn settings(&mut self, namespaces: &Namespaces) -> Option<IssuerSettings> {
        let issuer = self.issuer;
        let audience = self.audience();
        self.check_origin();
        if !issuer.require.iter().any(|claim| claim == "exp") {
            let message = "tokens of this issuer need not expire: add \"exp\" to require, or list the \
                           digest of one that is lost in revoked";
            self.findings.warning(self.at("require"), message);
        }
        let at = self.at("default_permissions");
        let default = permissions(&issuer.default_permissions, || at.clone(), self.findings);
        let at = self.at("roles");
        let roles = issuer.roles.iter().map(|(word, written)| {
            let granted = permissions(written, || format!("{at}.{word}"), self.findings);
            (
                Box::from(word.as_str()),
                granted.iter().cloned().collect::<Vec<Permission>>(),
            )
        });
        let roles = roles.collect();
        let user = self.template()?;
        Some(IssuerSettings {
            name: issuer.name.as_str().into(),
            algorithms: issuer.algorithms.iter().copied().map(verified).collect(),
            issuer: issuer.issuer.as_deref().map(Into::into),
            audience,
            user,
            require: issuer
                .require
                .iter()
                .map(|claim| claim.as_str().into())
                .collect(),
            leeway: issuer.leeway.0,
            permissions_claim: Some(issuer.permissions_claim.as_str())
                .filter(|claim| !claim.is_empty())
                .map(Into::into),
            default_permissions: default.iter().cloned().collect(),
            roles,
            revoked: issuer.revoked.iter().map(|digest| digest.0).collect(),
            reserved: namespaces.reserved_for(issuer),
        })
    }

    fn audience(&mut self) -> Audience {
        match self.issuer.audience.as_slice() {
            [] => Audience::Unnamed,
            [any] if any == "any" => Audience::Any,
            named => {
                if named.iter().any(|name| name == "any" || name.is_empty()) {
                    self.error("audience", "\"any\" stands alone, and no audience is empty");
                }
                Audience::OneOf(named.iter().map(|name| name.as_str().into()).collect())
            }
        }
    }

    /// Whoever holds the secret is the issuer; a public key may be shared by many of its clients,
    /// so that tokens must say who made them and for whom (RFC 8725 §3.8, §3.9).
    fn check_origin(&mut self) {
        let issuer = self.issuer;
        if issuer.secret() != Ok(None) {
            return;
        }
        if issuer.issuer.is_none() {
            self.error("issuer", "required: the `iss` that its tokens bear");
        }
        if issuer.audience.as_slice().is_empty() {
            self.error(
                "audience",
                "required: the `aud` that its tokens bear, or \"any\"",
            );
        }
    }

    fn template(&mut self) -> Option<UserTemplate> {
        let at = self.at("user");
        let template = self
            .findings
            .take(&at, UserTemplate::parse(&self.issuer.user))?;
        let constant = template.fixed().unwrap_or_else(|| template.prefix());
        if !constant.is_empty() && (constant.contains('/') || UserId::parse(constant).is_err()) {
            self.findings.error(at, crate::auth::InvalidUserId);
            return None;
        }
        Some(template)
    }
}

const fn verified(written: config::Algorithm) -> Algorithm {
    match written {
        config::Algorithm::HS256 => Algorithm::HS256,
        config::Algorithm::HS384 => Algorithm::HS384,
        config::Algorithm::HS512 => Algorithm::HS512,
        config::Algorithm::RS256 => Algorithm::RS256,
        config::Algorithm::RS384 => Algorithm::RS384,
        config::Algorithm::RS512 => Algorithm::RS512,
        config::Algorithm::PS256 => Algorithm::PS256,
        config::Algorithm::PS384 => Algorithm::PS384,
        config::Algorithm::PS512 => Algorithm::PS512,
        config::Algorithm::ES256 => Algorithm::ES256,
        config::Algorithm::ES384 => Algorithm::ES384,
        config::Algorithm::EdDsa => Algorithm::EdDSA,
    }
}
