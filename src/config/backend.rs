//! `[backend]`: the one server behind the sidecar.

use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret_source::{InlineSecret, SecretSource, TooManySources};
use super::units::text_value;

/// The one server behind the sidecar, how it wants to be spoken to, and what it must be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backend {
    /// Required: `http://host:port`, `https://host:port` or `unix:///path/to.sock`.
    pub url: Option<BackendUrl>,
    /// `generic`, `cheshire-cat-1`, `cheshire-cat-2`, `zep`, `zep-ce`, or the path of a profile of
    /// your own.
    pub profile: ProfileName,
    /// PEM file of the authorities that may have signed an https backend's certificate. Default:
    /// the system's.
    pub ca_file: Option<PathBuf>,
    /// The credential that the backend itself must be shown on HTTP.
    pub http_key: Option<InlineSecret>,
    /// The same, from a file.
    pub http_key_file: Option<PathBuf>,
    /// The same, from an environment variable.
    pub http_key_env: Option<String>,
    /// The credential that the backend itself must be shown on WebSocket.
    pub ws_key: Option<InlineSecret>,
    /// The same, from a file.
    pub ws_key_file: Option<PathBuf>,
    /// The same, from an environment variable.
    pub ws_key_env: Option<String>,
    /// The secret that the backend verifies tokens with, where the profile has a token minted for
    /// it.
    pub jwt_secret: Option<InlineSecret>,
    /// The same, from a file.
    pub jwt_secret_file: Option<PathBuf>,
    /// The same, from an environment variable.
    pub jwt_secret_env: Option<String>,
}

impl Backend {
    /// What the backend must be shown on HTTP.
    ///
    /// # Errors
    /// When more than one source is written.
    pub fn http_credential(&self) -> Result<Option<SecretSource<'_>>, TooManySources> {
        let file = self.http_key_file.as_deref();
        SecretSource::one(self.http_key.as_ref(), file, self.http_key_env.as_deref())
    }

    /// What the backend must be shown on WebSocket.
    ///
    /// # Errors
    /// When more than one source is written.
    pub fn ws_credential(&self) -> Result<Option<SecretSource<'_>>, TooManySources> {
        let file = self.ws_key_file.as_deref();
        SecretSource::one(self.ws_key.as_ref(), file, self.ws_key_env.as_deref())
    }

    /// What the backend verifies tokens with.
    ///
    /// # Errors
    /// When more than one source is written.
    pub fn jwt_secret(&self) -> Result<Option<SecretSource<'_>>, TooManySources> {
        let file = self.jwt_secret_file.as_deref();
        SecretSource::one(
            self.jwt_secret.as_ref(),
            file,
            self.jwt_secret_env.as_deref(),
        )
    }
}

/// Where the backend listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendUrl {
    /// Plain HTTP over TCP.
    Http(HostPort),
    /// HTTP over TLS.
    Https(HostPort),
    /// Plain HTTP over a Unix socket.
    Unix(PathBuf),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Name or IP address, an IPv6 address without its brackets.
    pub host: String,
    /// The port; the scheme's own when none is written.
    pub port: u16,
    /// Both as they are written.
    pub authority: String,
}

/// What is wrong with a backend URL; the URL itself is not repeated, it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendUrlError {
    /// No scheme that we speak.
    #[error("not a backend URL: http://host:port, https://host:port or unix:///path/to.sock")]
    Scheme,
    /// User and password in the URL.
    #[error("a backend URL holds no user or password; use http_key_file and ws_key_file")]
    Userinfo,
    /// Path, query or fragment.
    #[error("a backend URL ends after the port: paths are forwarded as the client sent them")]
    Path,
    /// No host, or a bad one.
    #[error("no valid host and port in the backend URL")]
    Authority,
    /// A socket path that isn't absolute.
    #[error("the path of a Unix socket is absolute: unix:///run/chat.sock")]
    Socket,
}

impl FromStr for BackendUrl {
    type Err = BackendUrlError;

    fn from_str(text: &str) -> Result<Self, BackendUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(BackendUrlError::Scheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "http" => authority(rest, 80).map(Self::Http),
            "https" => authority(rest, 443).map(Self::Https),
            "unix" if rest.starts_with('/') && rest.len() > 1 => Ok(Self::Unix(rest.into())),
            "unix" => Err(BackendUrlError::Socket),
            _ => Err(BackendUrlError::Scheme),
        }
    }
}

fn authority(text: &str, default_port: u16) -> Result<HostPort, BackendUrlError> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.contains('@') {
        return Err(BackendUrlError::Userinfo);
    }
    if text.contains(['/', '?', '#']) {
        return Err(BackendUrlError::Path);
    }
    let parsed: http::uri::Authority = text.parse().map_err(|_| BackendUrlError::Authority)?;
    let host = parsed
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let tail = text.rsplit_once(']').map_or(text, |(_, tail)| tail);
    let port = match tail.split_once(':') {
        Some((_, port)) => port.parse().map_err(|_| BackendUrlError::Authority)?,
        None => default_port,
    };
    if host.is_empty() || port == 0 {
        return Err(BackendUrlError::Authority);
    }
    Ok(HostPort {
        host,
        port,
        authority: text.to_owned(),
    })
}

text_value!(
    BackendUrl,
    "^(https?://[^/]+/?|unix:///.+)$",
    "http://127.0.0.1:1865"
);

/// Which profile describes the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileName {
    /// One that comes with the program.
    Embedded(Box<str>),
    /// A TOML file of the operator's own.
    Path(PathBuf),
}

impl ProfileName {
    /// The profiles that come with the program.
    pub const EMBEDDED: [&str; 5] = [
        "generic",
        "cheshire-cat-1",
        "cheshire-cat-2",
        "zep",
        "zep-ce",
    ];
}

/// `generic`: identity in the header `user_id`, every path for whoever is authenticated.
impl Default for ProfileName {
    fn default() -> Self {
        let [generic, ..] = Self::EMBEDDED;
        Self::Embedded(generic.into())
    }
}

/// Neither the name of a profile nor a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown profile `{0}`, expected a path or one of `{names}`",
    names = ProfileName::EMBEDDED.join("`, `")
)]
pub struct ProfileNameError(String);

impl FromStr for ProfileName {
    type Err = ProfileNameError;

    fn from_str(text: &str) -> Result<Self, ProfileNameError> {
        if Self::EMBEDDED.contains(&text) {
            Ok(Self::Embedded(text.into()))
        } else if text.contains('/') || text.to_ascii_lowercase().ends_with(".toml") {
            Ok(Self::Path(text.into()))
        } else {
            Err(ProfileNameError(text.to_owned()))
        }
    }
}

text_value!(
    ProfileName,
    "^(generic|cheshire-cat-[12]|zep|zep-ce|.*/.*|.*\\.toml)$",
    "cheshire-cat-1"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_reached_over_http_https_or_a_socket() {
        let at = |authority: &str, host: &str, port| HostPort {
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
        };
        let read = |text: &str| text.parse::<BackendUrl>().unwrap();
        assert_eq!(
            read("http://cat:80"),
            BackendUrl::Http(at("cat:80", "cat", 80))
        );
        assert_eq!(
            read("https://cat/"),
            BackendUrl::Https(at("cat", "cat", 443))
        );
        assert_eq!(
            read("http://[::1]:1865"),
            BackendUrl::Http(at("[::1]:1865", "::1", 1865))
        );
        assert_eq!(
            read("http://[::1]"),
            BackendUrl::Http(at("[::1]", "::1", 80))
        );
        assert_eq!(
            read("unix:///run/chat.sock"),
            BackendUrl::Unix("/run/chat.sock".into())
        );
    }

    #[test]
    fn anything_else_in_a_backend_url_is_an_error() {
        let error = |text: &str| text.parse::<BackendUrl>().unwrap_err();
        assert_eq!(error("127.0.0.1:1865"), BackendUrlError::Scheme);
        assert_eq!(error("ftp://cat"), BackendUrlError::Scheme);
        assert_eq!(error("http://user:hunter2@cat"), BackendUrlError::Userinfo);
        assert_eq!(error("http://cat/api"), BackendUrlError::Path);
        assert_eq!(error("http://"), BackendUrlError::Authority);
        assert_eq!(error("http://cat:99999"), BackendUrlError::Authority);
        assert_eq!(error("unix://run/chat.sock"), BackendUrlError::Socket);
    }

    #[test]
    fn a_profile_is_one_of_ours_or_a_file() {
        let read = |text: &str| text.parse::<ProfileName>();
        assert_eq!(read("generic"), Ok(ProfileName::default()));
        for name in ProfileName::EMBEDDED {
            assert_eq!(read(name), Ok(ProfileName::Embedded(name.into())));
        }
        assert_eq!(
            read("./cat.toml"),
            Ok(ProfileName::Path("./cat.toml".into()))
        );
        let error = read("cheshire-cat").unwrap_err().to_string();
        assert!(error.contains("`cheshire-cat`, expected"), "{error}");
    }
}
