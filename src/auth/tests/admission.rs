//! What is remembered of an admitted request, and what a handshake needs besides.

use super::*;

pub(super) const HANDSHAKE: [(&str, &str); 5] = [
    ("upgrade", "websocket"),
    ("connection", "upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("authorization", "Bearer full"),
];

#[test]
fn an_admission_remembers_what_it_was_for() {
    let auth = ("authorization", "Bearer brief");
    let admitted = decide("POST", "/known/x?y", &[auth]).unwrap();
    let (_, mut admission) = admitted.into_parts();
    assert_eq!(admission.transport(), Transport::Http);
    assert_eq!(admission.rule(), "/known/**");
    assert_eq!(admission.authority(), "localhost");
    assert_eq!(admission.host(), "localhost");
    assert_eq!(admission.deadline(), Some(Timestamp::from_secs(2_000)));
    let proof = admission.proof();
    assert_eq!((proof.method(), proof.path()), (&Method::POST, "/known/x"));
    admission.forget_address();
    assert_eq!(admission.authority(), "");
    assert_eq!(admission.host(), "");
}

#[test]
fn an_admission_tells_who_is_new() {
    let new = decide("GET", "/visit", &[]).unwrap();
    assert!(new.admission().newcomer().is_some());
    let known = decide("GET", "/visit", &[("authorization", "Bearer full")]).unwrap();
    assert!(known.admission().newcomer().is_none());
}

#[test]
fn the_authority_of_a_target_is_the_host_where_there_is_no_line() {
    let mut head = request("GET", "http://localhost:1/open", &[]);
    head.headers.remove("host");
    head.version = http::Version::HTTP_2;
    let Decision::Admit(admitted) = all().admit(head, &mut Memo::new(16), NOW) else {
        panic!("denied");
    };
    assert_eq!(admitted.admission().authority(), "localhost:1");
    assert_eq!(admitted.admission().host(), "localhost:1");
}

#[test]
fn a_page_of_others_opens_no_socket_but_may_ask() {
    let foreign = ("origin", "https://evil.example");
    let lines = [&HANDSHAKE[..], &[foreign]].concat();
    assert_eq!(
        decide("GET", "/ws", &lines).unwrap_err(),
        Denial::ForeignOrigin
    );
    let ours = ("origin", "https://localhost");
    let lines = [&HANDSHAKE[..], &[ours]].concat();
    let admitted = decide("GET", "/ws", &lines).unwrap();
    assert_eq!(admitted.admission().transport(), Transport::WebSocket);
    let auth = ("authorization", "Bearer full");
    assert!(decide("GET", "/known", &[auth, foreign]).is_ok());
}

#[test]
fn a_body_in_chunks_is_a_body() {
    let lines = [
        ("authorization", "Bearer full"),
        ("transfer-encoding", "Chunked"),
    ];
    assert!(decide("POST", "/known", &lines).is_ok());
}

#[test]
fn a_method_may_have_thirty_two_letters() {
    let auth = ("authorization", "Bearer full");
    assert!(decide(&"A".repeat(32), "/known", &[auth]).is_ok());
}
