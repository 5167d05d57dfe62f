//! The catalogue of codes, generated from `catalogue/codes.toml`: one row for each reason why something is refused or ends. The number
//! alone tells an old SDK what to do: its class. Rules: SPEC.md, section X.

use std::fmt;

include!(concat!(env!("OUT_DIR"), "/codes.rs"));

struct Row {
    number: u16,
    name: &'static str,
    http_status: u16,
    sentence: &'static str,
    page: &'static str,
}

impl Code {
    /// The number, also used as WebSocket close code.
    #[must_use]
    pub fn number(self) -> u16 {
        self.row().number
    }

    /// The name in capitals, also used as metric label.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What to do about it.
    #[must_use]
    pub fn class(self) -> Class {
        Class::of_number(self.number())
    }

    /// The status of an HTTP answer that carries it.
    #[must_use]
    pub fn http_status(self) -> u16 {
        self.row().http_status
    }

    /// The default text: lowercase, no final dot.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        self.row().sentence
    }

    /// When it happens and what to do, in Markdown, for `docs/errors.md`.
    #[must_use]
    pub fn page(self) -> &'static str {
        self.row().page
    }

    /// The code with this number, if this version knows it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// The code with this name, if this version knows it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What whoever hears a code should do. Known by the number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// 30xx: repeat with backoff.
    Retry,
    /// 31xx: go to another node, or to the slot that was told.
    Redirect,
    /// 32xx: fetch a new token first.
    Refresh,
    /// 33xx: keep the connection, start this view anew.
    Resync,
    /// 34xx: wait for `retryAfterMs`, then repeat.
    Wait,
    /// 35xx to 39xx: repeating will not mend it. Also what applications choose for themselves (4000 to 4999).
    Terminal,
}

impl Class {
    /// Every class, in the order of their numbers.
    pub const ALL: [Self; 6] = [Self::Retry, Self::Redirect, Self::Refresh, Self::Resync, Self::Wait, Self::Terminal];

    /// The class of any number, known or not. Numbers outside of 3000 to 3999 are not ours and count as terminal.
    #[must_use]
    pub fn of_number(number: u16) -> Self {
        match number / 100 {
            30 => Self::Retry,
            31 => Self::Redirect,
            32 => Self::Refresh,
            33 => Self::Resync,
            34 => Self::Wait,
            _ => Self::Terminal,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Redirect => "redirect",
            Self::Refresh => "refresh",
            Self::Resync => "resync",
            Self::Wait => "wait",
            Self::Terminal => "terminal",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// X2: numbers and names are unique, and lie in the range of a class.
    #[test]
    fn each_number_and_name_stands_once_and_in_range() {
        let numbers: BTreeSet<u16> = Code::ALL.iter().map(|code| code.number()).collect();
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
        assert_eq!(names.len(), Code::ALL.len());
        assert!(numbers.iter().all(|number| (3000..4000).contains(number)));
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.http_status())));
        let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        assert!(names.iter().all(|name| name.bytes().all(is_capital)));
    }

    /// X2: the catalogue is sorted, so that a new row finds its place and no number is taken twice by accident.
    #[test]
    fn the_catalogue_is_sorted_by_number() {
        assert!(Code::ALL.is_sorted_by_key(|code| code.number()));
    }

    /// X3.
    #[test]
    fn the_number_alone_tells_the_class() {
        for (number, class) in [
            (3000, Class::Retry),
            (3099, Class::Retry),
            (3100, Class::Redirect),
            (3200, Class::Refresh),
            (3399, Class::Resync),
            (3400, Class::Wait),
            (3500, Class::Terminal),
            (3999, Class::Terminal),
            (4001, Class::Terminal),
            (1002, Class::Terminal),
        ] {
            assert_eq!(Class::of_number(number), class, "{number}");
        }
        assert_eq!(Code::Gone.class(), Class::Resync);
        assert_eq!(Code::VersionConflict.class(), Class::Terminal);
    }

    /// X6: the statuses that the contract fixes.
    #[test]
    fn the_statuses_are_those_of_the_contract() {
        for (code, status) in [
            (Code::EpochChanged, 409),
            (Code::OutOfSequence, 409),
            (Code::Gone, 410),
            (Code::VersionConflict, 412),
            (Code::UnknownParameter, 422),
            (Code::BadFilter, 422),
            (Code::IdempotencyMismatch, 422),
            (Code::NotSupported, 501),
            (Code::NoQuorum, 503),
            (Code::Overloaded, 503),
            (Code::VersionAhead, 503),
            (Code::DiskLow, 507),
            (Code::StorageFault, 507),
        ] {
            assert_eq!(code.http_status(), status, "{code}");
        }
    }

    /// X2.
    #[test]
    fn sentences_are_lowercase_and_end_without_a_dot() {
        for code in Code::ALL {
            assert!(!code.sentence().ends_with('.') && !code.sentence().starts_with(char::is_uppercase), "{code}");
            assert!(code.page().ends_with('.'), "{code}");
            assert_eq!(Code::from_number(code.number()), Some(*code));
            assert_eq!(Code::from_name(code.name()), Some(*code));
        }
    }
}
