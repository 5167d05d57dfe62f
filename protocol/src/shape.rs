//! What a decoded request must look like whatever encoding it came in: members that exclude or need each other, counts, and
//! values that protobuf can carry and the contract does not know. Keeps whoever handles a `Message` from meeting requests that say
//! two things at once. Rules: SPEC.md W1, W3, P1, P6 and P8.

use std::fmt::Display;

use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, INTEGER_MAX, PUBLICATIONS_MAX, VIEWS_MAX};
use crate::message::Message;
use crate::wire::{
    Consistency, ContentType, Error, From as Start, OnGone, PresenceAction, Publication, Publish, Subscribe, Watch,
};

/// Checks a request.
pub(crate) fn check(message: &Message) -> Result<(), Error> {
    match message {
        Message::Publish(publish) => check_publish(publish),
        Message::Subscribe(subscribe) => check_subscribe(subscribe),
        Message::UpdateView(update) => update.watch.as_ref().map_or(Ok(()), check_watch),
        Message::History(history) => check_limit(history.limit),
        Message::PresenceGet(get) => check_limit(get.limit),
        Message::PresenceSet(set) => check_action(set.action),
        Message::Request(request) => {
            check_enum::<ContentType>("contentType", request.content_type)?;
            check_duration("timeout", request.timeout_ms)
        }
        _ => Ok(()),
    }
}

/// Checks a PUBLISH: one publication or several, each of which puts or deletes.
pub(crate) fn check_publish(publish: &Publish) -> Result<(), Error> {
    let count = publish.publications.len();
    if publish.publication.is_some() && count > 0 {
        return bad("publications", "stands alone, or one publication's members do, not both");
    }
    if count > PUBLICATIONS_MAX {
        return bad("publications", format_args!("at most {PUBLICATIONS_MAX} at once"));
    }
    if publish.publication.is_none() && count == 0 {
        return bad("data", NEEDS_DATA);
    }
    publish.publication.as_deref().into_iter().chain(&publish.publications).try_for_each(check_publication)?;
    check_key_length("idempotencyKey", publish.idempotency_key.as_deref())?;
    check_key_length("producer", publish.producer.as_ref().map(|producer| producer.id.as_str()))
}

const NEEDS_DATA: &str = "a publication has `data`, `dataBase64` or `delete`";

fn check_publication(publication: &Publication) -> Result<(), Error> {
    check_enum::<ContentType>("contentType", publication.content_type)?;
    check_duration("ttl", publication.ttl_ms)?;
    match (&publication.data, publication.delete) {
        (None, false) => bad("data", NEEDS_DATA),
        (Some(_), true) => bad("delete", "a deletion has no data"),
        (None, true) if publication.key.is_none() => bad("key", "a deletion names the key"),
        (None, true) | (Some(_), false) => Ok(()),
    }
}

fn check_key_length(parameter: &str, key: Option<&str>) -> Result<(), Error> {
    match key {
        Some(key) if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX => {
            bad(parameter, format_args!("1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes"))
        }
        _ => Ok(()),
    }
}

fn check_subscribe(subscribe: &Subscribe) -> Result<(), Error> {
    match (&subscribe.watch, subscribe.views.len()) {
        (Some(_), 1..) => bad("views", "stands alone, or one view's members do, not both"),
        (None, 0) => bad("topic", "a view names its topic"),
        (None, count) if count > VIEWS_MAX => bad("views", format_args!("at most {VIEWS_MAX} at once")),
        _ => subscribe.watch.iter().chain(&subscribe.views).try_for_each(check_watch),
    }
}

/// What came over protobuf has not passed through `Watch::set`, so it does now.
fn check_watch(watch: &Watch) -> Result<(), Error> {
    check_enum::<Start>("from", watch.from)?;
    check_enum::<OnGone>("onGone", watch.on_gone)?;
    check_enum::<Consistency>("consistency", watch.consistency)?;
    let mut scratch = Watch::default();
    watch.parameters().iter().try_for_each(|(name, value)| scratch.set(name, value))
}

fn check_action(action: i32) -> Result<(), Error> {
    if action == PresenceAction::Unspecified as i32 {
        return bad("action", "expected one of `enter`, `update`, `leave`");
    }
    check_enum::<PresenceAction>("action", action)
}

fn check_limit(limit: Option<u32>) -> Result<(), Error> {
    if limit == Some(0) { bad("limit", "expected a whole number from 1 to 2^32 - 1") } else { Ok(()) }
}

fn check_duration(parameter: &str, ms: Option<u64>) -> Result<(), Error> {
    if ms.is_some_and(|ms| ms > INTEGER_MAX) {
        return bad(parameter, "a duration is at most 2^53 - 1 milliseconds");
    }
    Ok(())
}

/// Refuses a value of a later version: guessing at what a request means is worse than refusing it.
fn check_enum<E: TryFrom<i32>>(parameter: &str, number: i32) -> Result<(), Error> {
    match E::try_from(number) {
        Ok(_) => Ok(()),
        Err(_) => bad(parameter, format_args!("unknown value {number}")),
    }
}

fn bad(parameter: &str, reason: impl Display) -> Result<(), Error> {
    Err(Error::bad_parameter(parameter, reason))
}
