//! [`Inquiry`]: how the backend is asked, past doorward.

use bytes::Bytes;
use http::{HeaderValue, Request, header, uri::PathAndQuery};
use http_body_util::Full;

use super::PATIENCE;
use crate::{
    auth::UpstreamCredential,
    cli::client::{Answer, Failure, Server},
    clock::Timestamp,
    profile::{Probe, Target},
    snapshot::{Address, Backend, Snapshot},
};

/// The backend, and the credential of its own that doorward shows it.
pub(super) struct Inquiry<'s> {
    server: Server,
    backend: &'s Backend,
    credential: &'s UpstreamCredential,
}

impl<'s> Inquiry<'s> {
    pub(super) fn of(snapshot: &'s Snapshot) -> Self {
        let backend = &snapshot.backend;
        Self {
            server: Server {
                address: backend.address.clone(),
                tls: backend.tls.clone(),
            },
            backend,
            credential: &snapshot.gate.rewrite.http_credential,
        }
    }

    /// The backend's URL.
    pub(super) fn name(&self) -> String {
        match (&self.backend.address, &self.backend.tls) {
            (Address::Unix(path), _) => format!("unix://{}", path.display()),
            (_, None) => format!("http://{}", self.backend.authority),
            (_, Some(_)) => format!("https://{}", self.backend.authority),
        }
    }

    /// Whether the backend is shown a credential.
    pub(super) fn shows_a_credential(&self) -> bool {
        match self.credential {
            UpstreamCredential::None => false,
            UpstreamCredential::Minted(mint) => !mint.names_users(),
            UpstreamCredential::Header(..) | UpstreamCredential::Query(_) => true,
        }
    }

    /// A GET as doorward would send it, the caller's identity apart.
    pub(super) fn get(&self, target: &Target) -> anyhow::Result<Request<Full<Bytes>>> {
        let target = match self.credential {
            UpstreamCredential::Query(parameter) => with_parameter(&target.0, parameter)?,
            _ => target.0.clone(),
        };
        let mut request = self.request(target, Bytes::new())?;
        let headers = request.headers_mut();
        match self.credential {
            UpstreamCredential::Header(name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            UpstreamCredential::Minted(mint) => {
                let token = mint.authorization_for_nobody(Timestamp::now());
                headers.extend(token.map(|token| (header::AUTHORIZATION, token)));
            }
            UpstreamCredential::None | UpstreamCredential::Query(_) => {}
        }
        Ok(request)
    }

    /// A request as a stranger would send it: with what the probe says, and nothing of ours.
    pub(super) fn probe(&self, probe: &Probe) -> anyhow::Result<Request<Full<Bytes>>> {
        let body = Bytes::from(probe.body.clone());
        let mut request = self.request(probe.path.0.0.clone(), body)?;
        *request.method_mut() = probe.method.0.clone();
        request.headers_mut().extend(probe.headers.0.clone());
        Ok(request)
    }

    fn request(&self, target: PathAndQuery, body: Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = target.into();
        let host = HeaderValue::from_str(&self.backend.authority)?;
        request.headers_mut().insert(header::HOST, host);
        let program = HeaderValue::from_static(concat!("doorward/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, program);
        Ok(request)
    }

    pub(super) async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        self.server.ask(request, PATIENCE).await
    }
}

fn with_parameter(target: &PathAndQuery, parameter: &str) -> anyhow::Result<PathAndQuery> {
    let separator = if target.query().is_some() { '&' } else { '?' };
    Ok(format!("{target}{separator}{parameter}").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_of_the_query_is_added_to_what_is_there() {
        let with = |target: &str| with_parameter(&target.parse().unwrap(), "token=a%20b").unwrap();
        assert_eq!(with("/me"), "/me?token=a%20b");
        assert_eq!(with("/me?x=1"), "/me?x=1&token=a%20b");
    }
}
