//! A configuration made of the variables that Cheshire Cat itself reads, without a file.

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
    names
        .iter()
        .copied()
        .filter(|name| environment.var(name).is_some())
        .collect()
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
        (true, false) => vec![Diagnostic::error(
            "backend.profile",
            format!(
                "profile zep is not available in this version ({})",
                zep.join(", ")
            ),
        )],
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

fn cheshire_cat(config: &mut Config, environment: &Environment) -> Vec<Diagnostic> {
    if environment.var("DOORWARD_PROFILE").is_none()
        && environment.var("DOORWARD_BACKEND_PROFILE").is_none()
    {
        config.backend.profile = ProfileName::CheshireCat1;
    }
    if environment.var("CCAT_API_KEY").is_some() {
        config
            .key
            .push(acting("CCAT_API_KEY", "*:*", KeyTransport::Http).into());
        config.backend.http_key_env = Some("CCAT_API_KEY".to_owned());
    }
    if environment.var("CCAT_API_KEY_WS").is_some() {
        let key = acting(
            "CCAT_API_KEY_WS",
            "CONVERSATION:WRITE",
            KeyTransport::WebSocket,
        );
        config.key.push(key.into());
        config.backend.ws_key_env = Some("CCAT_API_KEY_WS".to_owned());
    }
    let mut found = Vec::new();
    if environment.var("CCAT_JWT_SECRET").is_some() {
        match issuer(environment) {
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

fn acting(variable: &str, permission: &str, transport: KeyTransport) -> Key {
    Key {
        id: variable.to_owned(),
        sha256: None,
        value: None,
        value_file: None,
        value_env: Some(variable.to_owned()),
        user: None,
        acts_as: vec!["*".to_owned()],
        permissions: Some(vec![permission.to_owned()]),
        transports: vec![transport],
        expires: None,
        shared_namespace: true,
    }
}

fn issuer(environment: &Environment) -> Result<Issuer, Diagnostic> {
    let algorithm = environment.var("CCAT_JWT_ALGORITHM").unwrap_or("HS256");
    let text = format!(
        "name = 'CCAT_JWT_SECRET'\nalgorithms = [{}]\nsecret_env = 'CCAT_JWT_SECRET'\n\
         user = '{{username}}'\nshared_namespace = true\n",
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
        assert_eq!(config.backend.profile, ProfileName::CheshireCat1);
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
    fn zep_and_two_families_are_errors() {
        let zep = Environment::from([("ZEP_AUTH_REQUIRED", "false")]);
        assert!(!Written::from_environment(&zep).is_sound());
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
