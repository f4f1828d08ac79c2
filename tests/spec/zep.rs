//! Where Zep 0.x finds its token, what it says without one, and what it shows to whom: and what the
//! sidecar does instead (interface §3, §4, §5).

use serde_json::{Value, json};

use crate::support::{
    Backend, Claims, Setup, Sidecar, Signer, differs_on_purpose, in_seconds, unsigned,
};

const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";
const UNAUTHORIZED: &str = "token is unauthorized\n";
const NOT_FOUND: &str = "no token found\n";

/// One way to call, with what Zep answers: none where it lets the call pass, else its 401's text.
struct Row {
    given: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    backend: Option<&'static str>,
    doorward: Option<&'static str>,
    why: &'static str,
}

type Headers = &'static [(&'static str, &'static str)];

const PASSES: Option<&str> = None;
const REFUSED: Option<&str> = Some(UNAUTHORIZED);
/// A 400, whatever its text.
const MALFORMED: Option<&str> = Some("");

const ONE_TEXT: &str =
    "one text whatever the reason: a stranger learns nothing of what was missing";
const WORD: &str = "one scheme, spaces, one word (RFC 9110 §11)";
const AMBIGUOUS: &str = "who sends two credentials gets neither: another reader takes the other";

const fn row(given: &'static str, headers: Headers, backend: Option<&'static str>) -> Row {
    Row { given, target: "/api/v1/user", headers, backend, doorward: backend, why: "" }
}

impl Row {
    const fn at(self, target: &'static str) -> Self {
        Self { target, ..self }
    }

    const fn but(self, doorward: Option<&'static str>, why: &'static str) -> Self {
        Self { doorward, why, ..self }
    }
}

const PLACES: &[Row] = &[
    row("nothing", &[], Some(NOT_FOUND)).but(REFUSED, ONE_TEXT),
    row("Bearer", &[("Authorization", "Bearer {token}")], PASSES),
    row("bearer", &[("Authorization", "bearer {token}")], PASSES),
    row("BEARER", &[("Authorization", "BEARER {token}")], PASSES),
    row("a colon for the space", &[("Authorization", "Bearer:{token}")], PASSES).but(REFUSED, WORD),
    row("two spaces", &[("Authorization", "Bearer  {token}")], REFUSED).but(PASSES, WORD),
    row("a bad token", &[("Authorization", "Bearer x.y.z")], REFUSED),
    row("a bare token", &[("Authorization", "{token}")], Some(NOT_FOUND)).but(REFUSED, ONE_TEXT),
    row("another scheme", &[("Authorization", "Api-Key {token}")], Some(NOT_FOUND))
        .but(REFUSED, ONE_TEXT),
    row("X-API-Key", &[("X-API-Key", "{token}")], Some(NOT_FOUND))
        .but(PASSES, "one more place that other gateways' clients know"),
    row("the cookie", &[("Cookie", "jwt={token}")], PASSES),
    row("a bad cookie", &[("Cookie", "jwt=x.y.z")], REFUSED),
    row("another cookie", &[("Cookie", "token={token}")], Some(NOT_FOUND)).but(REFUSED, ONE_TEXT),
    row("a header before the cookie", &[BEARER, ("Cookie", "jwt=x.y.z")], PASSES),
    row("a bad header before it", &[("Authorization", "Bearer x"), COOKIE], REFUSED),
    row("another scheme before it", &[("Authorization", "Basic x"), COOKIE], PASSES)
        .but(REFUSED, "a cookie yields to whatever was sent on purpose, bad or good"),
    row("a foreign page's cookie", &[COOKIE, ("Origin", "https://evil.example")], PASSES)
        .but(REFUSED, "a browser adds the cookie to what a foreign page asks for, too"),
    row("a cookie, framed elsewhere", &[COOKIE, ("Sec-Fetch-Site", "cross-site")], PASSES)
        .but(REFUSED, "a browser adds the cookie to what a foreign page asks for, too"),
    row("two lines", &[BEARER, ("Authorization", "Bearer x")], PASSES).but(MALFORMED, AMBIGUOUS),
    row("?jwt=", &[], Some(NOT_FOUND)).at("/api/v1/user?jwt={token}").but(REFUSED, ONE_TEXT),
    row("?token=", &[], Some(NOT_FOUND)).at("/api/v1/user?token={token}").but(REFUSED, ONE_TEXT),
];

const BEARER: (&str, &str) = ("Authorization", "Bearer {token}");
const COOKIE: (&str, &str) = ("Cookie", "jwt={token}");

fn signed(claims: &Value) -> String {
    Signer::hs256(SECRET).sign(&json!({"alg": "HS256", "typ": "JWT"}), claims)
}

/// The one token of all callers, as Zep's own tool makes it: without a claim.
fn zeps() -> String {
    signed(&json!({}))
}

async fn zep() -> (Backend, Sidecar) {
    let backend = Backend::start().await;
    let setup = Setup::from_environment(&backend)
        .environment("DOORWARD_LIMITS_FAILURES_PER_ADDRESS", "off")
        .environment("ZEP_AUTH_REQUIRED", "true")
        .environment("ZEP_AUTH_SECRET", SECRET);
    let sidecar = setup.start().await;
    (backend, sidecar)
}

/// Calls with these headers: none when it passes, else the text of the 401, which a 400 has not.
async fn answer(sidecar: &Sidecar, target: &str, headers: &[(&str, String)]) -> Option<String> {
    let request = sidecar.get(target);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await;
    match answer.status {
        200 => None,
        401 => {
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
            // Zep has none; RFC 9110 §11.6.1 wants one.
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"doorward\""));
            Some(answer.text())
        }
        status => {
            assert_eq!(status, 400);
            Some(String::new())
        }
    }
}

#[tokio::test]
async fn the_token_is_found_where_zep_finds_it() {
    let (backend, sidecar) = zep().await;
    for Row { given, target, headers, backend: theirs, doorward, why } in PLACES {
        differs_on_purpose(given, theirs, doorward, why);
        let filled = |text: &str| text.replace("{token}", &zeps());
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, filled(value))).collect();
        let before = backend.seen().len();
        let ours = answer(&sidecar, &filled(target), &headers).await;
        assert_eq!(ours.as_deref(), *doorward, "{given}: {why}");
        let seen = backend.seen().split_off(before);
        assert_eq!(seen.len(), usize::from(doorward.is_none()), "{given}");
        for seen in seen {
            let [shown] = seen.folded("authorization")[..] else { panic!("{given}: {seen:?}") };
            assert!(shown.starts_with("Bearer ey"), "{given}: {shown}");
            assert!(!seen.everything().contains(&zeps()), "{given}: {seen:?}");
        }
    }
}

/// A token, Zep's 401 if there is one, ours, and why.
type Token = (&'static str, String, Option<&'static str>, Option<&'static str>, &'static str);

const LEEWAY: &str = "issuer.leeway, 30 s, since clocks differ";

fn tokens() -> Vec<Token> {
    let of = |claim: &str, value: i64| signed(&json!({claim: in_seconds(value)}));
    let hs512 = Signer::hs512(SECRET).sign(&json!({"alg": "HS512", "typ": "JWT"}), &json!({}));
    let other = Signer::hs256("another-secret-of-thirty-two-bytes!!");
    let foreign = other.sign(&json!({"alg": "HS256"}), &json!({}));
    let none = unsigned(&json!({"alg": "none"}), &Claims(json!({})));
    let (expired, nbf, iat) = (
        Some("token is expired\n"),
        Some("token nbf validation failed\n"),
        Some("token iat validation failed\n"),
    );
    vec![
        ("without a claim", zeps(), PASSES, PASSES, ""),
        ("with a user", signed(&json!({"sub": "alice"})), PASSES, PASSES, ""),
        ("with an issuer", signed(&json!({"iss": "https://id.example"})), PASSES, PASSES, ""),
        ("that ends later", of("exp", 3600), PASSES, PASSES, ""),
        ("that began", of("nbf", -3600), PASSES, PASSES, ""),
        ("that was made", of("iat", -3600), PASSES, PASSES, ""),
        ("that has ended", of("exp", -3600), expired, REFUSED, ONE_TEXT),
        ("that begins later", of("nbf", 3600), nbf, REFUSED, ONE_TEXT),
        ("that will be made", of("iat", 3600), iat, REFUSED, ONE_TEXT),
        ("that has just ended", of("exp", -10), expired, PASSES, LEEWAY),
        ("that is about to begin", of("nbf", 10), nbf, PASSES, LEEWAY),
        ("that is about to be made", of("iat", 10), iat, PASSES, LEEWAY),
        ("of another algorithm", hs512, REFUSED, REFUSED, ""),
        ("without a signature", none, REFUSED, REFUSED, ""),
        ("of another secret", foreign, REFUSED, REFUSED, ""),
        ("that is none", "x".to_owned(), REFUSED, REFUSED, ""),
        (
            "with an audience",
            signed(&json!({"aud": "chat"})),
            PASSES,
            REFUSED,
            "a token for somebody is not for whoever has the secret too (RFC 7519 §4.1.3)",
        ),
    ]
}

#[tokio::test]
async fn a_token_counts_by_its_signature_and_its_times_and_is_refused_in_one_way() {
    let (_backend, sidecar) = zep().await;
    for (given, token, theirs, doorward, why) in tokens() {
        differs_on_purpose(given, &theirs, &doorward, why);
        let headers = [("Authorization", format!("Bearer {token}"))];
        let ours = answer(&sidecar, "/api/v1/user", &headers).await;
        assert_eq!(ours.as_deref(), doorward, "{given}: {why}");
    }
}

#[tokio::test]
async fn every_401_is_the_same() {
    let (_backend, sidecar) = zep().await;
    let plain = sidecar.get("/api/v1/user").send().await.lasting();
    for (given, token, _, doorward, _) in tokens() {
        if doorward.is_some() {
            let answer = sidecar.get("/api/v1/user").bearer(&token).send().await;
            assert_eq!(answer.lasting(), plain, "{given}");
        }
    }
}
