//! Values with a unit: periods, sizes, rates, and the word `off`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A length of time as written: `"30s"`, `"500ms"`, `"1h30m"`, `"90d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    /// This many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

/// What is wrong with a value that should carry a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a length of time.
    #[error("not a duration: a number and a unit (ms, s, m, h, d), as in \"30s\"")]
    Period,
    /// Not a number of bytes.
    #[error("not a size: a number and a unit (B, KiB, MiB, GiB), as in \"16KiB\"")]
    Size,
    /// Not a count in a period.
    #[error("not a rate: a count, a slash and a duration, as in \"20/1m\"")]
    Rate,
}

impl FromStr for Period {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let mut total = Duration::ZERO;
        let mut rest = text;
        loop {
            let (number, tail) = leading_number(rest).ok_or(UnitError::Period)?;
            let end = tail
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(tail.len());
            let (unit, next) = tail.split_at(end);
            let millis: u64 = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(UnitError::Period),
            };
            let part = number.checked_mul(millis).ok_or(UnitError::Period)?;
            total = total
                .checked_add(Duration::from_millis(part))
                .ok_or(UnitError::Period)?;
            if next.is_empty() {
                return Ok(Self(total));
            }
            rest = next;
        }
    }
}

/// A number of bytes as written: `"16KiB"`, `"1MiB"`, `"512B"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// This many kibibytes.
    #[must_use]
    pub const fn kibibytes(count: u64) -> Self {
        Self(count.saturating_mul(1024))
    }

    /// The bytes as a length in memory.
    #[must_use]
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = leading_number(text).ok_or(UnitError::Size)?;
        let scale: u64 = match unit.trim_start() {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(UnitError::Size),
        };
        number.checked_mul(scale).map(Self).ok_or(UnitError::Size)
    }
}

/// So many in a period: `"20/1m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In what time.
    pub period: Duration,
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (count, period) = text.split_once('/').ok_or(UnitError::Rate)?;
        let count = count.trim().parse().map_err(|_| UnitError::Rate)?;
        let Period(period) = period.trim().parse().map_err(|_| UnitError::Rate)?;
        if count == 0 || period.is_zero() {
            return Err(UnitError::Rate);
        }
        Ok(Self { count, period })
    }
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

/// The word `"off"`, or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrOff<T> {
    /// Not limited, not enabled.
    Off,
    /// The value.
    Value(T),
}

impl<T: Copy> OrOff<T> {
    /// The value, unless off.
    #[must_use]
    pub fn value(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrOff<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrOffVisitor(PhantomData))
    }
}

struct OrOffVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrOffVisitor<T> {
    type Value = OrOff<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or \"off\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OrOff<T>, E> {
        if text == "off" {
            return Ok(OrOff::Off);
        }
        T::deserialize(de::value::StrDeserializer::new(text)).map(OrOff::Value)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<OrOff<T>, E> {
        T::deserialize(de::value::I64Deserializer::new(number)).map(OrOff::Value)
    }
}

impl<T: JsonSchema> JsonSchema for OrOff<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}OrOff", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "const": "off" }, value] })
    }
}

/// Reads a value from its text, inside the value's own deserializer, so that an error has its span.
pub(crate) struct FromText<T>(pub(crate) PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// A value that is written as text: how it is read, and its pattern in the schema.
macro_rules! text_value {
    ($type:ty, $pattern:literal, $example:literal) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
                text.deserialize_str(super::units::FromText(std::marker::PhantomData))
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": $pattern, "examples": [$example]
                })
            }
        }
    };
}
pub(super) use text_value;

text_value!(Period, "^([0-9]+(ms|s|m|h|d))+$", "30s");
text_value!(Size, "^[0-9]+ ?(B|KiB|MiB|GiB|KB|kB|MB|GB)$", "16KiB");
text_value!(Rate, "^[0-9]+/([0-9]+(ms|s|m|h|d))+$", "20/1m");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_needs_a_unit_and_may_have_several() {
        assert_eq!("30s".parse(), Ok(Period::seconds(30)));
        assert_eq!("1h30m".parse(), Ok(Period::seconds(5400)));
        assert_eq!("500ms".parse(), Ok(Period(Duration::from_millis(500))));
        for bad in [
            "",
            "30",
            "s",
            "30 s",
            "-1s",
            "30x",
            "1h30",
            "99999999999999999999s",
        ] {
            assert_eq!(bad.parse::<Period>(), Err(UnitError::Period), "{bad}");
        }
    }

    #[test]
    fn a_size_needs_a_unit() {
        assert_eq!("16KiB".parse(), Ok(Size(16384)));
        assert_eq!("512B".parse(), Ok(Size(512)));
        for bad in ["", "16", "16K", "KiB", "18446744073709551615GiB"] {
            assert_eq!(bad.parse::<Size>(), Err(UnitError::Size), "{bad}");
        }
    }

    #[test]
    fn a_rate_is_a_count_in_a_period() {
        let rate: Rate = "20/1m".parse().unwrap();
        assert_eq!((rate.count, rate.period), (20, Duration::from_mins(1)));
        for bad in ["20", "0/1m", "20/0s", "x/1m", "20/m"] {
            assert_eq!(bad.parse::<Rate>(), Err(UnitError::Rate), "{bad}");
        }
    }
}
