//! How an object is written: straight into the buffer that goes to the socket, in the order of the contract's examples.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::duration::DisplayMs;
use crate::wire::ResourceVersion;

/// Has a JSON form.
pub(crate) trait ToJson {
    /// Writes its members.
    fn write(&self, object: &mut Object<'_>);
}

/// An object that is being written; ends with [`Object::close`].
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }

    /// Appends the object that `value` is.
    pub(crate) fn whole<T: ToJson + ?Sized>(value: &T, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        value.write(&mut object);
        object.close();
    }

    /// A string, number or boolean.
    pub(crate) fn scalar<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        write_scalar(self.out, value);
    }

    pub(crate) fn optional<T: Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.scalar(name, value);
        }
    }

    /// Written only when set.
    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.scalar(name, &true);
        }
    }

    pub(crate) fn version(&mut self, name: &str, version: Option<ResourceVersion>) {
        if let Some(version) = version {
            self.name(name);
            write_version(self.out, version);
        }
    }

    pub(crate) fn duration(&mut self, name: &str, ms: Option<u64>) {
        if let Some(ms) = ms {
            self.name(name);
            write!(self.out, "\"{}\"", DisplayMs(ms)).expect("writing to memory cannot fail");
        }
    }

    /// The name of an enum's value; nothing where the value has none.
    pub(crate) fn one_of<E: Copy + PartialEq>(&mut self, name: &str, value: E, names: &[(&str, E)]) {
        if let Some((text, _)) = names.iter().find(|(_, known)| *known == value) {
            self.scalar(name, text);
        }
    }

    /// JSON as it is.
    pub(crate) fn raw(&mut self, name: &str, json: &[u8]) {
        self.name(name);
        self.out.extend_from_slice(json);
    }

    pub(crate) fn base64(&mut self, name: &str, bytes: &[u8]) {
        self.name(name);
        self.out.push(b'"');
        let start = self.out.len();
        // Four characters for three bytes begun.
        self.out.resize(start + bytes.len().div_ceil(3) * 4, 0);
        let written =
            STANDARD.encode_slice(bytes, &mut self.out[start..]).expect("the buffer has the size of the text");
        self.out.truncate(start + written);
        self.out.push(b'"');
    }

    /// Texts by name; left out when there are none.
    pub(crate) fn texts(&mut self, name: &str, texts: &BTreeMap<String, String>) {
        if texts.is_empty() {
            return;
        }
        self.name(name);
        let mut object = Object::open(self.out);
        for (key, value) in texts {
            object.scalar(key, value);
        }
        object.close();
    }

    pub(crate) fn object<T: ToJson>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.name(name);
            Object::whole(value, self.out);
        }
    }

    pub(crate) fn objects<T: ToJson>(&mut self, name: &str, values: &[T]) {
        self.list(name, values, |out, value| Object::whole(value, out));
    }

    pub(crate) fn list<T>(&mut self, name: &str, values: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
        self.name(name);
        self.out.push(b'[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write(self.out, value);
        }
        self.out.push(b']');
    }

    /// An object whose members `write` writes.
    pub(crate) fn nested(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        let mut object = Object::open(self.out);
        write(&mut object);
        object.close();
    }

    fn name(&mut self, name: &str) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        write_scalar(self.out, name);
        self.out.push(b':');
    }
}

fn write_scalar<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("writing a scalar to memory cannot fail");
}

fn write_version(out: &mut Vec<u8>, version: ResourceVersion) {
    write!(out, "\"{version}\"").expect("writing to memory cannot fail");
}
