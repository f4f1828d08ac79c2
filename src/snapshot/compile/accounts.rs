//! `[accounts]`: how far the store is believed, and how its users log in.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;

use super::findings::Findings;
use super::namespaces::{self, Namespaces};
use crate::auth::{
    Access, AccountSettings, Accounts, CookieCredential, Destination, EncodedSlashes, Known,
    LoginCookies, Methods, Namespace, Pattern, Permission, Rule, SessionProof, SigningAlgorithm,
};
use crate::config::{self, Config, Signing};
use crate::profile::Profile;
use crate::snapshot::{AccountsService, HashingCost, Vocabulary};

/// What the store vouches for, where there is one.
pub(super) fn compile(
    config: &Config,
    profile: &Profile,
    namespaces: &Namespaces,
    known: &Known,
) -> Option<Accounts> {
    let written = config.accounts.as_ref()?;
    let settings = AccountSettings {
        reserved: namespaces.reserved_for_accounts(config, written),
        bound: namespaces::bound(config, written),
        namespace: if written.shared_namespace {
            Namespace::Shared
        } else {
            Namespace::Apart
        },
        session_proof: match &profile.accounts.display_cookie {
            Some(cookie) => SessionProof::DisplayToken(cookie.as_str().into()),
            None => SessionProof::Origin,
        },
    };
    Some(Accounts::new(known.clone(), settings))
}

/// How users log in and are kept, where there are any.
pub(super) fn service(
    config: &Config,
    profile: &Profile,
    rules: &[Rule],
    findings: &mut Findings,
) -> Option<AccountsService> {
    let written = config.accounts.as_ref()?;
    let prefix = prefix(written, profile);
    check_lifetimes(written, findings);
    let base = profile.permissions.iter();
    let base = base.filter_map(|word| Permission::parse(word).ok());
    Some(AccountsService {
        prefix: prefix.into(),
        access_lifetime: written.token_lifetime.0,
        session_lifetime: written.session_lifetime.0,
        visitor_lifetime: written.visitor_lifetime.0,
        longest_lifetime: written.longest_lifetime(),
        signing: match written.signing {
            Signing::EdDSA => SigningAlgorithm::EdDsa,
            Signing::HS256 => SigningAlgorithm::Hs256,
        },
        signing_rotation: written.signing_rotation.0,
        hashing: hashing(written, findings),
        base: base.collect(),
        vocabulary: vocabulary(profile, rules),
        display_cookie: displayed(config, profile).map(Into::into),
        home: profile.accounts.home.as_str().into(),
    })
}

/// The cookie of the display token, where there is one: it is no credential, whatever else the
/// profile has it for.
pub(super) fn displayed<'p>(config: &Config, profile: &'p Profile) -> Option<&'p str> {
    config.accounts.as_ref()?;
    let cookie = profile.accounts.display_cookie.as_ref()?;
    Some(cookie.as_str())
}

/// The backend's cookie that we set for whoever has logged in, in the place of all other logins.
pub(super) fn backend_cookie<'p>(config: &Config, profile: &'p Profile) -> Option<&'p str> {
    config.accounts.as_ref()?;
    let cookie = profile.accounts.backend_cookie.as_ref()?;
    Some(cookie.as_str())
}

/// The rules of logins and users, before all others: what they are for never reaches the backend.
pub(super) fn rules(config: &Config, profile: &Profile, findings: &mut Findings) -> Vec<Rule> {
    let Some(written) = &config.accounts else {
        return Vec::new();
    };
    let prefix = prefix(written, profile);
    let is_path = prefix.is_empty() || prefix.starts_with('/') && !prefix.ends_with('/');
    if !is_path || prefix.contains(['*', '{']) {
        let message = "a prefix is a fixed path that begins with `/` and does not end with it";
        findings.error("accounts.prefix", message);
        return Vec::new();
    }
    let rule = |(path, methods, access): &(&str, &[Method], Who)| {
        let path = format!("{prefix}{path}");
        let pattern = findings.take("accounts.prefix", Pattern::parse(&path))?;
        Some(Rule {
            name: path.into(),
            pattern,
            methods: match *methods {
                [] => Methods::All,
                methods => Methods::Only(methods.to_vec()),
            },
            access: access.to_access(),
            others: None,
            cookie_credential: CookieCredential::Ignore,
            login_cookies: LoginCookies::Strip,
            encoded_slash: EncodedSlashes::Refuse,
            destination: Destination::Accounts,
        })
    };
    PATHS.iter().filter_map(rule).collect()
}

/// Who may, as a constant says it.
#[derive(Clone, Copy)]
enum Who {
    Anybody,
    Known,
    May(&'static str, &'static str),
    Nobody,
}

impl Who {
    fn to_access(self) -> Access {
        match self {
            Self::Anybody => Access::Open,
            Self::Known => Access::Authenticated,
            Self::May(resource, action) => match Permission::new(resource, action) {
                Ok(permission) => Access::Require(permission),
                Err(_) => Access::Deny,
            },
            Self::Nobody => Access::Deny,
        }
    }
}

/// What is ours, behind the prefix. Whatever else begins so is denied: a backend that has such
/// paths of its own must not answer for us.
const PATHS: &[(&str, &[Method], Who)] = &[
    ("/auth/token", &[], Who::Anybody),
    ("/auth/login", &[], Who::Anybody),
    ("/auth/logout", &[], Who::Anybody),
    ("/auth/renew", &[Method::POST], Who::Known),
    (
        "/auth/available-permissions",
        &[Method::GET],
        Who::May("USERS", "LIST"),
    ),
    ("/.well-known/jwks.json", &[Method::GET], Who::Anybody),
    ("/users/me/**", &[], Who::Known),
    ("/users", &[Method::GET], Who::May("USERS", "LIST")),
    ("/users", &[Method::POST], Who::May("USERS", "WRITE")),
    ("/users/*", &[Method::GET], Who::May("USERS", "READ")),
    ("/users/*", &[Method::PUT], Who::May("USERS", "EDIT")),
    ("/users/*", &[Method::DELETE], Who::May("USERS", "DELETE")),
    ("/users/**", &[], Who::Nobody),
    ("/auth/**", &[], Who::Nobody),
];

/// The longest time for which a visitor's token may be good.
const LONGEST_VISIT: Duration = Duration::from_mins(15);

fn prefix<'c>(written: &'c config::Accounts, profile: &'c Profile) -> &'c str {
    let usual = || &*profile.accounts.prefix;
    written.prefix.as_deref().unwrap_or_else(usual)
}

fn check_lifetimes(written: &config::Accounts, findings: &mut Findings) {
    if written.visitor_lifetime.0 > LONGEST_VISIT {
        let message = "a visitor's token is in a browser: 15 minutes at most";
        findings.error("accounts.visitor_lifetime", message);
    }
    let lifetimes = [
        ("accounts.token_lifetime", written.token_lifetime),
        ("accounts.session_lifetime", written.session_lifetime),
        ("accounts.visitor_lifetime", written.visitor_lifetime),
    ];
    for (at, lifetime) in lifetimes {
        if lifetime.0 < Duration::from_secs(1) {
            findings.error(at, "no token is good for less than a second");
        }
    }
    // Keys are kept as long as their tokens, so that a store doesn't fill with them.
    if written.signing_rotation.0 < Duration::from_hours(1) {
        findings.error("accounts.signing_rotation", "an hour is the least");
    }
}

fn hashing(written: &config::Accounts, findings: &mut Findings) -> HashingCost {
    let memory = u32::try_from(written.password_memory.0 / 1024).unwrap_or(u32::MAX);
    let (passes, lanes) = (written.password_passes, written.password_lanes);
    let is_of_lanes = (1..=64).contains(&lanes);
    if !is_of_lanes || memory < 8 * lanes || memory > 1024 * 1024 {
        let message = "a hash takes 1 to 64 lanes, and 8 KiB a lane to 1 GiB of memory";
        findings.error("accounts.password_memory", message);
    }
    if !(1..=64).contains(&passes) {
        findings.error("accounts.password_passes", "1 to 64 passes are made");
    }
    HashingCost {
        memory,
        passes,
        lanes,
    }
}

/// The words that permissions are made of: those that any rule or the base set names.
fn vocabulary(profile: &Profile, rules: &[Rule]) -> Vocabulary {
    let required = rules.iter().filter_map(|rule| match &rule.access {
        Access::Require(permission) => Some(permission),
        _ => None,
    });
    let others = rules.iter().filter_map(|rule| rule.others.as_ref());
    let base = profile.permissions.iter();
    let base: Vec<_> = base
        .filter_map(|word| Permission::parse(word).ok())
        .collect();
    let named: Vec<_> = required.chain(others).chain(&base).collect();
    let mut resources: BTreeSet<&str> = BTreeSet::new();
    let mut actions: BTreeSet<&str> = ["WRITE", "EDIT", "LIST", "READ", "DELETE"].into();
    for permission in named {
        resources.insert(permission.resource());
        actions.insert(permission.action());
    }
    Vocabulary::new(resources, actions)
}
