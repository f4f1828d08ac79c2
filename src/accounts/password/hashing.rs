//! [`Hashing`]: makes hashes of passwords and checks passwords against them.

use argon2::{Algorithm, Argon2, Params, Version, password_hash::phc};
use zeroize::Zeroizing;

use super::{Memory, Password, effort::Effort, stored::Stored};
use crate::auth::PasswordHash;

/// How new hashes are made: argon2id (RFC 9106) with these parameters.
///
/// The default is that of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashing {
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// What checking a password came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is the one.
    Right,
    /// It is the one, and its hash should be made again: by bcrypt, or with other parameters.
    RightButOld,
    /// It is not, or there is no hash that it could be checked against.
    Wrong,
}

/// The parameters make no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password is hashed with 8 KiB a lane to 1 GiB of memory, 1 to 64 passes, 1 to 64 lanes")]
pub struct InvalidHashing;

/// Why a password could neither be hashed nor checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFailed {
    /// The system gives no memory.
    #[error("there is no memory to hash a password")]
    NoMemory,
    /// The system gives no randomness.
    #[error("there is no randomness for a salt")]
    NoRandomness,
    /// argon2 does not take what it was given.
    #[error("a password could not be hashed: {0}")]
    Refused(argon2::Error),
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            memory: Params::DEFAULT_M_COST,
            passes: Params::DEFAULT_T_COST,
            lanes: Params::DEFAULT_P_COST,
        }
    }
}

impl Hashing {
    /// The length of a salt (RFC 9106 §3.1), in bytes.
    pub(super) const SALT: usize = 16;

    /// The length of a hash, in bytes.
    pub(super) const OUTPUT: usize = Params::DEFAULT_OUTPUT_LEN;

    /// With this much memory in KiB, so many passes over it, in so many lanes.
    ///
    /// # Errors
    /// When argon2 cannot, or it is more than a login may cost.
    pub fn new(memory: u32, passes: u32, lanes: u32) -> Result<Self, InvalidHashing> {
        let hashing = Self {
            memory,
            passes,
            lanes,
        };
        let params = hashing.params().map_err(|_| InvalidHashing)?;
        let is_checked = Stored::takes(&params);
        is_checked.then_some(hashing).ok_or(InvalidHashing)
    }

    /// The memory that a hash takes, in KiB.
    #[must_use]
    pub const fn memory(self) -> u32 {
        self.memory
    }

    /// Makes a hash with a salt of its own.
    ///
    /// # Errors
    /// When the system has no memory or no randomness.
    pub fn hash(
        self,
        password: &Password,
        memory: &mut Memory,
    ) -> Result<PasswordHash, HashFailed> {
        let mut salt = [0; Self::SALT];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| HashFailed::NoRandomness)?;
        let params = self.params().map_err(HashFailed::Refused)?;
        let mut output = Zeroizing::new([0; Self::OUTPUT]);
        let made = memory.run(&argon2id(&params), password.expose(), &salt, &mut *output);
        memory.wipe(self.memory);
        made?;
        phc_string(&params, &salt, &*output)
            .ok_or(HashFailed::Refused(argon2::Error::OutputTooLong))
    }

    /// Whether a password can be checked against this hash at all.
    #[must_use]
    pub fn understands(stored: &PasswordHash) -> bool {
        !matches!(Stored::parse(stored), Stored::Unknown)
    }

    /// Checks a password against a stored hash; against none when there is no such user.
    ///
    /// It takes as long for no user, a wrong password and a hash that nothing can check: whatever
    /// a cheaper hash leaves of the configured cost is done for nothing. A dearer one shows, for
    /// nothing shortens it: with bcrypt of the usual cost, or parameters that have been lowered,
    /// a name that exists can be told from one that does not, until its user has logged in once.
    ///
    /// # Errors
    /// When the system has no memory.
    pub fn verify(
        self,
        password: &Password,
        stored: Option<&PasswordHash>,
        memory: &mut Memory,
    ) -> Result<Verdict, HashFailed> {
        let stored = stored.map_or(Stored::Unknown, Stored::parse);
        let verdict = stored.verify(password, self, memory);
        let missing = Effort::of_argon2(self.memory, self.passes).without(stored.effort());
        let padded = self.pad(missing, password, memory);
        memory.wipe(self.memory);
        padded.and(verdict)
    }

    /// Takes the time of what is missing.
    fn pad(
        self,
        mut missing: Effort,
        password: &Password,
        memory: &mut Memory,
    ) -> Result<(), HashFailed> {
        let mut output = Zeroizing::new([0; Self::OUTPUT]);
        while let Some((size, passes)) = missing.next_run(self.memory) {
            let params = Params::new(size, passes, 1, None).map_err(HashFailed::Refused)?;
            let salt = [0; Self::SALT];
            memory.run(&argon2id(&params), password.expose(), &salt, &mut *output)?;
            missing = missing.without(Effort::of_argon2(size, passes));
        }
        Ok(())
    }

    /// Whether a hash has these parameters.
    pub(super) fn is_of(self, params: &Params) -> bool {
        let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        let of_others = !params.keyid().is_empty() || !params.data().is_empty();
        !of_others && (memory, passes, lanes) == (self.memory, self.passes, self.lanes)
    }

    fn params(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory, self.passes, self.lanes, Some(Self::OUTPUT))
    }
}

fn argon2id(params: &Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
}

fn phc_string(params: &Params, salt: &[u8], output: &[u8]) -> Option<PasswordHash> {
    let phc = phc::PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: phc::ParamsString::try_from(params).ok()?,
        salt: Some(phc::Salt::new(salt).ok()?),
        hash: Some(phc::Output::new(output).ok()?),
    };
    Some(PasswordHash::new(phc.to_string()))
}
