use http::Request;

use super::*;

fn extraction() -> Extraction {
    Extraction {
        http: vec![
            Carrier::Bearer,
            Carrier::BareAuthorization,
            Carrier::Header(header::HeaderName::from_static("access_token")),
            Carrier::Header(header::HeaderName::from_static("x-api-key")),
        ],
        websocket: vec![
            Carrier::Bearer,
            Carrier::Query("token".into()),
            Carrier::Subprotocol,
        ],
        token_size: 64,
    }
}

fn find(
    transport: Transport,
    uri: &str,
    headers: &[(&str, &str)],
) -> Result<Option<String>, Denial> {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let found = extraction().find(&head, transport)?;
    Ok(found.map(|credential| credential.value.into_owned()))
}

fn http(headers: &[(&str, &str)]) -> Result<Option<String>, Denial> {
    find(Transport::Http, "/", headers)
}

fn websocket(uri: &str, headers: &[(&str, &str)]) -> Result<Option<String>, Denial> {
    find(Transport::WebSocket, uri, headers)
}

#[test]
fn a_bearer_credential_is_found_in_any_case_and_spacing() {
    for value in ["Bearer K", "bearer K", "BEARER K", "Bearer  K", "K"] {
        assert_eq!(
            http(&[("authorization", value)]),
            Ok(Some("K".into())),
            "{value}"
        );
    }
}

#[test]
fn what_cannot_be_a_credential_is_rejected() {
    for value in ["Basic x", "Bearer", "Bearer ", "Bearer a b", "Api-Key K"] {
        let result = http(&[("authorization", value)]);
        assert_eq!(result, Err(Rejection::Unreadable.into()), "{value}");
    }
    assert_eq!(
        websocket("/ws", &[("authorization", "K")]),
        Err(Rejection::Unreadable.into())
    );
}

#[test]
fn nothing_and_empty_values_are_no_credential() {
    assert_eq!(http(&[]), Ok(None));
    assert_eq!(
        http(&[("access_token", ""), ("authorization", "")]),
        Ok(None)
    );
    assert_eq!(websocket("/ws?token=", &[]), Ok(None));
}

#[test]
fn the_same_credential_twice_is_one_and_two_different_are_ambiguous() {
    let twice = [("authorization", "Bearer K"), ("access_token", "K")];
    assert_eq!(http(&twice), Ok(Some("K".into())));
    for headers in [
        [("authorization", "Bearer K"), ("access_token", "L")],
        [("authorization", "Bearer K"), ("authorization", "Bearer K")],
        [("authorization", "Basic K"), ("x-api-key", "L")],
        [("access_token", "K"), ("x-api-key", "L")],
    ] {
        assert_eq!(http(&headers), Err(Denial::Ambiguous), "{headers:?}");
    }
    assert_eq!(
        websocket("/ws?token=a&token=b", &[]),
        Err(Denial::Ambiguous)
    );
    assert_eq!(
        websocket("/ws?token=a&%74oken=a", &[]),
        Ok(Some("a".into()))
    );
}

#[test]
fn a_query_credential_counts_on_a_websocket_only() {
    assert_eq!(find(Transport::Http, "/?token=K", &[]), Ok(None));
    assert_eq!(websocket("/ws?x=1&token=K", &[]), Ok(Some("K".into())));
    assert_eq!(websocket("/ws?Token=K", &[]), Ok(None));
    assert_eq!(
        websocket("/ws?token=%zz", &[]),
        Err(Rejection::Unreadable.into())
    );
}

#[test]
fn a_subprotocol_may_carry_the_credential() {
    let protocol = "sec-websocket-protocol";
    for value in [
        "bearer, K",
        "chat, bearer, K",
        "base64url.bearer.authorization.Sw",
    ] {
        assert_eq!(
            websocket("/ws", &[(protocol, value)]),
            Ok(Some("K".into())),
            "{value}"
        );
    }
    assert_eq!(
        websocket("/ws", &[(protocol, "bearer")]),
        Err(Rejection::Unreadable.into())
    );
}

#[test]
fn a_credential_beyond_the_limit_is_rejected_unread() {
    let longest = "x".repeat(64);
    let bearer = format!("Bearer {longest}");
    assert_eq!(http(&[("authorization", &bearer)]), Ok(Some(longest)));
    let long = format!("Bearer {}", "x".repeat(65));
    assert_eq!(
        http(&[("authorization", &long)]),
        Err(Rejection::TooLong.into())
    );
}
