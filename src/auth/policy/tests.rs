use super::*;
use crate::auth::{Permissions, subject::UserId, verify::VisitorBasis};

fn rule(path: &str, methods: &[Method], access: Access) -> Rule {
    Rule {
        name: path.into(),
        pattern: Pattern::parse(path).unwrap(),
        methods: if methods.is_empty() {
            Methods::All
        } else {
            Methods::Only(methods.to_vec())
        },
        access,
        others: None,
        cookie_credential: CookieCredential::Accept,
        login_cookies: LoginCookies::Strip,
        encoded_slash: EncodedSlashes::Refuse,
        destination: Destination::Backend,
    }
}

fn visitor(user: &str) -> Identity {
    let user = UserId::parse(user).unwrap();
    Identity::visitor(user, VisitorBasis::Claimed, None)
}

fn decides(policy: &Policy, method: &Method, path: &str) -> Option<String> {
    let path = RequestPath::parse(path).unwrap();
    let rule = policy.rule(method, &path).unwrap();
    rule.map(|rule| format!("{} {:?}", rule.name, rule.access))
}

#[test]
fn the_first_rule_that_matches_method_and_shape_decides() {
    let policy = Policy::new(vec![
        rule("/a/b", &[Method::GET], Access::Open),
        rule("/*/b", &[], Access::Authenticated),
        rule("/a/**", &[], Access::Deny),
        rule("/", &[], Access::Open),
    ]);
    let names: Vec<&str> = policy.rules().iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["/a/b", "/*/b", "/a/**", "/"]);
    for (method, path, expected) in [
        (Method::GET, "/a/b", Some("/a/b Open")),
        (Method::HEAD, "/a/b", Some("/a/b Open")),
        (Method::POST, "/a/b", Some("/*/b Authenticated")),
        (Method::GET, "/c/b", Some("/*/b Authenticated")),
        (Method::GET, "/a/c", Some("/a/** Deny")),
        (Method::GET, "/", Some("/ Open")),
        (Method::GET, "/c", None),
    ] {
        assert_eq!(
            decides(&policy, &method, path).as_deref(),
            expected,
            "{method} {path}"
        );
    }
}

#[test]
fn an_encoded_slash_needs_a_route_that_takes_it() {
    let open = rule("/a/*", &[], Access::Open);
    let path = RequestPath::parse("/a/b%2Fc").unwrap();
    let refusing = Policy::new(vec![open.clone()]);
    assert!(matches!(
        refusing.rule(&Method::GET, &path),
        Err(Denial::Malformed(_))
    ));
    let allowing = Policy::new(vec![Rule {
        others: None,
        cookie_credential: CookieCredential::Accept,
        login_cookies: LoginCookies::Strip,
        encoded_slash: EncodedSlashes::Allow,
        ..open
    }]);
    assert!(allowing.rule(&Method::GET, &path).unwrap().is_some());
}

#[test]
fn access_decides_who_passes() {
    let path = RequestPath::parse("/bob").unwrap();
    let known =
        |user| Identity::unverified(UserId::parse(user).unwrap(), Permissions::default(), None);
    let (alice, bob) = (|| known("alice"), || known("bob"));
    let authorize = |pattern: &str, access: Access, identity: Option<Identity>| {
        let newcomer = || visitor("anon-1");
        let permit = rule(pattern, &[], access).authorize(identity.as_ref(), &path, newcomer);
        permit.map(|permit| {
            permit
                .into_parts()
                .1
                .map(|identity| identity.user().to_string())
        })
    };
    let needed = || Access::Require(Permission::parse("A:B").unwrap());
    assert_eq!(authorize("/*", Access::Open, Some(alice())), Ok(None));
    assert_eq!(
        authorize("/*", Access::Anonymous, None),
        Ok(Some("anon-1".into()))
    );
    assert_eq!(
        authorize("/*", Access::Anonymous, Some(alice())),
        Ok(Some("alice".into()))
    );
    for nobody in [None, Some(visitor("anon-1"))] {
        assert_eq!(
            authorize("/*", Access::Authenticated, nobody),
            Err(Denial::NoCredential)
        );
    }
    assert_eq!(
        authorize("/*", Access::Authenticated, Some(alice())),
        Ok(Some("alice".into()))
    );
    assert_eq!(
        authorize("/*", needed(), Some(alice())),
        Err(Denial::Forbidden)
    );
    assert_eq!(
        authorize("/*", Access::Deny, Some(alice())),
        Err(Denial::Forbidden)
    );
    assert_eq!(
        authorize("/{id}", Access::Authenticated, Some(alice())),
        Err(Denial::Forbidden)
    );
    assert_eq!(
        authorize("/{id}", Access::Authenticated, Some(bob())),
        Ok(Some("bob".into()))
    );
}
