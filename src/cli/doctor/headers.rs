//! `headers`: whether something between doorward and the backend drops those that tell who is
//! calling. Several servers drop names with an underscore unless they are told otherwise.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    finding::{Finding, printable},
    inquiry::Inquiry,
};
use crate::{
    auth::{Placement, Rewrite},
    cli::client::{Answer, Failure},
    profile::Target,
};

const NAME: &str = "headers";
/// A header that nothing drops, to tell a path that echoes from one that does not.
const CONTROL: HeaderName = HeaderName::from_static("x-doorward-doctor");
/// Servers that drop names with an underscore by default, as they call themselves in `Server`, and
/// how they are told otherwise.
const DROPPING: [(&str, &str); 5] = [
    ("nginx", "underscores_in_headers on;"),
    ("openresty", "underscores_in_headers on;"),
    ("tengine", "underscores_in_headers on;"),
    ("gunicorn", "header_map = \"dangerous\""),
    ("wsgiserver", "no setting of its own: use another server"),
];

/// The headers that tell the backend who is calling.
pub(super) fn of_identity(rewrite: &Rewrite) -> Vec<HeaderName> {
    let mut found: Vec<HeaderName> = Vec::new();
    for placement in [&rewrite.http, &rewrite.websocket] {
        if let Placement::Headers(names) = placement {
            let new = names.iter().filter(|name| !found.contains(name));
            found.extend(new.cloned().collect::<Vec<_>>());
        }
    }
    found
}

/// What an ordinary answer gives away of who stands between.
pub(super) fn suspected(answer: &HeaderMap, names: &[HeaderName]) -> Finding {
    let lossy = |name: &&HeaderName| name.as_str().contains('_');
    let Some(name) = names.iter().find(lossy) else {
        return Finding::ok(NAME, "no header with an underscore tells the identity");
    };
    let said = |name: HeaderName| {
        let value = answer.get(name)?;
        Some(printable(&String::from_utf8_lossy(value.as_bytes())))
    };
    let server = said(header::SERVER).unwrap_or_default();
    let family = server.to_ascii_lowercase();
    if let Some((_, setting)) = DROPPING.iter().find(|(known, _)| family.starts_with(known)) {
        let seen = format!("`Server: {server}`: drops {name} unless it is told otherwise");
        let advice = format!("{setting}; then make sure with --echo PATH");
        return Finding::warning(NAME, seen, advice);
    }
    if let Some(via) = said(header::VIA) {
        let seen = format!("`Via: {via}`: something stands between, and may drop {name}");
        let advice = "let doorward be the last before the backend, or make sure with --echo PATH";
        return Finding::warning(NAME, seen, advice);
    }
    Finding::ok(NAME, "nothing between shows itself; --echo PATH makes sure")
}

/// Sends the identity's headers to a path that echoes, and looks for them in what comes back.
pub(super) async fn echoed(
    inquiry: &Inquiry<'_>,
    path: &Target,
    names: &[HeaderName],
) -> anyhow::Result<Finding> {
    if names.is_empty() {
        return Ok(Finding::ok(NAME, "no header tells the identity"));
    }
    let control = (CONTROL, random()?);
    let mut sent = Vec::new();
    for name in names {
        sent.push((name.clone(), random()?));
    }
    let mut request = inquiry.get(path)?;
    for (name, value) in sent.iter().chain([&control]) {
        let value = HeaderValue::from_str(value)?;
        request.headers_mut().insert(name, value);
    }
    let outcome = inquiry.ask(request).await;
    Ok(judge(
        &Echo {
            path,
            sent,
            control,
        },
        &outcome,
    ))
}

/// What was sent, each with a value that nobody else sends.
struct Echo<'e> {
    path: &'e Target,
    sent: Vec<(HeaderName, String)>,
    control: (HeaderName, String),
}

impl Echo<'_> {
    /// The names whose values are not in this text.
    fn missing_in(&self, text: &str) -> Vec<&str> {
        let missing = self.sent.iter().filter(|(_, value)| !text.contains(value));
        missing.map(|(name, _)| name.as_str()).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.sent.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn judge(echo: &Echo<'_>, outcome: &Result<Answer, Failure>) -> Finding {
    let path = echo.path;
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => {
            let seen = format!("GET {path} could not be tried: {failure}");
            return Finding::warning(NAME, seen, "try again");
        }
    };
    let body = answer.text();
    let missing = echo.missing_in(&body);
    if missing.is_empty() {
        let names = echo.names().join(", ");
        return Finding::ok(NAME, format!("{names} arrives, says {path}"));
    }
    if !body.contains(&echo.control.1) {
        let status = answer.status.as_u16();
        let seen = format!("GET {path} ({status}) returns no headers, so nothing can be said");
        let advice = "name a path of the backend that answers with the headers it was sent";
        return Finding::warning(NAME, seen, advice);
    }
    let missing = missing.join(", ");
    let seen = format!("{missing} does not arrive, and other headers do, says {path}");
    let advice = "let what stands between pass headers with an underscore, or let doorward be the last before the backend: it cannot tell its callers apart";
    Finding::problem(NAME, seen, advice)
}

fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{super::finding::Level, *};

    fn answer(headers: &[(HeaderName, &str)]) -> HeaderMap {
        let header = |(name, value): &(HeaderName, &str)| (name.clone(), value.parse().unwrap());
        headers.iter().map(header).collect()
    }

    #[test]
    fn servers_and_proxies_that_may_drop_an_underscore_are_named() {
        let names = ["user_id".parse().unwrap()];
        for (header, value, level) in [
            (header::SERVER, "nginx/1.27.0", Level::Warning),
            (header::SERVER, "OpenResty", Level::Warning),
            (header::SERVER, "gunicorn", Level::Warning),
            (header::SERVER, "uvicorn", Level::Ok),
            (header::VIA, "1.1 varnish", Level::Warning),
            (header::ALLOW, "nginx", Level::Ok),
        ] {
            let found = suspected(&answer(&[(header, value)]), &names);
            assert_eq!(found.level(), level, "{value}");
        }
    }

    #[test]
    fn a_name_without_an_underscore_is_in_no_danger() {
        let nginx = answer(&[(header::SERVER, "nginx")]);
        let found = suspected(&nginx, &["user-id".parse().unwrap()]);
        assert_eq!(found.level(), Level::Ok);
        assert_eq!(suspected(&nginx, &[]).level(), Level::Ok);
    }

    #[test]
    fn a_lost_header_is_told_from_a_path_that_echoes_nothing() {
        let path = Target::default();
        let echo = Echo {
            path: &path,
            sent: vec![("user_id".parse().unwrap(), "one".to_owned())],
            control: (CONTROL, "two".to_owned()),
        };
        let level = |body: &str| {
            let outcome = Ok(Answer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: body.into(),
            });
            judge(&echo, &outcome).level()
        };
        assert_eq!(level("user_id: one, x-doorward-doctor: two"), Level::Ok);
        assert_eq!(level("user_id: one"), Level::Ok);
        assert_eq!(level("x-doorward-doctor: two"), Level::Problem);
        assert_eq!(level("hello"), Level::Warning);
    }

    #[test]
    fn no_two_values_are_the_same() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
