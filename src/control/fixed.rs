//! Settings that take effect only with a restart.

use std::fmt::Debug;

use crate::config::Config;

/// The settings of a start that no reload changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fixed([(&'static str, String); 6]);

impl Fixed {
    pub(super) fn of(config: &Config) -> Self {
        let text = |value: &dyn Debug| format!("{value:?}");
        let listen = &config.listen;
        Self([
            (
                "listen.address",
                text(&listen.addresses(config.tls.as_ref())),
            ),
            ("listen.redirect", text(&listen.redirect)),
            ("listen.workers", text(&listen.workers)),
            (
                "accounts.store",
                text(&config.accounts.as_ref().map(|accounts| &accounts.store)),
            ),
            ("admin.address", text(&config.admin.address)),
            ("telemetry.address", text(&config.telemetry.address)),
        ])
    }

    /// The names of the settings that `config` has otherwise.
    pub(super) fn changed_in(&self, config: &Config) -> Vec<&'static str> {
        let now = Self::of(config);
        let pairs = self.0.iter().zip(&now.0);
        pairs
            .filter(|(started, now)| started != now)
            .map(|(started, _)| started.0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Written};

    fn config(text: &str) -> Config {
        Written::from_file("f", text, &Environment::default()).config
    }

    #[test]
    fn only_what_a_reload_cannot_change_counts() {
        let fixed = Fixed::of(&config(""));
        assert!(
            fixed
                .changed_in(&config("[limits]\nheader_count = 7"))
                .is_empty()
        );
        assert!(
            fixed
                .changed_in(&config("[listen]\naddress = '127.0.0.1:8080'"))
                .is_empty()
        );
        let moved = "[listen]\naddress = '127.0.0.1:1'\nworkers = 3\n[telemetry]\naddress = 'off'\n\
                     [admin]\naddress = '127.0.0.1:2'\n[accounts]\nstore = 'a.db'";
        let changed = [
            "listen.address",
            "listen.workers",
            "accounts.store",
            "admin.address",
            "telemetry.address",
        ];
        assert_eq!(fixed.changed_in(&config(moved)), changed);
    }
}
