//! `[anonymous]`: callers without a credential.

use super::findings::Findings;
use super::namespaces;
use super::secrets::{self, Weak};
use crate::auth::{UserGlob, UserId, Visitors};
use crate::config::{Access, Config};
use crate::secret::Secret;
use crate::snapshot::{Materials, Rate};

/// The shortest secret, in bytes: what HMAC-SHA-256 has of its own.
const LEAST: usize = 32;

/// How visitors are known; by `fallback` where no secret is written.
pub(super) fn compile(
    config: &Config,
    materials: &Materials,
    fallback: &Secret,
    findings: &mut Findings,
) -> Visitors {
    let written = &config.anonymous;
    let at = || "anonymous.secret".to_owned();
    let fetched = secrets::fetch(written.secret(), at, materials, findings);
    if let Some(fetched) = &fetched {
        Weak::from_setting(config).judge(fetched, LEAST, findings);
    }
    let takes_visitors = |route: &crate::config::Route| route.access == Some(Access::Anonymous);
    if written.secret() == Ok(None)
        && let Some(index) = config.route.iter().position(takes_visitors)
    {
        let message = "visitors get new ids at each start: set anonymous.secret_file";
        findings.warning(format!("route[{index}].access"), message);
    }
    if written.lifetime.0.is_zero() {
        findings.error("anonymous.lifetime", "no cookie is good for no time");
    }
    let secret = fetched.as_ref().map_or(fallback, |fetched| &fetched.secret);
    Visitors::new(secret, written.lifetime.0, claimable(config, findings))
}

/// How many of them an address may bring.
pub(super) fn ids_per_address(config: &Config) -> Option<Rate> {
    let rate = config.anonymous.ids_per_address.value()?;
    Some(Rate {
        count: rate.count,
        period: rate.period,
    })
}

/// The ids that whoever claims them is believed to have. They are nobody else's.
fn claimable(config: &Config, findings: &mut Findings) -> Vec<UserGlob> {
    let mut globs = Vec::new();
    for (index, written) in config.anonymous.claimed_ids.iter().enumerate() {
        let at = format!("anonymous.claimed_ids[{index}]");
        let Some(glob) = findings.take(&at, UserGlob::parse(written)) else {
            continue;
        };
        if glob == UserGlob::Any {
            findings.error(at, "these would be everybody's ids: write a prefix");
            continue;
        }
        if glob.meets(&UserGlob::Prefix(UserId::VISITOR_PREFIX.into())) {
            findings.error(at, "ids that begin with `anon-` are ours to give");
            continue;
        }
        let bound = config.key.iter().filter_map(|key| key.user.as_deref());
        let files = config.keys_file.iter();
        let mut bound = bound.chain(files.filter_map(|file| file.user.as_deref()));
        let is_claimable = |user: &&str| UserId::parse(user).is_ok_and(|user| glob.reserves(&user));
        if let Some(user) = bound.find(is_claimable) {
            let message = format!("anybody could claim to be `{user}`, who has a key");
            findings.error(at, message);
            continue;
        }
        if let Some(acting) = namespaces::acts_as(config).find(|theirs| glob.meets(theirs)) {
            let message = format!("anybody could claim an id of a key that acts as `{acting}`");
            findings.error(at, message);
            continue;
        }
        let message = "anybody may claim these ids, without proof";
        findings.warning(at, message);
        globs.push(glob);
    }
    globs
}
