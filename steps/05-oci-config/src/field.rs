//! A place in config.json that knows its own name, and remembers that it was read.
//!
//! Errors name the field (`process.args[0]`), and at the end it is known which fields nobody has read: those
//! are not applied, and are told.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;

use kit::{Error, Result};
use serde_json::Value;

/// A value and its path.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    path: String,
    value: &'a Value,
    read: &'a Read,
}

/// The paths that were read.
#[derive(Debug, Default)]
pub struct Read(RefCell<BTreeSet<String>>);

impl<'a> Field<'a> {
    /// The whole document.
    pub fn root(value: &'a Value, read: &'a Read) -> Self {
        Self { path: String::new(), value, read }
    }

    /// Its path: `linux.namespaces[2].type`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A member; `None` if it is absent. Errors if this is no object.
    pub fn get(&self, key: &str) -> Result<Option<Self>> {
        let object = self.value.as_object().ok_or_else(|| self.wrong("an object"))?;
        // Even an empty object counts as read once somebody has looked into it.
        self.read.0.borrow_mut().insert(self.path.clone());
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Ok(object.get(key).map(|value| Self { path, value, read: self.read }))
    }

    // ANCHOR: need
    /// A member that must be there.
    pub fn need(&self, key: &str) -> Result<Self> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        self.get(key)?.ok_or_else(|| refused(&path, "is required, and absent"))
    }
    // ANCHOR_END: need

    /// The elements of a list.
    pub fn list(&self) -> Result<Vec<Self>> {
        let list = self.value.as_array().ok_or_else(|| self.wrong("a list"))?;
        self.read.0.borrow_mut().insert(self.path.clone());
        let element =
            |(index, value)| Self { path: format!("{}[{index}]", self.path), value, read: self.read };
        Ok(list.iter().enumerate().map(element).collect())
    }

    /// A text, without NUL bytes: every text here becomes a C string.
    pub fn text(&self) -> Result<String> {
        let text = self.scalar(self.value.as_str(), "a text")?;
        if text.contains('\0') {
            return Err(self.refuse("holds a NUL byte"));
        }
        Ok(text.to_owned())
    }

    /// A list of texts.
    pub fn texts(&self) -> Result<Vec<String>> {
        self.list()?.iter().map(Self::text).collect()
    }

    /// True or false.
    pub fn flag(&self) -> Result<bool> {
        self.scalar(self.value.as_bool(), "true or false")
    }

    /// Whether it is false; this alone does not count as reading it.
    pub fn is_false(&self) -> bool {
        *self.value == Value::Bool(false)
    }

    /// A whole number, possibly negative.
    pub fn number(&self) -> Result<i64> {
        self.scalar(self.value.as_i64(), "a whole number")
    }

    /// A whole number of the type that the kernel takes.
    pub fn unsigned<N: TryFrom<u64>>(&self) -> Result<N> {
        let number = self.scalar(self.value.as_u64(), "a whole number from 0")?;
        N::try_from(number).map_err(|_| self.refuse(format!("{number} is too large")))
    }

    /// An error about this field.
    pub fn refuse(&self, reason: impl Display) -> Error {
        refused(&self.path, reason)
    }

    fn scalar<T>(&self, value: Option<T>, kind: &str) -> Result<T> {
        self.read.0.borrow_mut().insert(self.path.clone());
        value.ok_or_else(|| self.wrong(kind))
    }

    fn wrong(&self, kind: &str) -> Error {
        let mut found = self.value.to_string();
        if let Some((end, _)) = found.char_indices().nth(40) {
            found.truncate(end);
            found.push('…');
        }
        self.refuse(format!("must be {kind}, and is {found}"))
    }

    /// The paths below this one that nobody has read, each as high up as nothing below it was read.
    pub fn unread(&self) -> Vec<String> {
        if !self.read.0.borrow().contains(&self.path) && !self.path.is_empty() {
            return vec![self.path.clone()];
        }
        let below: Vec<_> = match self.value {
            Value::Object(object) => object
                .iter()
                .map(|(key, value)| {
                    let path =
                        if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
                    Self { path, value, read: self.read }
                })
                .collect(),
            Value::Array(_) => self.list().unwrap_or_default(),
            _ => vec![],
        };
        below.iter().flat_map(Self::unread).collect()
    }
}

fn refused(path: &str, reason: impl Display) -> Error {
    Error::refused("config.json", path, reason)
}
