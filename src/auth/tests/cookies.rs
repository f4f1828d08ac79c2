//! Credentials in cookies, which a browser sends whether or not the page is ours.

use super::*;

const OURS: (&str, &str) = ("origin", "https://localhost");
const COOKIE: (&str, &str) = ("cookie", "a=1; key=full");

#[test]
fn a_cookie_counts_on_a_request_of_our_own_pages() {
    let user = |method, headers: &[_]| {
        let admitted = decide(method, "/need", headers)?;
        let user = admitted.admission().identity().map(Identity::user);
        Ok(user.map(ToString::to_string))
    };
    let alice = Ok(Some("alice".to_owned()));
    assert_eq!(user("GET", &[COOKIE]), alice);
    assert_eq!(user("POST", &[COOKIE, OURS]), alice);
    assert_eq!(user("POST", &[COOKIE]), Err(Denial::NoCredential));
    let foreign = ("origin", "https://evil.example");
    assert_eq!(user("POST", &[COOKIE, foreign]), Err(Denial::NoCredential));
    let cross = ("sec-fetch-site", "cross-site");
    assert_eq!(user("GET", &[COOKIE, cross]), Err(Denial::NoCredential));
}

#[test]
fn a_socket_is_opened_by_a_cookie_only_from_a_page_of_ours() {
    let handshake = |also: &[(&'static str, &'static str)]| {
        let headers = [&admission::HANDSHAKE[..4], &[COOKIE], also].concat();
        decide("GET", "/ws", &headers).map(drop)
    };
    assert_eq!(handshake(&[OURS]), Ok(()));
    assert_eq!(handshake(&[]), Err(Denial::NoCredential));
}

#[test]
fn a_cookie_yields_to_a_credential_that_was_sent_on_purpose() {
    let said = ("authorization", "Bearer bare");
    assert_eq!(
        decide("GET", "/need", &[COOKIE, said]).map(drop),
        Err(Denial::Forbidden)
    );
    let wrong = ("authorization", "Bearer wrong");
    assert!(matches!(
        decide("GET", "/need", &[COOKIE, wrong]),
        Err(Denial::Unauthenticated(Rejection::Unknown))
    ));
}

#[test]
fn a_stale_cookie_is_refused_where_a_credential_is_needed_and_else_ignored() {
    let stale = ("cookie", "key=stale");
    assert!(decide("GET", "/open", &[stale]).is_ok());
    assert!(decide("GET", "/visit", &[stale]).is_ok());
    for target in ["/need", "/known/x", "/never", "/nowhere"] {
        assert!(
            matches!(
                decide("GET", target, &[stale]),
                Err(Denial::Unauthenticated(Rejection::Unknown))
            ),
            "{target}"
        );
    }
    let two = ("cookie", "key=full; key=bare");
    assert_eq!(
        decide("GET", "/need", &[two]).map(drop),
        Err(Denial::Ambiguous)
    );
}

#[test]
fn the_backends_login_passes_only_where_a_rule_says_so_and_ours_never() {
    let cookies = |login_cookies| {
        let mut gate = all();
        let pages = Rule {
            login_cookies,
            ..rule("/pages", Access::Open)
        };
        gate.policy = Policy::new(vec![pages]);
        let head = request("GET", "/pages", &[("cookie", "key=full; login=x; a=1")]);
        let Decision::Admit(admitted) = gate.admit(head, &mut Memo::new(1), NOW) else {
            panic!("denied");
        };
        let cookie = admitted.head().headers.get("cookie");
        cookie.unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(cookies(LoginCookies::Strip), "a=1");
    assert_eq!(cookies(LoginCookies::Forward), "login=x; a=1");
}

#[test]
fn who_may_name_others_uses_their_paths() {
    let reach = |key: &str, path: &str| {
        let mut gate = all();
        let theirs = Rule {
            others: Permission::parse("A:B").ok(),
            ..rule("/user/{id}/**", Access::Authenticated)
        };
        gate.policy = Policy::new(vec![theirs]);
        let bearer = format!("Bearer {key}");
        let head = request("GET", path, &[("authorization", &bearer)]);
        match gate.admit(head, &mut Memo::new(1), NOW) {
            Decision::Admit(_) | Decision::Own(_) => Ok(()),
            Decision::Deny(denied) => Err(denied.denial),
        }
    };
    assert_eq!(reach("bare", "/user/alice/x"), Ok(()));
    assert_eq!(reach("bare", "/user/bob/x"), Err(Denial::Forbidden));
    assert_eq!(reach("full", "/user/bob/x"), Ok(()));
}
