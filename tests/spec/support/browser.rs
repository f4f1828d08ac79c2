//! A browser in front of a sidecar: it keeps cookies, and says which page sends what.

use std::collections::BTreeMap;

use super::{Answer, Chat, HOST, PASSWORD, Request, Sidecar};

/// One browser, at pages of the public host.
pub struct Browser<'s> {
    sidecar: &'s Sidecar,
    prefix: &'static str,
    jar: BTreeMap<String, String>,
}

impl Sidecar {
    /// A browser without cookies; logins are behind this prefix.
    pub fn browser(&self, prefix: &'static str) -> Browser<'_> {
        Browser { sidecar: self, prefix, jar: BTreeMap::new() }
    }
}

impl Browser<'_> {
    /// A page is opened, from the address bar or by a link.
    pub fn open(&self, target: &str) -> Request<'_> {
        self.request("GET", target)
            .header("Sec-Fetch-Site", "none")
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document")
    }

    /// A page of ours sends it by a script.
    pub fn fetch(&self, method: &str, target: &str) -> Request<'_> {
        let request = self
            .request(method, target)
            .header("Sec-Fetch-Site", "same-origin")
            .header("Sec-Fetch-Mode", "cors")
            .header("Sec-Fetch-Dest", "empty");
        if method == "GET" { request } else { request.header("Origin", &origin()) }
    }

    /// A form of a page of ours is sent.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Request<'_> {
        self.request("POST", &format!("{}{path}", self.prefix))
            .header("Origin", &origin())
            .header("Sec-Fetch-Site", "same-origin")
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document")
            .form(fields)
    }

    /// The form of the login page is sent with the password of all users; it leads to `/home`.
    pub async fn log_in(&mut self, name: &str) -> Answer {
        let password = PASSWORD.replace(' ', "+");
        let fields = [("username", name), ("password", &password), ("referer", "%2Fhome")];
        let answer = self.form("/auth/login", &fields).send().await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert_eq!(answer.header("location"), Some("/home"));
        self.keep(&answer);
        answer
    }

    /// The button to log out.
    pub async fn log_out(&mut self) -> Answer {
        let answer = self.form("/auth/logout", &[]).send().await;
        self.keep(&answer);
        answer
    }

    /// A page of ours opens a socket.
    pub async fn socket(&self, target: &str) -> Chat {
        let socket = self.sidecar.websocket(target).header("Origin", &origin());
        socket.header("Cookie", &self.cookies()).open().await
    }

    /// What a browser keeps of an answer (RFC 6265 §5.3).
    pub fn keep(&mut self, answer: &Answer) {
        for line in answer.head.all("set-cookie") {
            let (pair, settings) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if settings.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(String::as_str)
    }

    /// As if somebody else had set it.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.jar.insert(name.to_owned(), value.to_owned());
    }

    fn request(&self, method: &str, target: &str) -> Request<'_> {
        let request = self.sidecar.request(method, target);
        match self.cookies() {
            none if none.is_empty() => request,
            cookies => request.header("Cookie", &cookies),
        }
    }

    fn cookies(&self) -> String {
        let pairs: Vec<_> =
            self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

/// The origin of our pages.
fn origin() -> String {
    format!("https://{HOST}")
}
