//! `doorward token create`: signs a token as an issuer of the configuration would.

use anyhow::{Context, anyhow, bail};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    auth::UserId,
    cli::{
        Exit,
        configuration::{self, ConfigArgument},
        output::{self, Format},
        sign::sign,
    },
    clock::Timestamp,
    config::{Algorithm, Issuer, Period},
};

/// Signs a token with the secret of an issuer of the configuration.
///
/// The claims are those that the issuer's settings ask for: the user where its template reads it,
/// `iss` and `aud` as required, `iat` and `exp`. Issuers with public keys cannot be signed for.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward token create --user alice
  doorward token create --user alice --issuer local --expires 8h --claim 'permissions=[\"*:*\"]'
  doorward token create --user alice > alice.jwt && doorward token inspect alice.jwt")]
pub(super) struct Create {
    /// Whom the token stands for
    #[arg(long)]
    user: String,
    /// The issuer's name; may be left out when only one has a secret
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// How long it is good for
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    expires: Period,
    /// Another claim, may be repeated; a value that is JSON is taken as such, else as text
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgument,
}

#[derive(Serialize)]
struct Created<'a> {
    token: &'a str,
    issuer: &'a str,
    claims: &'a Map<String, Value>,
}

impl Create {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let written = self.config.read_sound()?;
        let issuer = self.choose(&written.config.issuer)?;
        let secret = issuer.secret()?.ok_or_else(|| not_ours(issuer))?;
        let algorithm = algorithm(issuer)?;
        let claims = self.claims(issuer, now)?;
        let token = sign(algorithm, &claims, &configuration::fetch(secret)?)
            .ok_or_else(|| not_ours(issuer))?;
        let created = Created {
            token: &token,
            issuer: &issuer.name,
            claims: &claims,
        };
        output::print(self.format, &created, || token.clone())?;
        Ok(Exit::Done)
    }

    fn choose<'c>(&self, issuers: &'c [Issuer]) -> anyhow::Result<&'c Issuer> {
        let names = || {
            issuers
                .iter()
                .map(|issuer| &*issuer.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        if let Some(name) = &self.issuer {
            let issuer = issuers.iter().find(|issuer| issuer.name == *name);
            return issuer.with_context(|| match names() {
                names if names.is_empty() => "the configuration has no [[issuer]]".to_owned(),
                names => format!("no issuer is called `{name}`; there are: {names}"),
            });
        }
        let mut able = issuers
            .iter()
            .filter(|issuer| matches!(issuer.secret(), Ok(Some(_))));
        match (able.next(), able.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => bail!(
                "several issuers have a secret; --issuer chooses: {}",
                names()
            ),
            (None, _) if issuers.is_empty() => bail!("the configuration has no [[issuer]]"),
            (None, _) => bail!("no issuer has a secret to sign with: {}", names()),
        }
    }

    fn claims(&self, issuer: &Issuer, now: Timestamp) -> anyhow::Result<Map<String, Value>> {
        let mut claims = Map::new();
        if let Some((name, value)) = user_claim(&issuer.user, &self.user)? {
            claims.insert(name, value.into());
        }
        if let Some(name) = &issuer.issuer {
            claims.insert("iss".into(), name.as_str().into());
        }
        if let Some(audience) = issuer.audience.0.iter().find(|name| *name != "any") {
            claims.insert("aud".into(), audience.as_str().into());
        }
        claims.insert("iat".into(), seconds(now).into());
        claims.insert("exp".into(), seconds(now.after(self.expires.0)).into());
        claims.extend(self.claims.iter().cloned());
        let missing = issuer
            .require
            .iter()
            .filter(|name| !claims.contains_key(*name));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        if !missing.is_empty() {
            bail!(
                "issuer `{}` requires more claims, give them with --claim: {}",
                issuer.name,
                missing.join(", ")
            );
        }
        Ok(claims)
    }
}

/// The claim that makes the issuer's template yield this user; `None` when it yields that user
/// anyway.
fn user_claim(template: &str, user: &str) -> anyhow::Result<Option<(String, String)>> {
    UserId::parse(user)?;
    let Some((prefix, rest)) = template.split_once('{') else {
        if template != user {
            bail!("every token of this issuer stands for `{template}`");
        }
        return Ok(None);
    };
    let (claim, suffix) = rest.split_once('}').unwrap_or((rest, ""));
    if suffix.contains('{') {
        bail!(
            "the user of this issuer is made of several claims (`{template}`); give them with --claim and a --user that they yield"
        );
    }
    let value = user
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(suffix));
    let value = value.filter(|value| !value.is_empty());
    let value = value.with_context(|| {
        format!("the users of this issuer look like `{template}`, which `{user}` does not")
    })?;
    Ok(Some((claim.to_owned(), value.to_owned())))
}

fn algorithm(issuer: &Issuer) -> anyhow::Result<Algorithm> {
    let shared = issuer
        .algorithms
        .iter()
        .copied()
        .find(|algorithm| algorithm.is_symmetric());
    shared.ok_or_else(|| not_ours(issuer))
}

fn not_ours(issuer: &Issuer) -> anyhow::Error {
    anyhow!(
        "issuer `{}` is verified with a public key: only the holder of the private key can sign",
        issuer.name
    )
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a claim is NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

/// A `NumericDate` (RFC 7519 §2).
fn seconds(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        create: Create,
    }

    fn create(arguments: &[&str]) -> Create {
        Cli::parse_from([&["create", "--user", "alice"], arguments].concat()).create
    }

    fn issuer(rest: &str) -> Issuer {
        toml::from_str(&format!("name = 'i'\nalgorithms = ['HS256']\n{rest}")).unwrap()
    }

    #[test]
    fn the_claims_are_those_that_the_issuer_asks_for() {
        let issuer = issuer("secret = 's'\nissuer = 'https://id'\naudience = ['chat', 'x']");
        let create = create(&[
            "--claim",
            "permissions=[\"A:B\"]",
            "--claim",
            "name=Alice A",
        ]);
        assert_eq!(
            Value::Object(create.claims(&issuer, Timestamp::from_secs(1000)).unwrap()),
            json!({
                "sub": "alice", "iss": "https://id", "aud": "chat", "iat": 1000, "exp": 4600,
                "permissions": ["A:B"], "name": "Alice A",
            })
        );
    }

    #[test]
    fn the_user_is_put_where_the_template_reads_it() {
        let claim = |template, user| user_claim(template, user).map_err(|error| error.to_string());
        let pair = |name: &str, value: &str| Ok(Some((name.to_owned(), value.to_owned())));
        assert_eq!(claim("{username}", "alice"), pair("username", "alice"));
        assert_eq!(claim("kc-{sub}", "kc-alice"), pair("sub", "alice"));
        assert_eq!(claim("robot", "robot"), Ok(None));
        for (template, user) in [
            ("robot", "alice"),
            ("kc-{sub}", "alice"),
            ("{a}-{b}", "a-b"),
            ("{sub}", "a/b"),
        ] {
            assert!(claim(template, user).is_err(), "{template} {user}");
        }
    }

    #[test]
    fn a_claim_that_the_issuer_requires_must_be_given() {
        let issuer = issuer("secret = 's'\nrequire = ['exp', 'jti']");
        let error = create(&[])
            .claims(&issuer, Timestamp::from_secs(0))
            .unwrap_err();
        assert!(error.to_string().contains("jti"), "{error}");
        assert!(
            create(&["--claim", "jti=1"])
                .claims(&issuer, Timestamp::from_secs(0))
                .is_ok()
        );
    }

    #[test]
    fn the_one_issuer_with_a_secret_is_chosen() {
        let mut public = issuer("public_key_file = 'k.pem'\nissuer = 'x'\naudience = 'any'");
        public.name = "public".to_owned();
        let secret = issuer("secret = 's'");
        let both = [public.clone(), secret.clone()];
        assert_eq!(create(&[]).choose(&both).unwrap().name, "i");
        assert_eq!(
            create(&["--issuer", "public"]).choose(&both).unwrap().name,
            "public"
        );
        assert!(create(&["--issuer", "other"]).choose(&both).is_err());
        assert!(create(&[]).choose(&[secret.clone(), secret]).is_err());
        assert!(create(&[]).choose(&[public]).is_err());
    }
}
