//! `GET /v1/topics`: which topics exist, in the order of their names.

use actix_web::{HttpRequest, HttpResponse};
use fanfare_protocol::{Error, TopicName};

use super::continuation::{list_token, parse_list_token};
use super::query::Query;
use super::reply::{self, Reply, Worker};
use crate::log::Listed;

/// Topics of a page when the client does not say how many.
const PAGE_ITEMS: usize = 100;

/// Answers with a page.
pub(super) async fn get(Worker(hub): Worker, request: HttpRequest) -> Reply {
    let node = hub.node();
    let mut query = Query::parse(request.query_string())?;
    let prefix = query.take("prefix").unwrap_or_default();
    let limit = query.take_limit(node.config.limits.page_items_max)?.unwrap_or(PAGE_ITEMS);
    let after = query.take("continue").map(|token| parse_list_token(&token)).transpose()?;
    query.finish(&["prefix", "limit", "continue"])?;
    check(&prefix)?;
    let reading = node.log.list(&prefix, after.as_ref().map(TopicName::as_str), limit + 1);
    let mut topics = node.fetch(reading).await?;
    let has_more = topics.len() > limit;
    topics.truncate(limit);
    let next = topics.last().filter(|_| has_more).map(|last| list_token(&last.topic));
    Ok(reply::json(&mut HttpResponse::Ok(), body(&topics, next.as_deref())))
}

/// A prefix that no name can have is a mistake, and internal topics are nobody's business.
fn check(prefix: &str) -> Result<(), Error> {
    if prefix.starts_with('_') {
        return Err(Error::bad_parameter("prefix", "names that begin with `_` belong to the node"));
    }
    match TopicName::parse(prefix) {
        Err(error) if !prefix.is_empty() => Err(Error::bad_parameter("prefix", error)),
        _ => Ok(()),
    }
}

fn body(topics: &[Listed], next: Option<&str>) -> Vec<u8> {
    let mut out = b"{\"items\":".to_vec();
    reply::list(&mut out, topics, |out, Listed { topic, version, kind }| {
        // Neither a name nor a kind has a character that JSON escapes.
        let item = format!(r#"{{"topic":"{topic}","resourceVersion":"{version}","kind":"{}"}}"#, kind.as_str());
        out.extend_from_slice(item.as_bytes());
    });
    if let Some(next) = next {
        out.extend_from_slice(format!(r#","continue":"{next}""#).as_bytes());
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use fanfare_protocol::{Code, ResourceVersion};

    use super::*;
    use crate::log::Kind;

    #[test]
    fn a_page_lists_name_version_and_kind() {
        let topic = TopicName::parse("chat:lobby").unwrap();
        let listed = Listed { topic, version: ResourceVersion::new(0x6f1c, 3), kind: Kind::Stream };
        assert_eq!(
            String::from_utf8(body(&[listed.clone(), listed], Some("AmE"))).unwrap(),
            concat!(
                r#"{"items":[{"topic":"chat:lobby","resourceVersion":"6f1c.3","kind":"stream"},"#,
                r#"{"topic":"chat:lobby","resourceVersion":"6f1c.3","kind":"stream"}],"continue":"AmE"}"#
            )
        );
        assert_eq!(body(&[], None), br#"{"items":[]}"#);
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_name() {
        for prefix in ["", "chat", "chat:", "chat:{a"] {
            assert_eq!(check(prefix), Ok(()), "{prefix}");
        }
        for prefix in ["_sys", "chat/", "a b", "ä", &"x".repeat(256)] {
            assert_eq!(check(prefix).unwrap_err().known_code(), Some(Code::BadParameter), "{prefix}");
        }
    }
}
