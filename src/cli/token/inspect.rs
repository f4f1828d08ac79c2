//! `doorward token inspect`: what is wrong with a token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    auth::{JwtVerifier, KeyDigest},
    cli::{
        Exit,
        configuration::ConfigArgument,
        credential::Source,
        output::{self, Format},
    },
    clock::Timestamp,
    snapshot::Snapshot,
};

/// Says what a token claims and what is wrong with it, without ever repeating it.
///
/// Judges it as every issuer of the configuration would. Exits with 0 when one of them accepts
/// it, else with 3.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward token inspect alice.jwt
  pbpaste | doorward token inspect --config config/doorward.toml -
  doorward token inspect alice.jwt --format json | jq .issuers")]
pub(super) struct Inspect {
    /// File that holds the token; `-` reads standard input
    #[arg(value_name = "FILE", default_value = "-")]
    from: Source,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgument,
}

/// What is printed with `--format json`.
#[derive(Debug, Default, Serialize)]
struct Findings {
    /// SHA-256 of the whole token: what `revoked` of an issuer takes.
    sha256: String,
    /// `alg`, `typ` and `kid`.
    header: Map<String, Value>,
    /// The registered claims (RFC 7519 §4.1).
    claims: Map<String, Value>,
    /// The names of all other claims.
    other_claims: Vec<String>,
    /// What is wrong whoever verifies it.
    wrong: Vec<String>,
    /// What each issuer of the configuration says.
    issuers: Vec<Judgement>,
}

#[derive(Debug, Serialize)]
struct Judgement {
    issuer: String,
    accepted: bool,
    /// The user it stands for, or why it is refused.
    says: String,
}

impl Inspect {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let token = self.from.read()?;
        let token = String::from_utf8_lossy(token.expose());
        let mut findings = Findings::of(&token, now);
        let snapshot = self.snapshot(now)?;
        let issuers = snapshot
            .as_ref()
            .map_or(&[][..], |snapshot| &snapshot.gate.verifiers.issuers);
        findings.issuers = issuers
            .iter()
            .map(|issuer| judge(issuer, &token, now))
            .collect();
        output::print(self.format, &findings, || findings.to_text(now))?;
        Ok(findings.exit())
    }

    /// What would run, or nothing when there is no configuration at all.
    fn snapshot(&self, now: Timestamp) -> anyhow::Result<Option<Snapshot>> {
        if self.config.path().is_some() {
            return self.config.snapshot(now).map(Some);
        }
        let usable = self.config.compile(now)?.usable;
        Ok(usable.map(|usable| usable.snapshot))
    }
}

fn judge(issuer: &JwtVerifier, token: &str, now: Timestamp) -> Judgement {
    let verdict = issuer.inspect(token, now);
    Judgement {
        issuer: issuer.name().to_string(),
        accepted: verdict.is_ok(),
        says: match verdict {
            Ok(identity) => format!("accepted, as {}", identity.user()),
            Err(rejection) => rejection.reason().to_owned(),
        },
    }
}

impl Findings {
    fn of(token: &str, now: Timestamp) -> Self {
        let mut findings = Self {
            sha256: KeyDigest::of(token.as_bytes()).to_string(),
            ..Self::default()
        };
        let parts: Vec<&str> = token.split('.').collect();
        if token.contains(char::is_whitespace) {
            findings
                .wrong("it contains white space; a token is one word, without `Bearer` before it");
        }
        let [header, claims, signature] = parts.as_slice() else {
            findings.wrong(match parts.len() {
                1 => "it is no JWT: it has no dots; perhaps it is an API key",
                5 => "it is encrypted (five parts); only signed tokens are accepted",
                _ => "it is no JWT: that has three parts with dots between them",
            });
            return findings;
        };
        findings.header(header);
        findings.claims(claims, now);
        if signature.is_empty() {
            findings.wrong("it has no signature");
        } else if URL_SAFE_NO_PAD.decode(signature).is_err() {
            findings.wrong("its signature is not base64url");
        }
        findings
    }

    fn wrong(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }

    fn header(&mut self, part: &str) {
        let Some(header) = object(part) else {
            return self.wrong("its header is no JSON object in base64url");
        };
        if header.contains_key("crit") {
            self.wrong("its header names critical extensions (crit), which are always refused");
        }
        match header.get("alg").and_then(Value::as_str) {
            None => self.wrong("its header names no algorithm"),
            Some(name) if name.eq_ignore_ascii_case("none") => {
                self.wrong("it is not signed (alg none)");
            }
            Some(_) => {}
        }
        self.header = header
            .into_iter()
            .filter(|(name, _)| ["alg", "typ", "kid"].contains(&&**name))
            .collect();
    }

    fn claims(&mut self, part: &str, now: Timestamp) {
        let Some(claims) = object(part) else {
            return self.wrong("its claims are no JSON object in base64url");
        };
        let time = |name| claims.get(name).map(time);
        match time("exp") {
            Some(Some(end)) if end <= now => {
                self.wrong(format!("it expired {} ago", period(end, now)));
            }
            _ => {}
        }
        match time("nbf") {
            Some(Some(start)) if start > now => {
                self.wrong(format!("it counts only in {}", period(now, start)));
            }
            _ => {}
        }
        for name in ["exp", "nbf", "iat"] {
            if time(name) == Some(None) {
                self.wrong(format!("its {name} is not a number"));
            }
        }
        for (name, value) in claims {
            if ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"].contains(&&*name) {
                self.claims.insert(name, value);
            } else {
                self.other_claims.push(name);
            }
        }
    }

    fn exit(&self) -> Exit {
        let accepted = self.issuers.is_empty() || self.issuers.iter().any(|issuer| issuer.accepted);
        if accepted && self.wrong.is_empty() {
            Exit::Done
        } else {
            Exit::Denied
        }
    }

    fn to_text(&self, now: Timestamp) -> String {
        let mut lines = Vec::new();
        let fields = self.header.iter().chain(&self.claims);
        lines.extend(fields.map(|(name, value)| format!("{name}: {}", readable(name, value, now))));
        if !self.other_claims.is_empty() {
            lines.push(format!("other claims: {}", self.other_claims.join(", ")));
        }
        if !self.claims.is_empty() && !self.claims.contains_key("exp") {
            lines.push("note: it never expires (no exp)".to_owned());
        }
        lines.push(format!("sha256: {}", self.sha256));
        lines.extend(self.wrong.iter().map(|wrong| format!("wrong: {wrong}")));
        lines.extend(
            self.issuers
                .iter()
                .map(|issuer| format!("issuer {}: {}", issuer.issuer, issuer.says)),
        );
        if self.issuers.is_empty() {
            lines.push(
                "note: without an issuer in a configuration its signature was not checked"
                    .to_owned(),
            );
        }
        lines.join("\n")
    }
}

/// A value as it is, and a time as people read it.
fn readable(name: &str, value: &Value, now: Timestamp) -> String {
    let moment = match name {
        "exp" | "nbf" | "iat" => time(value),
        _ => None,
    };
    let Some(moment) = moment else {
        return value.to_string();
    };
    let date = jiff::Timestamp::from_second(moment.as_millis().div_euclid(1000));
    let date = date.map_or_else(|_| value.to_string(), |date| date.to_string());
    if moment <= now {
        format!("{date} ({} ago)", period(moment, now))
    } else {
        format!("{date} (in {})", period(now, moment))
    }
}

/// A `NumericDate` (RFC 7519 §2).
fn time(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float cast saturates, as a far time should"
    )]
    Some(Timestamp::from_millis((seconds * 1000.0) as i64))
}

/// How long it is from one moment to a later one, in the largest unit that fits.
fn period(from: Timestamp, to: Timestamp) -> String {
    let seconds = from.until(to).as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.into_iter().find(|(size, _)| seconds >= *size);
    let (size, name) = unit.unwrap_or((1, "s"));
    format!("{} {name}", seconds / size)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2lnbmF0dXJl", part(header), part(claims))
    }

    fn findings(header: &Value, claims: &Value) -> Findings {
        Findings::of(&token(header, claims), Timestamp::from_secs(10_000))
    }

    #[test]
    fn a_sound_token_has_nothing_wrong_with_it() {
        let claims = json!({"sub": "alice", "exp": 13_600, "secret": "hunter2"});
        let findings = findings(&json!({"alg": "HS256", "typ": "JWT"}), &claims);
        assert_eq!(findings.wrong, [""; 0]);
        assert_eq!(findings.exit(), Exit::Done);
        let text = findings.to_text(Timestamp::from_secs(10_000));
        assert!(
            text.contains("exp: 1970-01-01T03:46:40Z (in 1 h)"),
            "{text}"
        );
        assert!(
            text.contains("other claims: secret") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn every_fault_is_named() {
        let cases = [
            (json!({"alg": "none"}), json!({}), "not signed"),
            (
                json!({"alg": "HS256", "crit": ["x"]}),
                json!({}),
                "critical",
            ),
            (json!({}), json!({}), "no algorithm"),
            (json!(["HS256"]), json!({}), "header is no JSON object"),
            (
                json!({"alg": "HS256"}),
                json!([]),
                "claims are no JSON object",
            ),
            (
                json!({"alg": "HS256"}),
                json!({"exp": 9_880}),
                "expired 2 min ago",
            ),
            (
                json!({"alg": "HS256"}),
                json!({"nbf": 10_030}),
                "counts only in 30 s",
            ),
            (
                json!({"alg": "HS256"}),
                json!({"exp": "13600"}),
                "exp is not a number",
            ),
        ];
        for (header, claims, expected) in cases {
            let findings = findings(&header, &claims);
            assert!(
                findings.wrong.join("\n").contains(expected),
                "{expected}: {findings:?}"
            );
            assert_eq!(findings.exit(), Exit::Denied);
        }
    }

    #[test]
    fn what_is_no_token_is_said_to_be_none_and_not_repeated() {
        let now = Timestamp::from_secs(0);
        for text in [
            "dw_hunter2",
            "hunter2.a",
            "hunter2.b.c",
            "Bearer hunter2.b.c",
            "hunter2..",
            "a.b.c.d.hunter2",
        ] {
            let findings = Findings::of(text, now);
            assert!(!findings.wrong.is_empty(), "{text}");
            assert!(!findings.to_text(now).contains("hunter2"));
        }
    }
}
