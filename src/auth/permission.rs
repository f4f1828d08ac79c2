//! [`Permission`] and [`Permissions`]: `RESOURCE:ACTION`, the vocabulary of rules and grants.

use std::{fmt, sync::Arc};

/// One `RESOURCE:ACTION`; in a grant either side may be `*`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission {
    resource: Arc<str>,
    action: Arc<str>,
}

/// The text is not `RESOURCE:ACTION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a permission is RESOURCE:ACTION, each of letters, digits, `_`, `.`, `-`, or `*`")]
pub struct InvalidPermission;

impl Permission {
    /// Parses `RESOURCE:ACTION`.
    ///
    /// # Errors
    /// When there isn't exactly one colon or a side is empty or of other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidPermission> {
        let (resource, action) = text.split_once(':').ok_or(InvalidPermission)?;
        Self::new(resource, action)
    }

    /// From its two words.
    ///
    /// # Errors
    /// When a word is empty or of other characters.
    pub fn new(resource: &str, action: &str) -> Result<Self, InvalidPermission> {
        if word(resource) && word(action) {
            Ok(Self {
                resource: resource.into(),
                action: action.into(),
            })
        } else {
            Err(InvalidPermission)
        }
    }

    /// What may be used.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// What may be done with it.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Whether a holder of `self` has what `required` names.
    #[must_use]
    pub fn covers(&self, required: &Self) -> bool {
        (&*self.resource == "*" || self.resource == required.resource)
            && (&*self.action == "*" || self.action == required.action)
    }

    /// What both cover, if that is anything.
    fn meet(&self, other: &Self) -> Option<Self> {
        let word = |one: &Arc<str>, other: &Arc<str>| match (&**one, &**other) {
            ("*", _) => Some(Arc::clone(other)),
            (_, "*") => Some(Arc::clone(one)),
            (word, same) => (word == same).then(|| Arc::clone(one)),
        };
        Some(Self {
            resource: word(&self.resource, &other.resource)?,
            action: word(&self.action, &other.action)?,
        })
    }
}

fn word(text: &str) -> bool {
    text == "*"
        || (!text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)))
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What an identity was granted; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(Arc<[Permission]>);

impl Permissions {
    /// Whether any grant covers `required`.
    #[must_use]
    pub fn allow(&self, required: &Permission) -> bool {
        self.0.iter().any(|granted| granted.covers(required))
    }

    /// Whether nothing that `other` grants is missing.
    #[must_use]
    pub fn include(&self, other: &Self) -> bool {
        other.0.iter().all(|permission| self.allow(permission))
    }

    /// What both grant.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let pairs = self
            .0
            .iter()
            .flat_map(|one| other.0.iter().map(move |other| (one, other)));
        pairs.filter_map(|(one, other)| one.meet(other)).collect()
    }

    /// The grants, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(grants: I) -> Self {
        let mut grants: Vec<_> = grants.into_iter().collect();
        grants.sort();
        grants.dedup();
        Self(grants.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(text: &str) -> Permission {
        Permission::parse(text).unwrap()
    }

    #[test]
    fn a_grant_covers_itself_and_what_its_stars_stand_for() {
        let required = permission("CONVERSATION:WRITE");
        for grant in ["CONVERSATION:WRITE", "CONVERSATION:*", "*:WRITE", "*:*"] {
            assert!(permission(grant).covers(&required), "{grant}");
        }
        for grant in ["CONVERSATION:READ", "MEMORY:WRITE", "conversation:write"] {
            assert!(!permission(grant).covers(&required), "{grant}");
        }
    }

    #[test]
    fn a_permission_has_two_words() {
        for bad in ["", "A", "A:", ":B", "A:B:C", "A B:C", "A:**"] {
            assert!(Permission::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_granted_allows_nothing() {
        assert!(!Permissions::default().allow(&permission("A:B")));
    }
}
