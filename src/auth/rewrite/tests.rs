use http::Request;

use super::*;

fn cat() -> Rewrite {
    Rewrite {
        protected: Protected::new(["user_id"]),
        cookies: vec!["ours".into()],
        login_cookies: vec!["ours".into(), "ccat_user_token".into()],
        backend_cookie: None,
        credential_parameter: Some("token".into()),
        http: Placement::Headers(vec![HeaderName::from_static("user_id")]),
        websocket: Placement::Path {
            pattern: Pattern::parse("/ws/{id}").unwrap(),
            bare: Pattern::parse("/ws").unwrap(),
        },
        http_credential: UpstreamCredential::Header(
            header::AUTHORIZATION,
            HeaderValue::from_static("Bearer backend"),
        ),
        websocket_credential: UpstreamCredential::Query("token=backend".into()),
    }
}

fn caller(user: Option<&UserId>) -> Caller<'_> {
    Caller {
        user,
        ..Caller::default()
    }
}

fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn websocket_target(uri: &str, user: &str) -> Result<String, Denial> {
    let mut head = head(uri, &[]);
    let user = UserId::parse(user).unwrap();
    cat().apply(&caller(Some(&user)), Transport::WebSocket, &mut head)?;
    Ok(head.uri.to_string())
}

#[test]
fn the_verified_identity_replaces_every_spelling_of_a_claimed_one() {
    let spellings = [
        ("user_id", "evil"),
        ("User-Id", "evil"),
        ("USER_ID", "evil"),
        ("a", "kept"),
    ];
    let alice = UserId::parse("alice").unwrap();
    for user in [Some(&alice), None] {
        let mut head = head("/message?token=x", &spellings);
        cat()
            .apply(&caller(user), Transport::Http, &mut head)
            .unwrap();
        let names: Vec<_> = head.headers.get_all("user_id").iter().collect();
        assert_eq!(names.len(), usize::from(user.is_some()));
        assert!(names.iter().all(|name| *name == "alice"));
        assert!(!head.headers.contains_key("user-id"));
        assert_eq!(head.headers.get("a").unwrap(), "kept");
        assert_eq!(head.headers.get("authorization").unwrap(), "Bearer backend");
        assert_eq!(head.uri, "/message");
    }
}

#[test]
fn a_websocket_path_carries_the_verified_id_and_no_client_token() {
    for (uri, user, target) in [
        ("/ws", "alice", "/ws/alice?token=backend"),
        ("/ws/", "alice", "/ws/alice?token=backend"),
        ("/ws/bob", "alice", "/ws/alice?token=backend"),
        ("/ws/bob?", "alice", "/ws/alice?token=backend"),
        (
            "/ws/b%6fb?x=1&token=T&y=%20",
            "alice",
            "/ws/alice?x=1&y=%20&token=backend",
        ),
        ("/%77s/bob", "alice", "/%77s/alice?token=backend"),
        ("/ws/x", "a|b", "/ws/a%7Cb?token=backend"),
    ] {
        assert_eq!(websocket_target(uri, user).as_deref(), Ok(target), "{uri}");
    }
}

#[test]
fn a_path_without_a_place_for_the_identity_is_refused() {
    assert_eq!(
        websocket_target("/custom/ws", "alice"),
        Err(Denial::NoPlaceForIdentity)
    );
}

#[test]
fn an_absolute_target_becomes_origin_form_and_other_bytes_stay() {
    let mut absolute = head("https://chat.example/a%20b/?q=%zz+1", &[]);
    cat()
        .apply(&caller(None), Transport::Http, &mut absolute)
        .unwrap();
    assert_eq!(absolute.uri.to_string(), "/a%20b/?q=%zz+1");
}

#[test]
fn our_subprotocols_are_cut_and_the_others_offered_on() {
    let offered = [("sec-websocket-protocol", "chat, bearer, K, v2")];
    let alice = UserId::parse("alice").unwrap();
    let mut several = head("/ws", &offered);
    cat()
        .apply(&caller(Some(&alice)), Transport::WebSocket, &mut several)
        .unwrap();
    assert_eq!(
        several.headers.get("sec-websocket-protocol").unwrap(),
        "chat, v2"
    );
    let mut only_ours = head("/ws", &[("sec-websocket-protocol", "bearer, K")]);
    cat()
        .apply(&caller(Some(&alice)), Transport::WebSocket, &mut only_ours)
        .unwrap();
    assert!(!only_ours.headers.contains_key("sec-websocket-protocol"));
}

#[test]
fn what_the_client_says_of_itself_is_read_where_the_backend_reads_it() {
    let read = |uri: &str, headers: &[(&str, &str)], transport| {
        let head = head(uri, headers);
        let path = RequestPath::parse(head.uri.path()).unwrap();
        cat().assertion(&head, &path, transport)
    };
    let bob = Assertion::User(UserId::parse("bob").unwrap());
    assert_eq!(read("/", &[("user_id", "bob")], Transport::Http), bob);
    assert_eq!(
        read("/", &[("user-id", "bob")], Transport::Http),
        Assertion::Absent
    );
    let twice = [("user_id", "bob"), ("user_id", "bob")];
    assert_eq!(read("/", &twice, Transport::Http), Assertion::Malformed);
    assert_eq!(
        read("/", &[("user_id", "")], Transport::Http),
        Assertion::Malformed
    );
    assert_eq!(read("/ws/b%6fb", &[], Transport::WebSocket), bob);
    assert_eq!(
        read("/ws", &[("user_id", "eve")], Transport::WebSocket),
        Assertion::Absent
    );
    assert_eq!(
        read("/ws/a%20b", &[], Transport::WebSocket),
        Assertion::Malformed
    );
}
