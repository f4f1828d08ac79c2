//! [`parse`]: lines, as [`export`](super::export()) writes them.

use super::{Fault, Found, Place, line::Line};
use crate::clock::Timestamp;

/// Everything that the lines hold, or everything that is wrong with them.
///
/// # Errors
/// With a fault for each line that is not understood, and when the first or the last is missing.
pub fn parse(text: &str, now: Timestamp) -> Result<Vec<Found>, Vec<Fault>> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let mut expected = Expected::Header;
    for (number, line) in (1..).zip(text.lines()) {
        let place = Place::Line(number);
        match one(line).and_then(|line| Ok((expected.next(&line)?, line.change(now)?))) {
            Ok((next, change)) => {
                expected = next;
                found.extend(change.map(|change| Found { place, change }));
            }
            Err(wrong) => faults.push(Fault { place, wrong }),
        }
        if expected == Expected::Header {
            // Of another form nothing is what it seems.
            return Err(faults);
        }
    }
    match expected {
        Expected::Nothing if faults.is_empty() => Ok(found),
        Expected::Nothing => Err(faults),
        Expected::Header | Expected::Things => {
            let wrong = "its end is missing: the last line is {\"kind\":\"end\"}";
            faults.push(Fault::new(Place::Whole, wrong));
            Err(faults)
        }
    }
}

/// What may stand in the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Header,
    Things,
    Nothing,
}

impl Expected {
    /// What may stand in the line after this one.
    fn next(self, line: &Line) -> Result<Self, String> {
        let form = Line::FORMAT;
        match (self, line) {
            (Self::Header, Line::DoorwardStore { format }) if *format == form => Ok(Self::Things),
            (Self::Header, Line::DoorwardStore { format }) => Err(format!(
                "the format is {format}, and this doorward knows {form} alone"
            )),
            (Self::Header, _) => Err("the first line is not that of a doorward store".to_owned()),
            (Self::Things, Line::DoorwardStore { .. }) => Err("a second beginning".to_owned()),
            (Self::Things, Line::End {}) => Ok(Self::Nothing),
            (Self::Things, _) => Ok(Self::Things),
            (Self::Nothing, _) => Err("something after the end".to_owned()),
        }
    }
}

fn one(line: &str) -> Result<Line, String> {
    serde_json::from_str(line).map_err(|error| {
        use serde_json::error::Category::{Data, Eof, Io, Syntax};
        match error.classify() {
            Syntax | Eof | Io => "it is no JSON object".to_owned(),
            Data => reason(&error),
        }
    })
}

/// What serde says, but for the value, which may be a secret, and the line, which is always 1.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    if said.starts_with("invalid type") || said.starts_with("invalid value") {
        let wanted = said
            .rsplit_once("expected ")
            .map_or("", |(_, wanted)| wanted);
        return format!("a value is of another kind than it should be: {wanted}");
    }
    said.chars().map(shown).collect()
}

/// Names are the writer's: they shall neither steer a terminal nor mislead who reads them.
fn shown(char: char) -> String {
    match char {
        ' '..='~' => char.to_string(),
        _ => char.escape_debug().to_string(),
    }
}
