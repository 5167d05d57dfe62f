//! The parameters of a request, out of its query string. Strict: broken escapes, names given twice and names that the
//! route does not know are refused, because a parameter that is silently dropped changes what a client gets.

use fanfare_protocol::{Code, Error, ResourceVersion, Watch};

use crate::topic::plan::bad_limit;

/// Parameters that were not taken yet, in the order of the query.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads `a=b&c=d`, percent-encoded, `+` for a space.
    ///
    /// # Errors
    /// `MALFORMED` for a broken escape or bytes that are no UTF-8, `BAD_PARAMETER` for a name that is given twice,
    /// under whichever of its aliases.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self::parse_list(text, "")?.0)
    }

    /// The same, with one parameter that may be given several times; its values are apart, in their order.
    ///
    /// # Errors
    /// See [`Self::parse`].
    pub(in crate::gateway) fn parse_list(text: &str, list: &str) -> Result<(Self, Vec<String>), Error> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut values = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !list.is_empty() && name == list {
                values.push(value);
                continue;
            }
            if let Some(error) = pairs.iter().find_map(|(known, _)| Error::given_twice(known, &name, Watch::ALIASES)) {
                return Err(error);
            }
            pairs.push((name, value));
        }
        Ok((Self { pairs }, values))
    }

    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.remove(at).1)
    }

    /// Takes one that is `true` or `false`; false when it is absent.
    ///
    /// # Errors
    /// `BAD_PARAMETER`.
    pub(super) fn take_flag(&mut self, name: &str) -> Result<bool, Error> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::bad_parameter(name, "expected one of `true`, `false`")),
        }
    }

    /// Takes a version.
    ///
    /// # Errors
    /// `BAD_PARAMETER`.
    pub(super) fn take_version(&mut self, name: &str) -> Result<Option<ResourceVersion>, Error> {
        let text = self.take(name);
        text.map(|text| text.parse().map_err(|error| Error::bad_parameter(name, error))).transpose()
    }

    /// Takes `limit`: how many items of a page are wanted.
    ///
    /// # Errors
    /// `BAD_PARAMETER` unless it is between 1 and `max`.
    pub(super) fn take_limit(&mut self, max: usize) -> Result<Option<usize>, Error> {
        let Some(text) = self.take("limit") else { return Ok(None) };
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(limit) if is_digits && (1..=max).contains(&limit) => Ok(Some(limit)),
            _ => Err(bad_limit(max)),
        }
    }

    /// Everything was taken.
    ///
    /// # Errors
    /// `UNKNOWN_PARAMETER` for what is left, naming the nearest of `known`.
    pub(super) fn finish(&self, known: &[&str]) -> Result<(), Error> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => Err(Error::unknown_parameter(name, known.iter().copied())),
        }
    }

    /// What is left, by name.
    pub(in crate::gateway) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// The name under which `filter` was given: that is the one which a refusal has to name.
    pub(in crate::gateway) fn filter_name(&self) -> &'static str {
        if self.names().any(|name| name == "selector") { "selector" } else { "filter" }
    }

    /// What is left, as watch parameters of the topic that the path names.
    ///
    /// # Errors
    /// `UNKNOWN_PARAMETER`, `BAD_PARAMETER`; `NOT_SUPPORTED` for a ticket, which only URLs carry.
    pub(in crate::gateway) fn into_watch(self, topic: &str) -> Result<Watch, Error> {
        let mut watch = Watch { topic: topic.to_owned(), ..Watch::default() };
        for (name, value) in &self.pairs {
            match name.as_str() {
                "topic" => return Err(Error::bad_parameter(name, "the path names the topic")),
                "ticket" => return Err(no_tickets()),
                _ => {}
            }
            watch.set(name, value)?;
        }
        Ok(watch)
    }
}

/// A refusal of a watch in the words of its query, where `filter` was given as `name`.
pub(in crate::gateway) fn as_given(name: &str, error: Error) -> Error {
    if name == "filter" || error.parameter.as_deref() != Some("filter") {
        return error;
    }
    let message = error.message.replacen("`filter`", &format!("`{name}`"), 1);
    error.with_parameter(name).with_message(message)
}

/// As long as a node asks nobody who he is, there is nothing that a ticket could stand for.
fn no_tickets() -> Error {
    let message = "`ticket` is not supported by this node yet: leave it out, it asks nobody who he is";
    Error::of(Code::NotSupported).with_parameter("ticket").with_message(message)
}

fn decode(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| Error::malformed("the query is not UTF-8"))
}

fn digit(byte: Option<u8>) -> Result<u8, Error> {
    let digit = byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    digit.ok_or_else(|| Error::malformed("the query has a `%` without two hexadecimal digits behind it"))
}

#[cfg(test)]
mod tests {
    use fanfare_protocol::From;

    use super::*;

    fn code(result: Result<impl std::fmt::Debug, Error>) -> Option<Code> {
        result.unwrap_err().known_code()
    }

    #[test]
    fn names_and_values_are_decoded_once() {
        let mut query = Query::parse("prefix=chat%3Alob+by%2B&limit=5&&x=%2541&flag").unwrap();
        assert_eq!(query.take("prefix").as_deref(), Some("chat:lob by+"));
        assert_eq!(query.take("x").as_deref(), Some("%41"));
        assert_eq!(query.take("flag").as_deref(), Some(""));
        assert_eq!(query.take("prefix"), None);
        assert_eq!(query.names().collect::<Vec<_>>(), ["limit"]);
    }

    #[test]
    fn broken_escapes_and_bytes_that_are_no_utf_8_are_malformed() {
        for text in ["a=%", "a=%4", "a=%zz", "%=1", "a=%+1", "a=%ff", "a=%c3%28", "a=%ed%a0%80"] {
            assert_eq!(code(Query::parse(text)), Some(Code::Malformed), "{text}");
        }
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        for text in ["limit=1&limit=2", "a&%61"] {
            let error = Query::parse(text).unwrap_err();
            assert_eq!(error.known_code(), Some(Code::BadParameter), "{text}");
            assert!(error.message.ends_with(": given twice"), "{text}: {}", error.message);
        }
    }

    /// W2: they could contradict each other, and whoever gave them may not know that they are one.
    #[test]
    fn a_parameter_under_two_of_its_names_is_refused_by_both() {
        for (first, second) in [
            ("filter", "selector"),
            ("selector", "filter"),
            ("resourceVersion", "sinceRevision"),
            ("sinceRevision", "lastEventId"),
            ("from", "includeInitialData"),
        ] {
            let error = Query::parse(&format!("{first}=1&limit=1&{second}=1")).unwrap_err();
            assert_eq!((error.known_code(), error.parameter.as_deref()), (Some(Code::BadParameter), Some(second)));
            let expected = format!("`{second}`: is the same parameter as `{first}`, give one of them");
            assert_eq!(error.message, expected);
        }
    }

    #[test]
    fn an_unknown_parameter_names_the_nearest() {
        let error = Query::parse("limt=1").unwrap().finish(&["limit", "continue"]).unwrap_err();
        assert_eq!((error.known_code(), error.nearest.as_deref()), (Some(Code::UnknownParameter), Some("limit")));
        assert_eq!(error.parameter.as_deref(), Some("limt"));
        assert_eq!(Query::parse("").unwrap().finish(&[]), Ok(()));
    }

    #[test]
    fn a_limit_is_between_one_and_the_most() {
        for text in ["0", "-1", "+1", "1001", "99999999999999999999", "1.5", "", "ten"] {
            let mut query = Query::parse("").unwrap();
            query.pairs.push(("limit".to_owned(), text.to_owned()));
            assert_eq!(code(query.take_limit(1_000)), Some(Code::BadParameter), "{text}");
        }
        assert_eq!(Query::parse("limit=1000").unwrap().take_limit(1_000), Ok(Some(1_000)));
        assert_eq!(Query::default().take_limit(1_000), Ok(None));
    }

    #[test]
    fn flags_and_versions_have_one_spelling() {
        assert_eq!(Query::parse("watch=true").unwrap().take_flag("watch"), Ok(true));
        assert_eq!(Query::default().take_flag("watch"), Ok(false));
        assert_eq!(code(Query::parse("watch=1").unwrap().take_flag("watch")), Some(Code::BadParameter));
        assert_eq!(Query::parse("after=a.7").unwrap().take_version("after"), Ok(Some(ResourceVersion::new(10, 7))));
        assert_eq!(code(Query::parse("after=7").unwrap().take_version("after")), Some(Code::BadParameter));
    }

    #[test]
    fn what_is_left_makes_a_watch() {
        let query = Query::parse("from=latest&timeout=1.5s&limit=7").unwrap();
        let watch = query.into_watch("chat:lobby").unwrap();
        assert_eq!((watch.topic.as_str(), watch.from()), ("chat:lobby", From::Latest));
        assert_eq!((watch.timeout_ms, watch.limit), (Some(1_500), Some(7)));
        assert_eq!(code(Query::parse("topic=a").unwrap().into_watch("b")), Some(Code::BadParameter));
        assert_eq!(code(Query::parse("form=latest").unwrap().into_watch("b")), Some(Code::UnknownParameter));
        assert_eq!(code(Query::parse("ticket=t").unwrap().into_watch("b")), Some(Code::NotSupported));
    }
}
