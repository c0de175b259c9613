//! JSON as a runtime may take it: one text has one meaning, and an error names the field.
//!
//! Most parsers take the last of two equal keys, some the first. Two programs that read one file may then see two
//! containers: the one that was inspected, and the one that runs. So a first walk refuses that, wherever it stands,
//! also in fields that nobody knows; and NUL bytes, which the kernel would take for the end of a text. It bounds what
//! follows: a text cannot cost more than its limits. Then the types are read, and if one does not fit, the place where
//! the parser stopped is looked up in the text.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Kind, Result};

mod place;

/// The longest text, in bytes: a real configuration has some kilobytes, those of engines some ten.
pub const LIMIT: usize = 4 << 20;
/// The most values in it, of any kind.
pub const VALUES: usize = 1 << 18;
/// How deep they may stand in each other. The specification's own stand eight deep at most.
pub const DEPTH: usize = 64;

/// Reads a text that is called `what` in errors: each is [`Kind::Invalid`], and names the field by its path,
/// `process.rlimits[3].soft`.
pub fn parse<'de, T: Deserialize<'de>>(what: &str, text: &'de [u8]) -> Result<T> {
    let refused = |path: String, reason: String| Err(Error::refused(Kind::Invalid, what, path, reason));
    if text.len() > LIMIT {
        return refused(String::new(), format!("{} bytes, and at most {LIMIT} are read", text.len()));
    }
    let mut walk = Walk::default();
    let mut source = serde_json::Deserializer::from_slice(text);
    if let Err(error) = walk.deserialize(&mut source).and_then(|()| source.end()) {
        return refused(walk.path(), error.to_string());
    }
    serde_json::from_slice(text)
        .or_else(|error| refused(place::path_at(text, error.line(), error.column()), error.to_string()))
}

/// A step from a value to one inside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step<'t> {
    Key(Cow<'t, str>),
    Index(usize),
}

/// A path as a person writes it: `mounts[0].options[2]`.
fn join(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Index(number) => path.extend(["[", &number.to_string(), "]"]),
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.extend([".", key]),
        }
    }
    path
}

/// The first walk. After an error the steps still say where it was.
#[derive(Default)]
struct Walk<'de> {
    steps: Vec<Step<'de>>,
    values: usize,
}

impl Walk<'_> {
    fn path(&self) -> String {
        join(&self.steps)
    }

    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.values += 1;
        match self.values {
            0..=VALUES => Ok(()),
            _ => Err(E::custom(format_args!("more than {VALUES} values"))),
        }
    }

    fn enter<E: serde::de::Error>(&mut self, step: Step<'static>) -> Result<(), E> {
        self.steps.push(step);
        if self.steps.len() > DEPTH {
            Err(E::custom(format_args!("deeper than {DEPTH} values")))
        } else {
            Ok(())
        }
    }
}

fn text<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("it holds a NUL byte")) } else { Ok(()) }
}

impl<'de> DeserializeSeed<'de> for &mut Walk<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.count()?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Walk<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        text(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.enter(Step::Index(0))?;
        let mut index = 0;
        while list.next_element_seed(&mut *self)?.is_some() {
            index += 1;
            if let Some(step) = self.steps.last_mut() {
                *step = Step::Index(index);
            }
        }
        self.steps.pop();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        self.enter(Step::Key(Cow::Borrowed("")))?;
        while let Some(key) = object.next_key_seed(Key)? {
            if let Some(step) = self.steps.last_mut() {
                *step = Step::Key(key.clone());
            }
            text(&key)?;
            if !seen.insert(key) {
                return Err(A::Error::custom("the key stands twice"));
            }
            object.next_value_seed(&mut *self)?;
        }
        self.steps.pop();
        Ok(())
    }
}

/// A key, borrowed from the text where nothing in it is escaped.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests;
