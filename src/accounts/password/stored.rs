//! [`Stored`]: a stored hash, parsed.

use std::str::FromStr as _;

use argon2::{ARGON2ID_IDENT, Argon2, Params, Version};

use super::{HashFailed, Hashing, Memory, Password, Verdict, effort::Effort};
use crate::auth::PasswordHash;

/// What a stored hash can be checked by.
pub(super) enum Stored<'a> {
    Argon2id(Box<Argon2id>),
    Bcrypt(Bcrypt<'a>),
    /// By nothing: no algorithm that we know, or more than we are willing to do.
    Unknown,
}

/// Argon2id (RFC 9106), with whatever parameters.
pub(super) struct Argon2id {
    version: Version,
    params: Params,
    phc: argon2::PasswordHash,
}

/// bcrypt, as Cheshire Cat 1 keeps it.
pub(super) struct Bcrypt<'a> {
    cost: u32,
    text: &'a str,
}

/// The most that a hash may ask for. Only who writes to the store could ask for more, and a login
/// would then take minutes.
const MOST_PASSES: u32 = 64;
const MOST_MEMORY: u32 = 1 << 20;
const MOST_LANES: u32 = 64;
const MOST_BCRYPT_COST: u32 = 16;

/// The bytes that bcrypt looks at.
const BCRYPT_LOOKS_AT: usize = 72;

impl<'a> Stored<'a> {
    pub(super) fn parse(hash: &'a PasswordHash) -> Self {
        let text = hash.expose();
        let argon2id = || Argon2id::parse(text).map(|it| Self::Argon2id(Box::new(it)));
        let bcrypt = || Bcrypt::parse(text).map(Self::Bcrypt);
        argon2id().or_else(bcrypt).unwrap_or(Self::Unknown)
    }

    /// Whether a hash with these parameters is checked at all.
    pub(super) fn takes(params: &Params) -> bool {
        params.m_cost() <= MOST_MEMORY
            && params.t_cost() <= MOST_PASSES
            && params.p_cost() <= MOST_LANES
    }

    pub(super) fn effort(&self) -> Effort {
        match self {
            Self::Argon2id(it) => Effort::of_argon2(it.params.m_cost(), it.params.t_cost()),
            Self::Bcrypt(it) => Effort::of_bcrypt(it.cost),
            Self::Unknown => Effort::NONE,
        }
    }

    pub(super) fn verify(
        &self,
        password: &Password,
        now: Hashing,
        memory: &mut Memory,
    ) -> Result<Verdict, HashFailed> {
        match self {
            Self::Argon2id(it) => it.verify(password, now, memory),
            Self::Bcrypt(it) => Ok(it.verify(password)),
            Self::Unknown => Ok(Verdict::Wrong),
        }
    }
}

impl Argon2id {
    fn parse(text: &str) -> Option<Self> {
        let phc = argon2::PasswordHash::new(text).ok()?;
        let params = Params::try_from(&phc).ok()?;
        // Without a version it is the first one (PHC string format of argon2).
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from);
        let is_whole = phc.algorithm == ARGON2ID_IDENT && phc.salt.is_some() && phc.hash.is_some();
        (is_whole && Stored::takes(&params)).then_some(Self {
            version: version.ok()?,
            params,
            phc,
        })
    }

    fn verify(
        &self,
        password: &Password,
        now: Hashing,
        memory: &mut Memory,
    ) -> Result<Verdict, HashFailed> {
        let (Some(salt), Some(expected)) = (&self.phc.salt, &self.phc.hash) else {
            return Ok(Verdict::Wrong);
        };
        let argon2 = Argon2::new(
            argon2::Algorithm::Argon2id,
            self.version,
            self.params.clone(),
        );
        let mut output = zeroize::Zeroizing::new(vec![0; expected.len()]);
        memory.run(&argon2, password.expose(), salt, &mut output)?;
        let is_right =
            aws_lc_rs::constant_time::verify_slices_are_equal(&output, expected.as_bytes()).is_ok();
        Ok(match (is_right, self.is_of(now)) {
            (false, _) => Verdict::Wrong,
            (true, true) => Verdict::Right,
            (true, false) => Verdict::RightButOld,
        })
    }

    /// Whether it would be made like this now.
    fn is_of(&self, now: Hashing) -> bool {
        let salt = self.phc.salt.as_ref().map(|salt| salt.len());
        let output = self
            .phc
            .hash
            .as_ref()
            .map(argon2::password_hash::phc::Output::len);
        self.version == Version::V0x13
            && now.is_of(&self.params)
            && salt == Some(Hashing::SALT)
            && output == Some(Hashing::OUTPUT)
    }
}

impl<'a> Bcrypt<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        // `$2x$` marks hashes of a program that got some characters wrong: not of the password.
        let known = ["$2a$", "$2b$", "$2y$"];
        let is_known = known.iter().any(|prefix| text.starts_with(prefix));
        let cost = bcrypt::HashParts::from_str(text).ok()?.get_cost();
        (is_known && (4..=MOST_BCRYPT_COST).contains(&cost)).then_some(Self { cost, text })
    }

    /// Of a longer password only the first 72 bytes count, as they did where the hash was made:
    /// Python's bcrypt cut there without a word until 5.0, and else those users could not log in.
    fn verify(&self, password: &Password) -> Verdict {
        match bcrypt::verify(password.expose(), self.text) {
            Ok(true) if password.expose().len() > BCRYPT_LOOKS_AT => {
                // Nobody knows whether the rest is what it was. A new hash of all of it would make
                // a slip of the finger the password.
                Verdict::Right
            }
            Ok(true) => Verdict::RightButOld,
            Ok(false) | Err(_) => Verdict::Wrong,
        }
    }
}
