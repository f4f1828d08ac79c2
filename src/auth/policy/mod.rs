//! [`Policy`]: which identity may use which method and path. The first rule that matches decides.

mod route;

use std::{collections::HashMap, sync::Arc};

use http::Method;

pub use route::{InvalidPattern, Pattern};

use super::{
    Denial,
    path::{EncodedSlash, RequestPath},
    permission::Permission,
    verify::Identity,
};

/// The rules, indexed by the first segment of their patterns.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    /// For each literal first segment: the rules that may match under it, in order.
    by_first: HashMap<Box<str>, Vec<usize>>,
    /// The rules whose first segment isn't a literal, in order.
    others: Vec<usize>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it is called in logs and in `explain`: the path as written.
    pub name: Arc<str>,
    /// Which paths.
    pub pattern: Pattern,
    /// Which methods.
    pub methods: Methods,
    /// Who.
    pub access: Access,
    /// The permission that lets a caller name other users where the pattern says `{id}`.
    pub others: Option<Permission>,
    /// Whether a credential counts that came in a cookie.
    pub cookie_credential: CookieCredential,
    /// What becomes of the cookies of the backend's own login.
    pub login_cookies: LoginCookies,
    /// Whether a segment may hold an encoded `/`.
    pub encoded_slash: EncodedSlashes,
    /// Who answers.
    pub destination: Destination,
}

/// Who answers what a rule lets pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Destination {
    /// The backend.
    #[default]
    Backend,
    /// We do: it is about users and their logins.
    Accounts,
}

/// Methods a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// Every one.
    All,
    /// These; HEAD goes with GET (RFC 9110 §9.3.2).
    Only(Vec<Method>),
}

/// Who may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Anybody; the backend is told no identity.
    Open,
    /// Anybody; a caller without a credential is a visitor with an id of ours.
    Anonymous,
    /// Whoever is known.
    Authenticated,
    /// Whoever holds this permission.
    Require(Permission),
    /// Nobody.
    Deny,
}

/// What a rule does with `%2F` in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedSlashes {
    /// Refuses it.
    Refuse,
    /// Takes it; it separates nothing.
    Allow,
}

/// What a rule does with a credential that came in a cookie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CookieCredential {
    /// Takes it, from requests of our own pages.
    #[default]
    Accept,
    /// Takes the caller for one without it.
    Ignore,
}

/// What a rule does with the cookies of the backend's own login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LoginCookies {
    /// Takes them out.
    #[default]
    Strip,
    /// Lets them pass: these pages are the backend's to guard.
    Forward,
}

/// Proof that a rule let a request pass; only [`Rule::authorize`] makes one.
#[derive(Debug)]
pub struct Permit {
    rule: Arc<str>,
    identity: Option<Identity>,
    login_cookies: LoginCookies,
    destination: Destination,
}

impl Policy {
    /// A policy of these rules, in order of precedence; what none of them names is denied.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut policy = Self {
            rules,
            ..Self::default()
        };
        for rule in &policy.rules {
            if let Some(first) = rule.pattern.first_literal() {
                policy.by_first.entry(first.into()).or_default();
            }
        }
        for (index, rule) in policy.rules.iter().enumerate() {
            if let Some(first) = rule.pattern.first_literal() {
                policy.by_first.entry(first.into()).or_default().push(index);
            } else {
                policy.others.push(index);
                policy
                    .by_first
                    .values_mut()
                    .for_each(|indices| indices.push(index));
            }
        }
        policy
    }

    /// The rule that decides about this request, if any names it.
    ///
    /// # Errors
    /// `Malformed` when the path holds an encoded slash that the rule doesn't take.
    pub(super) fn rule(
        &self,
        method: &Method,
        path: &RequestPath<'_>,
    ) -> Result<Option<&Rule>, Denial> {
        let first = path.segments().next();
        let indices = first
            .and_then(|first| self.by_first.get(first))
            .unwrap_or(&self.others);
        let rule = indices
            .iter()
            .filter_map(|index| self.rules.get(*index))
            .find(|rule| rule.methods.include(method) && rule.pattern.matches(path));
        let slashes = rule.map_or(EncodedSlashes::Refuse, |rule| rule.encoded_slash);
        match (path.encoded_slash(), slashes) {
            (EncodedSlash::Present, EncodedSlashes::Refuse) => {
                Err(Denial::Malformed("encoded slash in the path"))
            }
            _ => Ok(rule),
        }
    }

    /// The rules in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

impl Rule {
    /// Lets the identity pass, or not.
    ///
    /// # Errors
    /// `NoCredential` when one is needed and there is none, `Forbidden` when there is one that
    /// doesn't do.
    pub(super) fn authorize(
        &self,
        identity: Option<&Identity>,
        path: &RequestPath<'_>,
        visitor: impl FnOnce() -> Identity,
    ) -> Result<Permit, Denial> {
        let identity = match (&self.access, identity) {
            (Access::Open, identity) => {
                let told = match self.destination {
                    Destination::Backend => None,
                    Destination::Accounts => identity.cloned(),
                };
                return Ok(self.permit(told));
            }
            (Access::Anonymous, None) => visitor(),
            (Access::Authenticated, Some(identity)) if identity.is_visitor() => {
                return Err(Denial::NoCredential);
            }
            (Access::Anonymous | Access::Authenticated, Some(identity)) => identity.clone(),
            (Access::Require(permission), Some(identity))
                if identity.permissions().allow(permission) =>
            {
                identity.clone()
            }
            (_, None) => return Err(Denial::NoCredential),
            (Access::Require(_) | Access::Deny, Some(_)) => return Err(Denial::Forbidden),
        };
        let may_name_others = |permission| identity.permissions().allow(permission);
        if self.pattern.admits(identity.user(), path)
            || self.others.as_ref().is_some_and(may_name_others)
        {
            Ok(self.permit(Some(identity)))
        } else {
            Err(Denial::Forbidden)
        }
    }

    fn permit(&self, identity: Option<Identity>) -> Permit {
        Permit {
            rule: Arc::clone(&self.name),
            identity,
            login_cookies: self.login_cookies,
            destination: self.destination,
        }
    }
}

impl Methods {
    fn include(&self, method: &Method) -> bool {
        match self {
            Self::All => true,
            Self::Only(methods) => methods
                .iter()
                .any(|one| one == method || (one == Method::GET && method == Method::HEAD)),
        }
    }
}

impl Permit {
    /// Who answers.
    pub(super) const fn destination(&self) -> Destination {
        self.destination
    }

    /// The rule's name, the identity it let pass (none on an open rule of the backend's), and what
    /// it says of the backend's login.
    pub(super) fn into_parts(self) -> (Arc<str>, Option<Identity>, LoginCookies) {
        (self.rule, self.identity, self.login_cookies)
    }
}

#[cfg(test)]
mod tests;
