//! A password that somebody chooses: asked for at the terminal, or read from standard input; never
//! an argument.

use std::io::{self, Read as _};

use anyhow::{Context as _, bail};

use crate::{
    accounts::{Hashing, Memory, Password},
    auth::PasswordHash,
    secret::Secret,
};

/// Where the password comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordSource {
    /// Whoever sits there types it twice, and it is not shown.
    Terminal,
    /// All of it but one trailing line break.
    Stdin,
}

impl PasswordSource {
    /// Reads the password, and makes its hash.
    pub(super) fn hash(self) -> anyhow::Result<PasswordHash> {
        let password = match self {
            Self::Terminal => asked()?,
            Self::Stdin => piped()?,
        };
        Ok(Hashing::default().hash(&password, &mut Memory::new())?)
    }
}

fn asked() -> anyhow::Result<Password> {
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .context("no terminal to ask for the password at; --password-stdin reads it")
    };
    let password = Password::parse(ask("Password: ")?)?;
    if Secret::new(ask("The same again: ")?).expose() != password.expose() {
        bail!("the two passwords are not the same");
    }
    Ok(password)
}

fn piped() -> anyhow::Result<Password> {
    // Enough to see that it is too long.
    let most = Password::LONGEST + b"\r\n".len() + 1;
    let mut bytes = Vec::with_capacity(most);
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    let given = Secret::from_file(bytes);
    let text = String::from_utf8(given.expose().to_vec());
    // The error would show it.
    let Ok(text) = text else {
        bail!("the password is not UTF-8");
    };
    Ok(Password::parse(text)?)
}
