//! [`UserTemplate`]: how an issuer's claims become a user id.

use super::{Rejection, claims::Object};
use crate::auth::subject::UserId;

/// Text with claims in braces: `{sub}`, `kc-{sub}`, or a fixed id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserTemplate(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Text(Box<str>),
    Claim(Box<str>),
}

/// The text is not a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user template is text with claim names in braces, as in `kc-{{sub}}`")]
pub struct InvalidTemplate;

impl UserTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// When it is empty, or a brace is empty, unmatched or nested.
    pub fn parse(template: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let (claim, after) = after.split_once('}').ok_or(InvalidTemplate)?;
            if claim.is_empty() || claim.contains('{') || text.contains('}') {
                return Err(InvalidTemplate);
            }
            if !text.is_empty() {
                parts.push(Part::Text(text.into()));
            }
            parts.push(Part::Claim(claim.into()));
            rest = after;
        }
        if rest.contains('}') || template.is_empty() {
            return Err(InvalidTemplate);
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Self(parts))
    }

    /// The literal text before the first claim; ids of this template all begin with it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The one id this template yields, where it names no claim.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The user id that the claims yield; only texts count.
    pub(super) fn apply(&self, claims: &Object) -> Result<UserId, Rejection> {
        if let [Part::Claim(claim)] = self.0.as_slice() {
            let value = claims.text(claim)?.ok_or(Rejection::MissingClaim)?;
            return UserId::parse(value).map_err(|_| Rejection::User);
        }
        let mut id = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => id.push_str(text),
                Part::Claim(claim) => {
                    let value = claims.text(claim)?.ok_or(Rejection::MissingClaim)?;
                    if value.is_empty() {
                        return Err(Rejection::User);
                    }
                    id.push_str(value);
                }
            }
        }
        UserId::parse(&id).map_err(|_| Rejection::User)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(template: &str, claims: &str) -> Result<String, Rejection> {
        let claims = Object::parse(claims.as_bytes()).unwrap();
        let user = UserTemplate::parse(template).unwrap().apply(&claims)?;
        Ok(user.as_str().to_owned())
    }

    #[test]
    fn claims_fill_the_template() {
        let claims = r#"{"sub":"alice","org":"acme"}"#;
        assert_eq!(apply("{sub}", claims).unwrap(), "alice");
        assert_eq!(apply("kc-{sub}", claims).unwrap(), "kc-alice");
        assert_eq!(apply("{org}.{sub}", claims).unwrap(), "acme.alice");
        assert_eq!(apply("robot", claims).unwrap(), "robot");
    }

    #[test]
    fn what_yields_no_user_id_is_rejected() {
        assert_eq!(apply("{sub}", "{}"), Err(Rejection::MissingClaim));
        assert_eq!(
            apply("{sub}", r#"{"sub":7}"#),
            Err(Rejection::MalformedToken)
        );
        for sub in ["", "a b", "a/b", "..", "a\\r\\nb", "é", "a%2fb"] {
            assert_eq!(
                apply("{sub}", &format!(r#"{{"sub":"{sub}"}}"#)),
                Err(Rejection::User)
            );
        }
        assert_eq!(apply("kc-{sub}", r#"{"sub":""}"#), Err(Rejection::User));
    }

    #[test]
    fn what_is_the_same_for_all_is_known_beforehand() {
        for (template, prefix, fixed) in [
            ("kc-{sub}", "kc-", None),
            ("{org}.{sub}", "", None),
            ("robot", "robot", Some("robot")),
        ] {
            let template = UserTemplate::parse(template).unwrap();
            assert_eq!((template.prefix(), template.fixed()), (prefix, fixed));
        }
    }

    #[test]
    fn braces_must_match() {
        for bad in [
            "", "{", "}", "{}", "a{sub", "sub}", "{a{b}}", "{a{b}", "a}b{sub}",
        ] {
            assert_eq!(UserTemplate::parse(bad), Err(InvalidTemplate), "{bad}");
        }
    }
}
