//! In which content coding an answer is wanted, out of the `Accept-Encoding` header (RFC 9110, 12.5.3).

use actix_web::http::header::{AcceptEncoding, ContentEncoding, Encoding, Preference, Quality};

use crate::compression::Coding;

/// What is cheapest comes first: an answer is compressed for one client.
pub(super) const QUICK: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

/// What is smallest comes first: a page is compressed once.
pub(super) const SMALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// What a client takes. Of one that says nothing, or nothing that can be read: what is not compressed.
#[derive(Clone, Debug)]
pub(super) struct Wishes(AcceptEncoding);

impl Wishes {
    pub(super) fn new(header: AcceptEncoding) -> Self {
        Self(header)
    }

    /// The coding that it likes best, the first of equals; `None`: none at all. `*` alone asks for nothing, but will do where
    /// there is no other way.
    pub(super) fn coding(&self, codings: &[Coding]) -> Option<Coding> {
        let plain = self.named(ContentEncoding::Identity);
        let mut best = (None, plain.unwrap_or(Quality::ZERO));
        for coding in codings {
            let weight = self.named(content_encoding(*coding)).unwrap_or(Quality::ZERO);
            let is_better = weight > best.1 || (weight == best.1 && best.0.is_none());
            if weight > Quality::ZERO && is_better {
                best = (Some(*coding), weight);
            }
        }
        let any = self.any().is_some_and(|weight| weight > Quality::ZERO);
        let stranger = || codings.iter().copied().find(|coding| self.named(content_encoding(*coding)).is_none());
        best.0.or_else(|| if any && !self.takes_plain() { stranger() } else { None })
    }

    /// Whether it takes what is not compressed: unless it says that it does not.
    pub(super) fn takes_plain(&self) -> bool {
        self.named(ContentEncoding::Identity).or_else(|| self.any()).is_none_or(|weight| weight > Quality::ZERO)
    }

    fn named(&self, wanted: ContentEncoding) -> Option<Quality> {
        let wanted = Preference::Specific(Encoding::Known(wanted));
        self.0.iter().find(|item| item.item == wanted).map(|item| item.quality)
    }

    fn any(&self) -> Option<Quality> {
        self.0.iter().find(|item| item.item == Preference::Any).map(|item| item.quality)
    }
}

impl Default for Wishes {
    fn default() -> Self {
        Self(AcceptEncoding(Vec::new()))
    }
}

fn content_encoding(coding: Coding) -> ContentEncoding {
    match coding {
        Coding::Gzip => ContentEncoding::Gzip,
        Coding::Brotli => ContentEncoding::Brotli,
        Coding::Zstd => ContentEncoding::Zstd,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ACCEPT_ENCODING, Header as _};
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_wanted_coding_is_found_among_others() {
        for (header, coding, takes_plain) in [
            ("", None, true),
            ("identity", None, true),
            ("*", None, true),
            ("gzip", Some(Coding::Gzip), true),
            ("GZIP", Some(Coding::Gzip), true),
            ("compress, deflate", None, true),
            ("gzip, deflate, br, zstd", Some(Coding::Zstd), true),
            ("gzip, br", Some(Coding::Brotli), true),
            ("gzip;q=1.0, br;q=0.5", Some(Coding::Gzip), true),
            ("gzip;q=0.5, identity", None, true),
            ("gzip;q=0.5, identity;q=0.5", Some(Coding::Gzip), true),
            ("gzip;q=0", None, true),
            ("zstd;q=0, gzip;q=0.001", Some(Coding::Gzip), true),
            ("identity;q=0", None, false),
            ("*;q=0", None, false),
            ("identity;q=0, gzip", Some(Coding::Gzip), false),
            ("gzip, *;q=0", Some(Coding::Gzip), false),
            ("identity;q=0, zstd;q=0, *", Some(Coding::Brotli), false),
            ("identity, *;q=0", None, true),
        ] {
            let request = TestRequest::default().insert_header((ACCEPT_ENCODING, header)).to_request();
            let wishes = Wishes::new(AcceptEncoding::parse(&request).unwrap());
            assert_eq!((wishes.coding(&QUICK), wishes.takes_plain()), (coding, takes_plain), "{header}");
        }
    }
}
