//! Pages of the log that were read and encoded for one subscriber of a view, for others of it who come by soon: after a
//! restart ten thousand clients stand at a few cursors, and want the same.

use std::collections::VecDeque;

use bytes::Bytes;
use fanfare_protocol::ResourceVersion;

/// All pages of a worker: sixteen of a full frame each. They live for a second or two.
const PAGES_BYTES_MAX: usize = 1024 * 1024;

/// What a page is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageKey {
    /// The view's number.
    pub view: u32,
    /// Where it begins.
    pub after: ResourceVersion,
    /// In which life of the topic: every one begins at `0.0`.
    pub epoch: u64,
    /// Only what still counts is in it.
    pub is_conflated: bool,
}

/// A page as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPage {
    /// One frame.
    pub bytes: Bytes,
    /// Where a reader stands behind it.
    pub through: ResourceVersion,
    /// How many events of it are shown.
    pub shown: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// The latest last.
    pages: VecDeque<(PageKey, EncodedPage)>,
    bytes: usize,
}

impl Pages {
    /// A page that goes no further than this offset.
    pub(super) fn find(&self, key: PageKey, through: u64) -> Option<EncodedPage> {
        let fits = |(of, page): &&(PageKey, EncodedPage)| *of == key && page.through.offset <= through;
        self.pages.iter().rev().find(fits).map(|(_, page)| page.clone())
    }

    /// Keeps a page, and lets go of the oldest for it.
    pub(super) fn keep(&mut self, key: PageKey, page: EncodedPage) {
        self.bytes += page.bytes.len();
        self.pages.push_back((key, page));
        while self.bytes > PAGES_BYTES_MAX
            && let Some((_, oldest)) = self.pages.pop_front()
        {
            self.bytes -= oldest.bytes.len();
        }
    }

    /// Lets go of all: what retention takes must not live on here.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(view: u32, offset: u64) -> PageKey {
        PageKey { view, after: ResourceVersion::new(7, offset), epoch: 7, is_conflated: false }
    }

    fn page(bytes: usize, through: u64) -> EncodedPage {
        EncodedPage { bytes: vec![0; bytes].into(), through: ResourceVersion::new(7, through), shown: 1 }
    }

    #[test]
    fn only_the_same_page_that_goes_no_further_is_found() {
        let mut pages = Pages::default();
        pages.keep(key(1, 0), page(10, 5));
        assert_eq!(pages.find(key(1, 0), 5), Some(page(10, 5)));
        assert_eq!(pages.find(key(1, 0), 4), None);
        assert_eq!(pages.find(key(1, 1), 5), None);
        assert_eq!(pages.find(key(2, 0), 5), None);
        assert_eq!(pages.find(PageKey { is_conflated: true, ..key(1, 0) }, 5), None);
        assert_eq!(pages.find(PageKey { epoch: 8, ..key(1, 0) }, 5), None);
        pages.clear();
        assert_eq!(pages.find(key(1, 0), 5), None);
    }

    #[test]
    fn the_oldest_give_way() {
        let mut pages = Pages::default();
        for offset in 0..20 {
            pages.keep(key(1, offset), page(100 * 1024, offset + 1));
        }
        assert!(pages.bytes <= PAGES_BYTES_MAX && pages.bytes > PAGES_BYTES_MAX / 2);
        assert_eq!(pages.find(key(1, 0), u64::MAX), None);
        assert!(pages.find(key(1, 19), u64::MAX).is_some());
    }
}
