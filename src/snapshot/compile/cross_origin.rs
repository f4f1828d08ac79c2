//! Origins of browser pages (RFC 6454): `[cors]` and `websocket.origins`.

use http::{HeaderValue, Uri};

use super::findings::Findings;
use crate::auth::{Origins, Security};
use crate::config::{self, Config};
use crate::snapshot::Cors;

/// Which origins may call.
pub(super) fn cors(written: &config::Cors, findings: &mut Findings) -> Cors {
    let origins = written.origins.as_slice();
    if origins.is_empty() {
        return Cors::Off;
    }
    if origins.iter().any(|origin| origin == "*") {
        if origins.len() > 1 {
            findings.warning(
                "cors.origins",
                "\"*\" is any origin; the others say nothing",
            );
        }
        return Cors::Any;
    }
    let valid = check("cors.origins", origins, findings);
    Cors::Origins(
        valid
            .filter_map(|origin| HeaderValue::try_from(origin).ok())
            .collect(),
    )
}

/// Which pages are ours, and which others may open a socket.
pub(super) fn origins(config: &Config, findings: &mut Findings) -> Origins {
    let written = config.websocket.origins.as_slice();
    let security = match config.tls {
        Some(_) => Security::Tls,
        // Something before us may end it.
        None => Security::Either,
    };
    Origins::new(check("websocket.origins", written, findings)).with(security)
}

/// The origins as a browser writes them; what no browser would ever send is an error.
fn check(
    at: &str,
    written: &[String],
    findings: &mut Findings,
) -> impl Iterator<Item = String> + use<> {
    let mut valid = Vec::new();
    for (index, origin) in written.iter().enumerate() {
        if origin == "*" || is_origin(origin) {
            valid.push(origin.to_ascii_lowercase());
        } else {
            let message = "not an origin: scheme and host, as in \"https://app.example\"";
            findings.error(format!("{at}[{index}]"), message);
        }
    }
    valid.into_iter()
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let parsed: Result<Uri, _> = text.parse();
    !scheme.is_empty()
        && !authority.contains(['/', '?', '#', '@'])
        && parsed.is_ok_and(|uri| uri.authority().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_scheme_and_host_and_nothing_else() {
        for good in [
            "https://app.example",
            "http://localhost:3000",
            "tauri://localhost",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "app.example",
            "https://",
            "https://a/",
            "https://a/b",
            "https://u@a",
            "null",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
