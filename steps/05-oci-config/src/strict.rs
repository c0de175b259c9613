//! JSON as the course takes it: a key stands once.
//!
//! Most parsers take the last of two equal keys, some the first. Two programs that read one file may then see
//! two containers: the one that was inspected, and the one that runs.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use kit::{Doing, Error, Result};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The largest config.json that is read: a real one has some kilobytes.
const LIMIT: u64 = 4 << 20;

// ANCHOR: read
/// Reads a file. It must be a regular one: opening a FIFO would wait for a writer that may never come.
pub fn read(path: &Path) -> Result<Value> {
    let metadata = fs::metadata(path).doing("open(2)", path)?;
    if !metadata.is_file() {
        return Err(Error::refused("read", path.display(), "not a regular file"));
    }
    let mut text = String::new();
    let file = File::open(path).doing("open(2)", path)?;
    file.take(LIMIT + 1).read_to_string(&mut text).doing("read", path)?;
    if text.len() as u64 > LIMIT {
        return Err(Error::refused("read", path.display(), format!("larger than {LIMIT} bytes")));
    }
    parse(&text).map_err(|error| Error::refused("read", path.display(), error))
}
// ANCHOR_END: read

/// Parses a text. Errors name line and column.
pub fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text).map(|Strict(value)| value)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything).map(Strict)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    // ANCHOR: once
    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((key, Strict(value))) = object.next_entry::<String, _>()? {
            if values.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} stands twice")));
            }
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
    // ANCHOR_END: once
}
