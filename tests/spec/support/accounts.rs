//! Users of the store: a sidecar that has some, and what they do.

use serde_json::{Value, json};

use super::{Backend, Request, Setup, Sidecar, eventually};

/// The password of every user that [`Accounts::user`] makes.
pub const PASSWORD: &str = "correct horse";

/// Cheap hashes: these specs are about what comes of them.
const ACCOUNTS: &str =
    "[accounts]\nstore = \"users.db\"\npassword_memory = \"64KiB\"\npassword_passes = 1\n";

impl Setup {
    /// With a store, and a key `admin` that may do everything.
    pub fn accounts(self) -> Self {
        self.accounts_with("")
    }

    pub fn accounts_with(self, settings: &str) -> Self {
        self.block("accounts", &format!("{ACCOUNTS}{settings}\n"))
            .key_with("admin", "user = \"root\"\npermissions = [\"*:*\"]")
    }
}

impl Sidecar {
    /// With a store, before this backend, by the profile `generic`.
    pub async fn with_accounts(backend: &Backend) -> Self {
        let sidecar = Setup::before(backend).accounts().start().await;
        sidecar.until_logins_are_possible("/_doorward").await;
        sidecar
    }

    /// Waits for the keys that tokens are signed with.
    pub async fn until_logins_are_possible(&self, prefix: &str) {
        let target = format!("{prefix}/auth/token");
        let body = json!({ "username": "nobody-yet", "password": "no password" });
        let knows = async || self.request("POST", &target).json(&body).status().await == 403;
        eventually("the store is read", knows).await;
        let keys = format!("{prefix}/.well-known/jwks.json");
        let signs = async || {
            let keys = self.get(&keys).send().await.json();
            keys["keys"].as_array().is_some_and(|keys| keys.len() >= 2)
        };
        eventually("there are signing keys", signs).await;
    }

    /// A new user with these permissions.
    pub async fn user(&self, name: &str, permissions: &Value) -> String {
        let body = json!({ "username": name, "password": PASSWORD, "permissions": permissions });
        let answer = self.accounts("POST", "/users/").key("admin").json(&body).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// A user's token for name and password.
    pub async fn token(&self, name: &str, password: &str) -> String {
        let answer = self.log_in(name, password).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub fn log_in(&self, name: &str, password: &str) -> Request<'_> {
        let body = json!({ "username": name, "password": password });
        self.accounts("POST", "/auth/token").json(&body)
    }

    /// A request about users.
    pub fn accounts(&self, method: &str, path: &str) -> Request<'_> {
        self.request(method, &format!("/_doorward{path}"))
    }
}
