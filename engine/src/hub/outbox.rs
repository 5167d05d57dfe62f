//! The outbox of a connection: what is written before any ring is looked at. Holds no memory while it is empty.

/// Answers, a page of a catch-up, and the rest of a frame that the socket cut.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
    /// Bytes that a catch-up appended; it waits until they are gone before it appends more.
    page_bytes: usize,
}

impl Outbox {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Bytes that wait and that no catch-up accounts for.
    pub(super) fn answer_bytes(&self) -> usize {
        self.len().saturating_sub(self.page_bytes)
    }

    pub(super) fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
    }

    pub(super) fn append_page(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        encode(&mut self.bytes);
        self.page_bytes += self.bytes.len() - before;
    }

    pub(super) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub(super) fn advance(&mut self, written: usize) {
        self.written += written;
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.drain(..self.written);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_does_not_count_as_answers() {
        let mut outbox = Outbox::default();
        outbox.append(|out| out.extend_from_slice(b"answer"));
        outbox.append_page(|out| out.extend_from_slice(&[0; 100]));
        assert_eq!((outbox.len(), outbox.answer_bytes()), (106, 6));
    }

    #[test]
    fn what_was_written_is_not_taken_again() {
        let mut outbox = Outbox::default();
        outbox.append(|out| out.extend_from_slice(b"abcdef"));
        outbox.advance(2);
        assert_eq!(outbox.unwritten(), b"cdef");
        assert_eq!(outbox.into_bytes(), b"cdef");
    }
}
