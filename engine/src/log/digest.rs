//! A 128-bit sum over whatever is fed to it: of bodies, so that a key cannot be used for another one, and of a whole
//! shard, so that replicas can be compared. XXH3 is fast and specified for good; it is no defence against someone who
//! builds collisions, which is why keys and producers are told apart by their full text and never by a sum.

use fanfare_protocol::Event;
use prost::Message;
use xxhash_rust::xxh3::Xxh3;

/// Every part is fed with its length or as a fixed number of bytes, so that no two inputs run together.
pub(super) struct Digest(Box<Xxh3>);

impl Digest {
    pub(super) fn new() -> Self {
        Self(Box::new(Xxh3::new()))
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    pub(super) fn flag(&mut self, flag: bool) -> &mut Self {
        self.0.update(&[u8::from(flag)]);
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    pub(super) fn event(&mut self, event: &Event) -> &mut Self {
        self.bytes(&event.encode_to_vec())
    }

    pub(super) fn finish(&self) -> u128 {
        self.0.digest128()
    }
}
