//! `backend`: whether it answers, and takes what doorward shows it.

use std::io::ErrorKind;

use super::{finding::Finding, inquiry::Inquiry};
use crate::{
    cli::client::{Answer, Failure},
    profile::Target,
};

const NAME: &str = "backend";

/// Asks for what the profile calls harmless; the answer is for other checks to look at.
pub(super) async fn check(inquiry: &Inquiry<'_>, path: &Target) -> (Finding, Option<Answer>) {
    let backend = inquiry.name();
    let request = match inquiry.get(path) {
        Ok(request) => request,
        Err(error) => {
            let advice = "correct backend.url and the profile";
            let seen = format!("{backend} cannot be asked for {path}: {error}");
            return (Finding::problem(NAME, seen, advice), None);
        }
    };
    match inquiry.ask(request).await {
        Ok(answer) => {
            let status = answer.status.as_u16();
            let seen = format!("{backend} answers GET {path} with {status}");
            let shown = if inquiry.shows_a_credential() {
                Shown::Credential
            } else {
                Shown::Nothing
            };
            (judge(seen, status, shown), Some(answer))
        }
        Err(failure) => {
            let seen = format!("{backend}: {failure}");
            (Finding::problem(NAME, seen, remedy(&failure)), None)
        }
    }
}

/// What the backend was shown of its own.
#[derive(Clone, Copy)]
enum Shown {
    Credential,
    Nothing,
}

fn judge(seen: String, status: u16, shown: Shown) -> Finding {
    match (status, shown) {
        (401 | 403, Shown::Credential) => Finding::problem(
            NAME,
            format!("{seen}: it refuses the credential that doorward shows it"),
            "let backend.http_key (_file, _env) be what the backend expects",
        ),
        (401 | 403, Shown::Nothing) => Finding::warning(
            NAME,
            format!("{seen}: it wants a credential, and doorward has none to show"),
            "set backend.http_key_file to what the backend expects",
        ),
        (500.., _) => Finding::warning(NAME, seen, "look into the backend's own log"),
        _ => Finding::ok(NAME, seen),
    }
}

fn remedy(failure: &Failure) -> &'static str {
    match failure {
        Failure::Connect(error) if error.kind() == ErrorKind::ConnectionRefused => {
            "start the backend, or correct host and port in backend.url"
        }
        Failure::Connect(_) => "correct backend.url, or the network between",
        Failure::Tls(_) => {
            "let backend.ca_file name the authority of the backend's certificate, and backend.url a name that the certificate bears"
        }
        Failure::Http(_) => {
            "something else listens there, or it wants TLS: correct scheme and port in backend.url"
        }
        Failure::Silence(_) => "the backend hangs, or something between drops what is sent to it",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, *};

    #[test]
    fn a_refusal_weighs_more_when_a_credential_was_shown() {
        let level = |status, shown| judge("seen".to_owned(), status, shown).level();
        for status in [200, 204, 307, 404, 405] {
            assert_eq!(level(status, Shown::Credential), Level::Ok, "{status}");
            assert_eq!(level(status, Shown::Nothing), Level::Ok, "{status}");
        }
        for status in [401, 403] {
            assert_eq!(level(status, Shown::Credential), Level::Problem);
            assert_eq!(level(status, Shown::Nothing), Level::Warning);
        }
        assert_eq!(level(500, Shown::Credential), Level::Warning);
        assert_eq!(level(503, Shown::Nothing), Level::Warning);
    }
}
