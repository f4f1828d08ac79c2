//! The panel of Cheshire Cat 1.9 and the cookie of its login, which a browser has instead of a
//! header (interface §3).

use serde_json::json;

use crate::support::{Backend, Claims, Setup, differs_on_purpose, key_of};

/// A call with the cookie: what the Cat answers, what is answered here, and whether the Cat is shown
/// the cookie.
struct Row {
    given: &'static str,
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    backend: u16,
    doorward: u16,
    shown: bool,
    why: &'static str,
}

type Headers = &'static [(&'static str, &'static str)];

const fn row(
    given: &'static str,
    (method, path): (&'static str, &'static str),
    headers: Headers,
    (backend, doorward): (u16, u16),
    why: &'static str,
) -> Row {
    Row { given, method, path, headers, backend, doorward, shown: false, why }
}

impl Row {
    const fn shown(self) -> Self {
        Self { shown: true, ..self }
    }
}

const OURS: (&str, &str) = ("Origin", "https://chat.example");
const THEIRS: (&str, &str) = ("Origin", "https://evil.example");
const FRAMED: &str = "a foreign page must not see, or show, what a browser's cookie opens";

const COOKIE: &[Row] = &[
    row("the panel", ("GET", "/admin/"), &[], (200, 200), "").shown(),
    row("a page of it", ("GET", "/admin/settings/"), &[], (200, 200), "").shown(),
    row("deeper in it", ("GET", "/admin/assets/index.js"), &[], (200, 200), "").shown(),
    row("its head", ("HEAD", "/admin/"), &[], (200, 200), "").shown(),
    row("its style", ("GET", "/core-static/cat.css"), &[], (200, 200), ""),
    row(
        "the panel, framed",
        ("GET", "/admin/"),
        &[("Sec-Fetch-Site", "cross-site")],
        (200, 403),
        FRAMED,
    ),
    row("the panel, fetched", ("GET", "/admin/"), &[THEIRS], (200, 403), FRAMED),
    row("the API", ("GET", "/"), &[], (403, 403), ""),
    row("users", ("GET", "/users/"), &[OURS], (403, 403), ""),
    row("the API, from elsewhere", ("GET", "/"), &[THEIRS], (403, 403), ""),
    row("a message", ("POST", "/message"), &[], (403, 403), ""),
    row("a message, ours", ("POST", "/message"), &[OURS], (403, 403), ""),
    row("a message, from elsewhere", ("POST", "/message"), &[THEIRS], (403, 403), ""),
    row("a key beside it", ("POST", "/message"), &[("access_token", "{key}")], (200, 200), ""),
    row("a bad key beside it", ("GET", "/"), &[("access_token", "nonsense")], (403, 403), ""),
];

#[tokio::test]
async fn the_panels_cookie_counts_on_our_pages_and_is_shown_to_the_panel_alone() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).key("carol").issuer_with("user = \"{username}\"");
    let sidecar = setup.start().await;
    let permissions = json!({"STATUS": ["READ"], "STATIC": ["READ"], "CONVERSATION": ["WRITE"]});
    let token =
        Claims::of("8f0b").with("username", "alice").with("permissions", permissions).sign();
    let cookie = format!("ccat_user_token={token}");
    for Row { given, method, path, headers, backend: theirs, doorward, shown, why } in COOKIE {
        differs_on_purpose(given, theirs, doorward, why);
        let before = backend.seen().len();
        let request = sidecar.request(method, path).header("Cookie", &format!("a=1; {cookie}"));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(name, &value.replace("{key}", &key_of("carol")))
        });
        assert_eq!(request.status().await, *doorward, "{given}: {why}");
        let seen = backend.seen().split_off(before);
        assert_eq!(seen.len(), usize::from(*doorward == 200), "{given}");
        for seen in seen {
            let expected = if *shown { format!("a=1; {cookie}") } else { "a=1".to_owned() };
            assert_eq!(seen.head.all("cookie"), [expected], "{given}");
            let user =
                if headers.iter().any(|(_, value)| *value == "{key}") { "carol" } else { "alice" };
            assert_eq!(seen.folded("user_id"), [user], "{given}");
        }
    }
}
