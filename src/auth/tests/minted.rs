//! Tokens that tell the backend who is calling.

use std::time::Duration;

use super::*;
use crate::secret::Secret;

/// A backend that is shown a minted token on HTTP, and nothing on a WebSocket.
fn minting() -> Gate {
    let settings = MintSettings {
        algorithm: SignatureAlgorithm::HS256,
        lifetime: Duration::from_mins(5),
        claims: vec![("sub".into(), MintedClaim::User)],
        roles: Vec::new(),
        generation: 1,
    };
    let mint = Mint::new(&Secret::new("a secret of the backend's own"), settings);
    let mut gate = all();
    gate.rewrite.http_credential = UpstreamCredential::Minted(Arc::new(mint));
    gate
}

fn shown(target: &str, headers: &[(&str, &str)]) -> Option<String> {
    let decision = minting().admit(request("GET", target, headers), &mut Memo::new(16), NOW);
    let Decision::Admit(admitted) = decision else {
        panic!("denied");
    };
    let shown = admitted.head().headers.get("authorization")?;
    Some(shown.to_str().unwrap().to_owned())
}

#[test]
fn the_backend_is_shown_a_token_of_the_caller_and_not_the_callers_own() {
    let full = [("authorization", "Bearer full")];
    let token = shown("/need", &full).unwrap();
    assert!(token.starts_with("Bearer ey"), "{token}");
    assert_eq!(shown("/open", &full), None, "there is nobody to name");
    assert_eq!(shown("/ws", &admission::HANDSHAKE), None);
}
