//! User ids belong to one source: no visitor may be taken for staff, nor one issuer's alice for
//! another's.
//!
//! Ids are compared case-folded, since a backend may fold what we don't. A bound key names its
//! user on purpose, whoever that is; but no user of ours is given its name afterwards.

use std::collections::HashSet;

use super::findings::Findings;
use crate::auth::{BoundNames, Reserved, UserGlob, UserId};
use crate::config::{Accounts, Config, Diagnostic, Issuer};

/// The ids that acting keys may name.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    acting: Vec<Acting>,
    /// What anybody may claim without a credential.
    claimed: Vec<UserGlob>,
}

/// One distinct list of globs.
#[derive(Debug)]
struct Acting {
    at: String,
    globs: Vec<UserGlob>,
    shared: bool,
}

/// Refuses sources whose ids can't be told apart.
pub(super) fn check(config: &Config, findings: &mut Findings) -> Namespaces {
    let namespaces = Namespaces {
        acting: acting(config),
        claimed: claimed(config),
    };
    namespaces.keep_visitors_apart(findings);
    if let Some(accounts) = &config.accounts {
        namespaces.keep_accounts_apart(config, accounts, findings);
    }
    for (index, issuer) in config.issuer.iter().enumerate() {
        let ids = Ids::of(&issuer.user);
        for (number, earlier) in config.issuer.iter().enumerate().take(index) {
            let shared = issuer.shared_namespace && earlier.shared_namespace;
            if !shared && ids.meet(&Ids::of(&earlier.user)) {
                let message = format!(
                    "user ids of `{}` can't be told from those of `{}` (issuer[{number}])",
                    issuer.name, earlier.name
                );
                findings.push(apart(Diagnostic::error(
                    format!("issuer[{index}].user"),
                    message,
                )));
            }
        }
        let any = |acting: &&Acting| acting.globs.contains(&UserGlob::Any);
        let apart_from = |acting: &&Acting| !(acting.shared && issuer.shared_namespace);
        if let Some(acting) = namespaces
            .acting
            .iter()
            .find(|one| any(one) && apart_from(one))
        {
            let message = format!(
                "user ids of `{}` can't be told from those of {}",
                issuer.name, acting.at
            );
            findings.push(apart(Diagnostic::error(
                format!("issuer[{index}].user"),
                message,
            )));
        }
    }
    namespaces
}

/// What issuers' ids begin with, so that no user of ours may be called so. None where an issuer's
/// ids may begin with anything.
fn issued(issuer: &Issuer) -> Option<UserGlob> {
    let Ids { begin, fixed, .. } = Ids::of(&issuer.user);
    let star = if fixed { "" } else { "*" };
    UserGlob::parse(&format!("{begin}{star}"))
        .ok()
        .filter(|glob| *glob != UserGlob::Any)
}

fn apart(error: Diagnostic) -> Diagnostic {
    error.with_help(
        "set a prefix in `user` (\"kc-{sub}\"), narrow `acts_as`, or set shared_namespace = true \
         on each",
    )
}

impl Namespaces {
    /// The ids that a token of this issuer may not bear.
    pub(super) fn reserved_for(&self, issuer: &Issuer) -> Reserved {
        let visitors = UserGlob::parse(&format!("{}*", UserId::VISITOR_PREFIX));
        let apart = self
            .acting
            .iter()
            .filter(|one| !(one.shared && issuer.shared_namespace));
        let acting = apart.flat_map(|one| one.globs.iter().cloned());
        let claimed = self.claimed.iter().cloned();
        Reserved::new(acting.chain(claimed).chain(visitors).collect())
    }

    /// The names that no user of ours may bear.
    pub(super) fn reserved_for_accounts(&self, config: &Config, accounts: &Accounts) -> Reserved {
        let visitors = UserGlob::parse(&format!("{}*", UserId::VISITOR_PREFIX));
        let shared = accounts.shared_namespace;
        let acting = self.acting.iter().filter(|one| !(one.shared && shared));
        let acting = acting.flat_map(|one| one.globs.iter().cloned());
        let issuers = config.issuer.iter();
        let issuers = issuers.filter(|issuer| !(issuer.shared_namespace && shared));
        let claimed = self.claimed.iter().cloned();
        let reserved = acting.chain(claimed).chain(issuers.filter_map(issued));
        Reserved::new(reserved.chain(visitors).collect())
    }

    /// An issuer or a key that could name any user of ours has to say that it is meant to.
    fn keep_accounts_apart(&self, config: &Config, accounts: &Accounts, findings: &mut Findings) {
        let mut refuse = |at: String| {
            let message = "these user ids can't be told from names of [accounts]";
            findings.push(apart(Diagnostic::error(at, message)));
        };
        for (index, issuer) in config.issuer.iter().enumerate() {
            let shared = issuer.shared_namespace && accounts.shared_namespace;
            if !shared && issued(issuer).is_none() {
                refuse(format!("issuer[{index}].user"));
            }
        }
        for acting in &self.acting {
            let shared = acting.shared && accounts.shared_namespace;
            if !shared && acting.globs.contains(&UserGlob::Any) {
                refuse(acting.at.clone());
            }
        }
    }

    /// No key may name an id of the namespace that is kept for callers without a credential.
    fn keep_visitors_apart(&self, findings: &mut Findings) {
        for acting in &self.acting {
            let names_visitors = acting.globs.iter().any(|glob| match glob {
                UserGlob::Literal(id) => begins_folded(id.as_str(), UserId::VISITOR_PREFIX),
                UserGlob::Prefix(prefix) => begins_folded(prefix, UserId::VISITOR_PREFIX),
                UserGlob::Any => false,
            });
            if names_visitors {
                let message = "ids that begin with `anon-` are for callers without a credential";
                findings.error(acting.at.clone(), message);
            }
        }
    }
}

fn claimed(config: &Config) -> Vec<UserGlob> {
    let written = config.anonymous.claimed_ids.iter();
    written
        .filter_map(|text| UserGlob::parse(text).ok())
        .collect()
}

/// Whom acting keys may name; what doesn't parse is reported with the keys.
pub(super) fn acts_as(config: &Config) -> impl Iterator<Item = UserGlob> {
    acting(config).into_iter().flat_map(|acting| acting.globs)
}

/// Whom keys are bound to, so that no user of ours may be given such a name.
pub(super) fn bound(config: &Config, accounts: &Accounts) -> BoundNames {
    let keys = config.key.iter();
    let keys = keys.map(|key| (key.user.as_deref(), key.shared_namespace));
    let files = config.keys_file.iter();
    let files = files.map(|file| (file.user.as_deref(), file.shared_namespace));
    keys.chain(files)
        .filter(|(_, shared)| !(*shared && accounts.shared_namespace))
        .filter_map(|(user, _)| user)
        .collect()
}

/// The distinct lists of globs, with the first place of each. What doesn't parse is reported where
/// the keys are compiled.
fn acting(config: &Config) -> Vec<Acting> {
    let keys = config.key.iter().enumerate();
    let keys = keys.map(|(index, key)| ("key", index, &key.acts_as, key.shared_namespace));
    let files = config.keys_file.iter().enumerate();
    let files =
        files.map(|(index, file)| ("keys_file", index, &file.acts_as, file.shared_namespace));
    let mut seen = HashSet::new();
    let distinct = keys.chain(files).filter(|(_, _, written, shared)| {
        !written.is_empty() && seen.insert((written.as_slice(), *shared))
    });
    let acting = distinct.map(|(list, index, written, shared)| Acting {
        at: format!("{list}[{index}].acts_as"),
        globs: written
            .iter()
            .filter_map(|text| UserGlob::parse(text).ok())
            .collect(),
        shared,
    });
    acting.collect()
}

/// The ids that a template can yield: they begin and end with its constant parts.
struct Ids {
    begin: String,
    end: String,
    fixed: bool,
}

impl Ids {
    fn of(template: &str) -> Self {
        let template = template.to_ascii_lowercase();
        let begin = template.split('{').next().unwrap_or_default().to_owned();
        let end = template.rsplit('}').next().unwrap_or_default().to_owned();
        Self {
            begin,
            end,
            fixed: !template.contains('{'),
        }
    }

    /// Whether some id could be of both.
    fn meet(&self, other: &Self) -> bool {
        match (self.fixed, other.fixed) {
            (true, true) => self.begin == other.begin,
            (true, false) => other.could_be(&self.begin),
            (false, true) => self.could_be(&other.begin),
            (false, false) => {
                (self.begin.starts_with(&other.begin) || other.begin.starts_with(&self.begin))
                    && (self.end.ends_with(&other.end) || other.end.ends_with(&self.end))
            }
        }
    }

    fn could_be(&self, id: &str) -> bool {
        id.starts_with(&self.begin) && id.ends_with(&self.end)
    }
}

fn begins_folded(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_meet_unless_their_constant_parts_differ() {
        let meet = |a: &str, b: &str| Ids::of(a).meet(&Ids::of(b));
        assert!(meet("{sub}", "{email}"));
        assert!(meet("{sub}", "kc-{sub}"));
        assert!(meet("KC-{sub}", "kc-{sub}"));
        assert!(meet("kc-{sub}", "{sub}@google"));
        assert!(meet("bot", "{sub}"));
        assert!(meet("bot", "Bot"));
        assert!(!meet("kc-{sub}", "ok-{sub}"));
        assert!(!meet("{sub}@kc", "{sub}@google"));
        assert!(!meet("bot", "kc-{sub}"));
        assert!(!meet("bot", "robot"));
    }
}
