//! `doorward explain`: the decision about one request, without sending it.

use anyhow::{Context, anyhow, bail};
use http::{HeaderName, HeaderValue, Method, Request, header, request::Parts, uri::PathAndQuery};
use serde::Serialize;

use super::{
    Exit,
    configuration::ConfigArgument,
    credential::Source,
    dial::percent_encode,
    output::{self, Format},
};
use crate::{
    auth::{
        Admission, Admitted, Carrier, Decision, Denied, Identity, Memo, OwnRequest, Transport,
        UpstreamCredential,
    },
    clock::Timestamp,
    secret::Secret,
    snapshot::Snapshot,
};

/// Says what would become of a request: who verifies it, which rule decides, what the backend
/// would be sent.
///
/// Nothing is sent and nothing listens; secrets are masked. Exits with 0 when the request would
/// pass, with 3 when it would be denied.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward explain --path /message --method POST --credential-file secrets/web-key
  doorward explain --path /ws/bob --websocket --credential-file alice.jwt
  doorward explain --path / --header 'user_id: visitor-7' --credential-file - < secrets/web-key")]
pub(super) struct Explain {
    /// Path, and query if there is one
    #[arg(long)]
    path: PathAndQuery,
    /// Method
    #[arg(long, default_value = "GET", conflicts_with = "websocket")]
    method: Method,
    /// A WebSocket handshake instead of a plain request
    #[arg(long)]
    websocket: bool,
    /// File that holds the credential; `-` takes the first line of standard input
    #[arg(long, value_name = "FILE")]
    credential_file: Option<Source>,
    /// A header that the client sends besides, may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header_line)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgument,
}

/// What is printed with `--format json`.
#[derive(Debug, Default, Serialize)]
struct Explanation {
    allowed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    request: String,
    /// Where the credential was put.
    carrier: Option<String>,
    /// The key or issuer that vouches.
    credential: Option<String>,
    user: Option<String>,
    permissions: Vec<String>,
    expires: Option<String>,
    /// The rule that decided.
    rule: Option<String>,
    /// Method and target, then header lines, as the backend would get them from the gate.
    upstream: Vec<String>,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let credential = self
            .credential_file
            .as_ref()
            .map(Source::read)
            .transpose()?;
        let now = Timestamp::now();
        let snapshot = self.config.snapshot(now)?;
        let explanation = self.explain(&snapshot, credential.as_ref(), now)?;
        output::print(self.format, &explanation, || explanation.to_text())?;
        Ok(if explanation.allowed {
            Exit::Done
        } else {
            Exit::Denied
        })
    }

    fn explain(
        &self,
        snapshot: &Snapshot,
        credential: Option<&Secret>,
        now: Timestamp,
    ) -> anyhow::Result<Explanation> {
        let (head, carrier) = self.head(snapshot, credential)?;
        let mut explanation = Explanation {
            request: format!("{} {}", head.method, self.path),
            carrier: carrier.map(|carrier| carrier.name().to_owned()),
            ..Explanation::default()
        };
        match snapshot.gate.admit(head, &mut Memo::new(1), now) {
            Decision::Admit(admitted) => explanation.admitted(admitted, snapshot),
            Decision::Own(own) => explanation.own(own),
            Decision::Deny(denied) => explanation.denied(&denied),
        }
        Ok(explanation)
    }

    /// The request head as a client would send it, and the carrier of its credential.
    fn head<'s>(
        &self,
        snapshot: &'s Snapshot,
        credential: Option<&Secret>,
    ) -> anyhow::Result<(Parts, Option<&'s Carrier>)> {
        let host = snapshot.gate.hosts.example().unwrap_or_default();
        let extraction = &snapshot.gate.extraction;
        let mut request = Request::builder()
            .method(&self.method)
            .uri(self.path.as_str())
            .header(header::HOST, host);
        let carriers = if self.websocket {
            &extraction.websocket
        } else {
            &extraction.http
        };
        if self.websocket {
            request = request
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_VERSION, "13")
                .header(header::SEC_WEBSOCKET_KEY, "ZXhwbGFpbiByZXF1ZXN0cw==");
        }
        let (mut head, ()) = request
            .body(())
            .context("--path is no request target")?
            .into_parts();
        for (name, value) in &self.headers {
            refuse_secret(name, carriers)?;
            if name == header::HOST {
                head.headers.insert(name, value.clone());
            } else {
                head.headers.append(name, value.clone());
            }
        }
        let Some(credential) = credential else {
            return Ok((head, None));
        };
        let carrier = carriers
            .first()
            .context("the profile takes no credential here")?;
        carry(credential, carrier, &mut head)?;
        Ok((head, Some(carrier)))
    }
}

/// Arguments are no place for secrets: every process of the machine may read them.
fn refuse_secret(name: &HeaderName, carriers: &[Carrier]) -> anyhow::Result<()> {
    let holds = |carrier: &Carrier| matches!(carrier, Carrier::Header(header) if header == name);
    let standard = [
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::COOKIE,
    ];
    if standard.contains(name) || carriers.iter().any(holds) {
        bail!("{name} holds a credential: use --credential-file");
    }
    Ok(())
}

/// Puts the credential where this carrier has it.
fn carry(credential: &Secret, carrier: &Carrier, head: &mut Parts) -> anyhow::Result<()> {
    let before;
    let (name, before) = match carrier {
        Carrier::Bearer => (header::AUTHORIZATION, "Bearer "),
        Carrier::BareAuthorization => (header::AUTHORIZATION, ""),
        Carrier::ApiKeyScheme => (header::AUTHORIZATION, "Api-Key "),
        Carrier::Header(name) => (name.clone(), ""),
        Carrier::Subprotocol => (header::SEC_WEBSOCKET_PROTOCOL, "bearer, "),
        Carrier::Cookie(cookie) => {
            before = format!("{cookie}=");
            (header::COOKIE, &*before)
        }
        Carrier::Query(name) => {
            let separator = if head.uri.query().is_some() { '&' } else { '?' };
            let value = percent_encode(credential.expose());
            head.uri = format!("{}{separator}{name}={value}", head.uri).parse()?;
            return Ok(());
        }
    };
    let value = HeaderValue::from_bytes(&[before.as_bytes(), credential.expose()].concat());
    // The cause is not shown: it must not repeat the value.
    let value = value.map_err(|_| anyhow!("this credential has characters no header may have"))?;
    head.headers.insert(name, value);
    Ok(())
}

impl Explanation {
    fn admitted(&mut self, admitted: Admitted, snapshot: &Snapshot) {
        let (head, admission) = admitted.into_parts();
        let head = head.as_parts();
        self.allowed = true;
        self.rule = Some(admission.rule().to_owned());
        self.identified(admission.identity());
        self.upstream = upstream(head, &admission, snapshot);
    }

    /// The backend is sent nothing.
    fn own(&mut self, own: OwnRequest) {
        let (_, admission) = own.into_parts();
        self.allowed = true;
        self.rule = Some(admission.rule().to_owned());
        self.identified(admission.identity());
    }

    fn denied(&mut self, denied: &Denied) {
        self.reason = Some(denied.denial.reason());
        self.rule = denied.rule.as_deref().map(str::to_owned);
        self.identified(denied.identity.as_ref());
    }

    fn identified(&mut self, identity: Option<&Identity>) {
        let Some(identity) = identity else { return };
        self.credential = Some(identity.credential().to_string());
        self.user = Some(identity.user().to_string());
        self.permissions = identity
            .permissions()
            .iter()
            .map(ToString::to_string)
            .collect();
        let end = identity
            .expires()
            .map(|end| jiff::Timestamp::from_millisecond(end.as_millis()));
        self.expires = end.and_then(Result::ok).map(|end| end.to_string());
    }

    fn to_text(&self) -> String {
        let none = || "-".to_owned();
        let decision = match self.reason {
            None => "allowed".to_owned(),
            Some(reason) => format!("denied: {reason}"),
        };
        let mut lines = vec![
            format!("{}: {decision}", self.request),
            format!(
                "  rule:        {}",
                self.rule.clone().unwrap_or_else(|| "none".to_owned())
            ),
            format!(
                "  carrier:     {}",
                self.carrier.clone().unwrap_or_else(none)
            ),
            format!(
                "  credential:  {}",
                self.credential.clone().unwrap_or_else(none)
            ),
            format!("  user:        {}", self.user.clone().unwrap_or_else(none)),
        ];
        if !self.permissions.is_empty() {
            lines.push(format!("  permissions: {}", self.permissions.join(" ")));
        }
        lines.extend(
            self.expires
                .as_ref()
                .map(|end| format!("  expires:     {end}")),
        );
        if !self.upstream.is_empty() {
            lines.push("the backend is sent:".to_owned());
            lines.extend(self.upstream.iter().map(|line| format!("  {line}")));
        }
        lines.join("\n")
    }
}

/// The head for the backend, with the backend's own credential masked.
fn upstream(head: &Parts, admission: &Admission, snapshot: &Snapshot) -> Vec<String> {
    let rewrite = &snapshot.gate.rewrite;
    let credential = match admission.transport() {
        Transport::Http => &rewrite.http_credential,
        Transport::WebSocket => &rewrite.websocket_credential,
    };
    let target = match credential {
        UpstreamCredential::Query(parameter) => {
            let name = parameter.split('=').next().unwrap_or_default();
            head.uri
                .to_string()
                .replace(&**parameter, &format!("{name}=***"))
        }
        _ => head.uri.to_string(),
    };
    let lines = head.headers.iter().map(|(name, value)| {
        let value = if value.is_sensitive() {
            "***".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        format!("{name}: {value}")
    });
    std::iter::once(format!("{} {target}", head.method))
        .chain(lines)
        .collect()
}

fn header_line(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| "not a header name")?;
    let value = value.trim().parse().map_err(|_| "not a header value")?;
    Ok((name, value))
}
