//! A configuration made of the variables that the backends themselves read, without a file.
//!
//! Where a backend lets everybody in for want of a variable, nobody gets in here, and a warning says
//! so.

use super::diagnostic::Diagnostic;
use super::environment::Environment;
use super::{Config, Issuer, Key, KeyTransport, ProfileName};

/// The variables of Cheshire Cat 1.x that mean something here.
const CAT: &[&str] = &[
    "CCAT_API_KEY",
    "CCAT_API_KEY_WS",
    "CCAT_JWT_SECRET",
    "CCAT_JWT_ALGORITHM",
    "CCAT_JWT_EXPIRE_MINUTES",
];

/// The variables of Zep.
const ZEP: &[&str] = &["ZEP_AUTH_REQUIRED", "ZEP_AUTH_SECRET"];

fn set<'a>(names: &[&'a str], environment: &Environment) -> Vec<&'a str> {
    let names = names.iter().copied();
    names.filter(|name| environment.has(name)).collect()
}

/// With a file, these variables say nothing; one warning tells.
pub(super) fn ignored(environment: &Environment) -> Option<Diagnostic> {
    let names = [set(CAT, environment), set(ZEP, environment)].concat();
    let warn = || {
        let message = format!(
            "ignored, since there is a configuration file: {}",
            names.join(", ")
        );
        Diagnostic::warning("", message)
    };
    (!names.is_empty()).then(warn)
}

/// Adds what the variables say.
pub(super) fn complete(config: &mut Config, environment: &Environment) -> Vec<Diagnostic> {
    let (cat, zep) = (set(CAT, environment), set(ZEP, environment));
    match (cat.is_empty(), zep.is_empty()) {
        (true, true) => Vec::new(),
        (false, true) => cheshire_cat(config, environment),
        (true, false) => self::zep(config, environment),
        (false, false) => vec![Diagnostic::error(
            "backend.profile",
            format!(
                "variables of two backends are set: {}, {}",
                cat.join(", "),
                zep.join(", ")
            ),
        )],
    }
}

fn choose_profile(config: &mut Config, name: &str, environment: &Environment) {
    if environment.var("DOORWARD_PROFILE").is_none()
        && environment.var("DOORWARD_BACKEND_PROFILE").is_none()
    {
        config.backend.profile = ProfileName::Embedded(name.into());
    }
}

/// That a variable is missing, or empty, which is the same here, and what comes of it.
fn without(
    variable: &str,
    there: &str,
    here: &str,
    environment: &Environment,
) -> Option<Diagnostic> {
    if environment.var(variable).is_some() {
        return None;
    }
    let how = if environment.has(variable) {
        "empty"
    } else {
        "not set"
    };
    let message = format!("{variable} is {how}: {there}; here {here}");
    Some(Diagnostic::warning("", message))
}

/// One token for all callers, signed with the secret that the backend has too; what they may do is
/// up to the backend.
fn zep(config: &mut Config, environment: &Environment) -> Vec<Diagnostic> {
    choose_profile(config, "zep", environment);
    let mut found = Vec::new();
    if environment.var("ZEP_AUTH_SECRET").is_some() {
        match issuer("ZEP_AUTH_SECRET", "HS256", "user = 'zep'\nrequire = []") {
            Ok(issuer) => config.issuer.push(issuer),
            Err(diagnostic) => found.push(diagnostic),
        }
        for issuer in &mut config.issuer {
            issuer.default_permissions = vec!["*:*".to_owned()];
        }
        if config.backend.jwt_secret() == Ok(None) && config.backend.http_credential() == Ok(None) {
            config.backend.jwt_secret_env = Some("ZEP_AUTH_SECRET".to_owned());
        }
    }
    let (open, closed) = ("no token can be verified", "nobody gets in");
    found.extend(without("ZEP_AUTH_SECRET", open, closed, environment));
    let required = environment.var("ZEP_AUTH_REQUIRED");
    if !required.is_some_and(|required| ["true", "1"].contains(&required)) {
        let message = "ZEP_AUTH_REQUIRED is not true: Zep lets everybody in; here a token is \
                       needed all the same";
        found.push(Diagnostic::warning("", message));
    }
    found
}

fn cheshire_cat(config: &mut Config, environment: &Environment) -> Vec<Diagnostic> {
    choose_profile(config, "cheshire-cat-1", environment);
    let [http, websocket] = ["CCAT_API_KEY", "CCAT_API_KEY_WS"].map(|name| environment.var(name));
    if http.is_some() {
        // The Cat's clients have one key for both: then the Cat's two are the same.
        let transports = if http == websocket {
            vec![KeyTransport::Http, KeyTransport::WebSocket]
        } else {
            vec![KeyTransport::Http]
        };
        let key = acting("CCAT_API_KEY", "*:*", transports);
        config.key.push(key.into());
        if config.backend.http_credential() == Ok(None) {
            config.backend.http_key_env = Some("CCAT_API_KEY".to_owned());
        }
    }
    if websocket.is_some() && config.backend.ws_credential() == Ok(None) {
        config.backend.ws_key_env = Some("CCAT_API_KEY_WS".to_owned());
    }
    if websocket.is_some() && http != websocket {
        let transports = vec![KeyTransport::WebSocket];
        let key = acting("CCAT_API_KEY_WS", "CONVERSATION:WRITE", transports);
        config.key.push(key.into());
    }
    let mut found = Vec::new();
    for (variable, there, here) in [
        (
            "CCAT_API_KEY",
            "the Cat needs no key on HTTP, or none but the other one",
            "no key opens it",
        ),
        (
            "CCAT_API_KEY_WS",
            "the Cat lets everybody in on WebSocket",
            "no key opens it",
        ),
        (
            "CCAT_JWT_SECRET",
            "the Cat verifies tokens with a secret that everybody knows",
            "no token counts",
        ),
    ] {
        found.extend(without(variable, there, here, environment));
    }
    if environment.var("CCAT_JWT_SECRET").is_some() {
        let algorithm = environment.var("CCAT_JWT_ALGORITHM").unwrap_or("HS256");
        match issuer("CCAT_JWT_SECRET", algorithm, "user = '{username}'") {
            Ok(issuer) => config.issuer.push(issuer),
            Err(diagnostic) => found.push(diagnostic),
        }
        if !config.key.is_empty() {
            let message = "CCAT_JWT_SECRET and the API keys share one namespace of user ids: \
                           whoever holds a key may act as any user of a token";
            found.push(Diagnostic::warning("issuer[0].shared_namespace", message));
        }
    }
    let minutes = environment.var("CCAT_JWT_EXPIRE_MINUTES");
    if minutes.is_some_and(|minutes| minutes.parse::<f64>().is_err()) {
        found.push(Diagnostic::error(
            "",
            "CCAT_JWT_EXPIRE_MINUTES is not a number of minutes",
        ));
    }
    found
}

fn acting(variable: &str, permission: &str, transports: Vec<KeyTransport>) -> Key {
    Key {
        id: variable.to_owned(),
        sha256: None,
        value: None,
        value_file: None,
        value_env: Some(variable.to_owned()),
        user: None,
        acts_as: vec!["*".to_owned()],
        permissions: Some(vec![permission.to_owned()]),
        transports,
        expires: None,
        shared_namespace: true,
    }
}

/// The issuer of the tokens that are signed with a variable's secret.
fn issuer(variable: &str, algorithm: &str, settings: &str) -> Result<Issuer, Diagnostic> {
    let text = format!(
        "name = '{variable}'\nalgorithms = [{}]\nsecret_env = '{variable}'\n{settings}\n\
         shared_namespace = true\n",
        toml::Value::from(algorithm)
    );
    toml::from_str(&text).map_err(|_| {
        let message = format!("CCAT_JWT_ALGORITHM names no signature algorithm: {algorithm}");
        Diagnostic::error("", message).with_help("HS256, HS384 or HS512")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Written;
    use super::*;

    #[test]
    fn the_variables_of_cheshire_cat_make_keys_an_issuer_and_backend_credentials() {
        let environment = Environment::from([
            ("CCAT_API_KEY", "meow"),
            ("CCAT_API_KEY_WS", "meow-ws"),
            ("CCAT_JWT_SECRET", "secret"),
            ("CCAT_JWT_EXPIRE_MINUTES", "1440.5"),
            ("DOORWARD_BACKEND_URL", "http://cat:80"),
            ("DOORWARD_TLS_CERTIFICATE", "c.pem"),
            ("DOORWARD_TLS_KEY", "c.key"),
        ]);
        let written = Written::from_environment(&environment);
        assert!(written.is_sound());
        let config = &written.config;
        assert_eq!(
            config.backend.profile,
            ProfileName::Embedded("cheshire-cat-1".into())
        );
        assert_eq!(config.key[0].transports, [KeyTransport::Http]);
        assert_eq!(
            config.key[1].permissions.as_deref().unwrap(),
            ["CONVERSATION:WRITE"]
        );
        assert_eq!(
            config.backend.ws_key_env.as_deref(),
            Some("CCAT_API_KEY_WS")
        );
        assert_eq!(config.issuer[0].user, "{username}");
        assert_eq!(
            config.tls.as_ref().unwrap().certificate.to_str(),
            Some("c.pem")
        );
        assert_eq!(
            written.report([]).diagnostics().len(),
            1,
            "the shared namespace"
        );
    }

    #[test]
    fn the_variables_of_zep_make_an_issuer_and_mint_what_it_is_shown() {
        let environment = Environment::from([
            ("ZEP_AUTH_REQUIRED", "true"),
            ("ZEP_AUTH_SECRET", "a-secret-of-more-than-thirty-two-bytes"),
            ("DOORWARD_BACKEND_URL", "http://zep:8000"),
        ]);
        let written = Written::from_environment(&environment);
        assert!(written.is_sound());
        let config = &written.config;
        assert_eq!(config.backend.profile, ProfileName::Embedded("zep".into()));
        assert_eq!(
            config.backend.jwt_secret_env.as_deref(),
            Some("ZEP_AUTH_SECRET")
        );
        let issuer = &config.issuer[0];
        assert_eq!((&*issuer.user, issuer.require.len()), ("zep", 0));
        assert!(written.report([]).diagnostics().is_empty());
    }

    #[test]
    fn what_would_open_a_backend_opens_nothing_and_is_said_once() {
        for (variables, said) in [
            (
                [("ZEP_AUTH_REQUIRED", "false"), ("ZEP_AUTH_SECRET", "x")],
                &["ZEP_AUTH_REQUIRED is not true"][..],
            ),
            (
                [("ZEP_AUTH_REQUIRED", "true"), ("ZEP_AUTH_SECRET", "")],
                &["ZEP_AUTH_SECRET is empty"],
            ),
            (
                [("CCAT_API_KEY", "x"), ("CCAT_API_KEY_WS", "")],
                &["CCAT_API_KEY_WS is empty", "CCAT_JWT_SECRET is not set"],
            ),
            (
                [("CCAT_API_KEY", ""), ("CCAT_API_KEY_WS", "x")],
                &["CCAT_API_KEY is empty", "CCAT_JWT_SECRET is not set"],
            ),
        ] {
            let written = Written::from_environment(&Environment::from(variables));
            let report = written.report([]);
            let found = report.diagnostics().iter().filter(|one| !one.is_error());
            assert_eq!(found.count(), said.len(), "{}", report.to_text());
            for words in said {
                assert!(report.to_text().contains(words), "{}", report.to_text());
            }
        }
    }

    #[test]
    fn one_key_for_both_transports_is_one_key() {
        let environment = Environment::from([("CCAT_API_KEY", "x"), ("CCAT_API_KEY_WS", "x")]);
        let config = Written::from_environment(&environment).config;
        let [key] = &config.key[..] else {
            panic!("{}", config.key.len());
        };
        assert_eq!(key.transports.len(), 2);
        assert!(config.backend.http_key_env.is_some() && config.backend.ws_key_env.is_some());
    }

    #[test]
    fn two_families_are_an_error() {
        let both = Environment::from([("ZEP_AUTH_SECRET", "x"), ("CCAT_API_KEY", "y")]);
        let report = Written::from_environment(&both).report([]).to_text();
        assert!(report.contains("two backends"), "{report}");
    }

    #[test]
    fn beside_a_file_they_are_ignored_with_one_warning() {
        let environment = Environment::from([("CCAT_API_KEY", "y"), ("CCAT_JWT_SECRET", "z")]);
        let written = Written::from_file("f", "", &environment);
        assert!(written.config.key.is_empty());
        assert_eq!(written.report([]).diagnostics().len(), 1);
    }
}
