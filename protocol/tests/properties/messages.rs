//! Round trips of every message in both encodings.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fanfare_protocol::limits::INTEGER_MAX;
use fanfare_protocol::{
    Cancel, Connect, Connected, Encoding, Error, Event, EventBatch, EventBatchRef, Features, Goaway, Grant, History,
    HistoryPage, Incoming, Limits, Member, Message, Ping, Pong, PresenceGet, PresenceSet, PresenceState, Producer,
    Publication, Publish, Published, Refresh, Refreshed, Reply, Request, ResourceVersion, Serve, Serving, Subscribe,
    Subscribed, Unsubscribe, Unsubscribed, UpdateView, View, Watch, Watched, decode, encode_event_batch, encode_traced,
    envelopes,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use super::json::json_value;

/// Lets the fields of a message be drawn one by one: tuples of strategies end at ten.
type Drawn<T> = BoxedStrategy<T>;

fn text() -> Drawn<String> {
    prop_oneof!["[a-z:.]{0,8}", ".{0,12}", Just("\u{0}\"\\\u{2028}😀\n".to_owned())].boxed()
}

fn integer() -> Drawn<u64> {
    prop_oneof![0..100_u64, 0..=INTEGER_MAX, Just(INTEGER_MAX)].boxed()
}

fn version() -> Drawn<ResourceVersion> {
    prop_oneof![
        Just(ResourceVersion::NONE),
        any::<(u64, u64)>().prop_map(|(epoch, offset)| ResourceVersion::new(epoch, offset))
    ]
    .boxed()
}

fn data() -> Drawn<Bytes> {
    json_value().prop_map(|value| Bytes::from(value.to_string())).boxed()
}

/// Data with its content type.
fn content() -> Drawn<(Bytes, i32)> {
    prop_oneof![data().prop_map(|json| (json, 0)), vec(any::<u8>(), 0..40).prop_map(|bytes| (Bytes::from(bytes), 1))]
        .boxed()
}

fn texts() -> Drawn<BTreeMap<String, String>> {
    btree_map(text(), text(), 0..4).boxed()
}

fn error() -> Drawn<Error> {
    let head = (any::<u32>(), text(), text(), text(), of(integer()), of(text()));
    let tail = (of(version()), of(version()), of(integer()), of(text()), of(text()));
    (head, tail)
        .prop_map(
            |((code, name, message, class, retry_after_ms, topic), (oldest, current, expected, parameter, nearest))| {
                Error {
                    code,
                    name,
                    message,
                    class,
                    retry_after_ms,
                    topic,
                    oldest,
                    current,
                    expected,
                    parameter,
                    nearest,
                }
            },
        )
        .boxed()
}

fn event() -> Drawn<Event> {
    let head = (0..=7_i32, of(text()), of(version()), of(text()), of(content()), texts());
    let tail = (of(text()), of(text()), of(any::<i64>()), of(any::<i64>()), of(text()), of(error()));
    (head, tail)
        .prop_map(|((kind, topic, resource_version, key, content, attributes), tail)| {
            let (publisher, connection_id, time, origin_time, traceparent, error) = tail;
            let (data, content_type) = content.map_or((None, 0), |(data, content_type)| (Some(data), content_type));
            Event {
                r#type: kind,
                topic,
                resource_version,
                key,
                data,
                content_type,
                attributes,
                publisher,
                connection_id,
                time,
                origin_time,
                traceparent,
                error: error.map(Box::new),
            }
        })
        .boxed()
}

fn batch() -> Drawn<EventBatch> {
    (any::<u32>(), version(), version(), any::<bool>(), vec(event(), 0..4))
        .prop_map(|(view, after, through, limited, events)| EventBatch {
            view,
            after: Some(after),
            through: Some(through),
            limited,
            events,
        })
        .boxed()
}

fn publication() -> Drawn<Publication> {
    let put = content().prop_map(|(data, content_type)| (Some(data), content_type, false));
    let content = prop_oneof![4 => put, 1 => Just((None, 0, true))];
    (content, text(), of(Just(())), texts(), of(integer()), of(version()), of(any::<i64>()), of(text()))
        .prop_map(
            |((data, content_type, delete), key, has_key, attributes, ttl_ms, if_version, origin_time, traceparent)| {
                Publication {
                    data,
                    content_type,
                    key: (delete || has_key.is_some()).then_some(key),
                    delete,
                    attributes,
                    ttl_ms,
                    if_version,
                    origin_time,
                    traceparent,
                }
            },
        )
        .boxed()
}

fn publish() -> Drawn<Publish> {
    let content = prop_oneof![
        publication().prop_map(|publication| (Some(publication.into()), vec![])),
        vec(publication(), 1..4).prop_map(|publications| (None, publications)),
    ];
    let producer = ("[a-z]{1,8}", integer()).prop_map(|(id, sequence)| Producer { id, sequence });
    (text(), content, of("[a-z]{1,255}"), of(producer))
        .prop_map(|(topic, (publication, publications), idempotency_key, producer)| Publish {
            topic,
            publication,
            publications,
            idempotency_key,
            producer,
        })
        .boxed()
}

fn watch() -> Drawn<Watch> {
    let equality = prop_oneof![Just("key".to_owned()), "attributes\\..{1,6}", "data\\.[a-z]{1,3}\\.[a-z]{1,3}"];
    let path = "[a-z]{1,4}(\\.[a-z ]{1,4}){0,2}";
    let head = (
        text(),
        of(version()),
        0..3_i32,
        of(text()),
        btree_map(equality, text(), 0..3),
        vec(path, 0..3),
        any::<bool>(),
    );
    let rates = (of(integer()), of(integer()), of(1e-300..1e300), any::<bool>(), 0..3_i32);
    let tail = (of(integer()), of(1..=u32::MAX), of(integer()), 0..2_i32, any::<bool>());
    (head, rates, tail)
        .prop_map(|((topic, resource_version, from, filter, r#where, fields, on_change), rates, tail)| {
            let (interval_ms, debounce_ms, max_events_per_second, delta, on_gone) = rates;
            let (timeout_ms, limit, credit, consistency, presence) = tail;
            Watch {
                topic,
                resource_version,
                from,
                filter,
                r#where,
                fields,
                on_change,
                interval_ms,
                debounce_ms,
                max_events_per_second,
                delta,
                on_gone,
                timeout_ms,
                limit,
                credit,
                consistency,
                presence,
            }
        })
        .boxed()
}

fn watched() -> Drawn<Watched> {
    (any::<u32>(), text(), of(version()), any::<bool>(), of(error()), any::<bool>())
        .prop_map(|(view, topic, resource_version, resumed, error, stale)| Watched {
            view,
            topic,
            resource_version,
            resumed,
            error,
            stale,
        })
        .boxed()
}

fn features() -> Drawn<Features> {
    (vec(text(), 0..3), any::<bool>()).prop_map(|(compression, app_ping)| Features { compression, app_ping }).boxed()
}

fn of_connections() -> Drawn<Message> {
    let limits =
        (integer(), integer(), any::<u32>(), any::<u32>()).prop_map(|(frame, publication, subscriptions, requests)| {
            Limits {
                frame_bytes_max: frame,
                publication_bytes_max: publication,
                subscriptions_max: subscriptions,
                requests_in_flight_max: requests,
            }
        });
    prop_oneof![
        (of(text()), of(text()), of(features())).prop_map(|(token, client, features)| Connect {
            token,
            client,
            features
        }
        .into()),
        (text(), text(), of(features()), of(limits), of(any::<i64>())).prop_map(
            |(connection_id, node_id, features, limits, expires_at)| {
                Connected { connection_id, node_id, features, limits, expires_at }.into()
            }
        ),
        text().prop_map(|token| Refresh { token }.into()),
        of(any::<i64>()).prop_map(|expires_at| Refreshed { expires_at }.into()),
        Just(Ping {}.into()),
        Just(Pong {}.into()),
        error().prop_map(Message::from),
        (integer(), of(text())).prop_map(|(within_ms, node)| Goaway { within_ms, node }.into()),
    ]
    .boxed()
}

fn of_views() -> Drawn<Message> {
    let several = vec(watch(), 1..3).prop_map(|views| Subscribe { watch: None, views });
    let answers = vec(watched(), 1..3).prop_map(|views| Subscribed { watched: None, views });
    prop_oneof![
        watch().prop_map(|watch| Subscribe { watch: Some(watch), views: vec![] }.into()),
        several.prop_map(Message::from),
        watched().prop_map(|watched| Subscribed { watched: Some(watched), views: vec![] }.into()),
        answers.prop_map(Message::from),
        (any::<u32>(), of(watch())).prop_map(|(view, watch)| UpdateView { view, watch }.into()),
        any::<u32>().prop_map(|view| Unsubscribe { view }.into()),
        any::<u32>().prop_map(|view| Unsubscribed { view }.into()),
        (any::<u32>(), integer()).prop_map(|(view, events)| Grant { view, events }.into()),
        batch().prop_map(Message::from),
        (any::<u32>(), 0..=5_i32, of(any::<u32>())).prop_map(|(view, state, code)| View { view, state, code }.into()),
    ]
    .boxed()
}

fn of_publishing() -> Drawn<Message> {
    prop_oneof![
        3 => publish().prop_map(Message::from),
        1 => (of(version()), vec(version(), 0..3))
            .prop_map(|(resource_version, resource_versions)| Published { resource_version, resource_versions }.into()),
        1 => (text(), of(version()), of(1..=u32::MAX), any::<bool>())
            .prop_map(|(topic, after, limit, reverse)| History { topic, after, limit, reverse }.into()),
        1 => (text(), vec(event(), 0..3), of(version()), of(text())).prop_map(|(topic, items, resource_version, next)| {
            HistoryPage { topic, items, resource_version, r#continue: next }.into()
        }),
    ]
    .boxed()
}

fn of_services() -> Drawn<Message> {
    let member = (text(), of(text()), of(data()), of(any::<i64>()))
        .prop_map(|(connection_id, sub, data, since)| Member { connection_id, sub, data, since });
    prop_oneof![
        (text(), 1..=3_i32, of(data())).prop_map(|(topic, action, data)| PresenceSet { topic, action, data }.into()),
        (text(), of(1..=u32::MAX), of(text())).prop_map(|(topic, limit, next)| PresenceGet {
            topic,
            limit,
            r#continue: next
        }
        .into()),
        (text(), vec(member, 0..3), of(version()), of(text())).prop_map(|(topic, members, resource_version, next)| {
            PresenceState { topic, members, resource_version, r#continue: next }.into()
        }),
        (text(), content(), of(integer())).prop_map(|(service, (data, content_type), timeout_ms)| {
            Request { service, data: Some(data), content_type, timeout_ms }.into()
        }),
        (content(), of(error())).prop_map(|((data, content_type), error)| Reply {
            data: Some(data),
            content_type,
            error
        }
        .into()),
        (text(), of(integer())).prop_map(|(service, credit)| Serve { service, credit }.into()),
        text().prop_map(|service| Serving { service }.into()),
        integer().prop_map(|id| Cancel { id }.into()),
    ]
    .boxed()
}

pub(crate) fn incoming() -> impl Strategy<Value = Incoming> {
    let message = prop_oneof![of_connections(), of_views(), of_publishing(), of_services()];
    (integer(), of(text()), message).prop_map(|(id, traceparent, message)| Incoming { id, traceparent, message })
}

pub(crate) fn written(encoding: Encoding, incoming: &Incoming) -> Vec<u8> {
    let mut out = Vec::new();
    encode_traced(encoding, incoming.id, incoming.traceparent.as_deref(), &incoming.message, &mut out);
    out
}

proptest! {
    /// E7, E8, E10, E11.
    #[test]
    fn what_is_written_reads_back_as_the_same(sent in vec(incoming(), 1..4)) {
        for encoding in Encoding::ALL {
            let mut message = Vec::new();
            for (index, incoming) in sent.iter().enumerate() {
                if index > 0 && encoding == Encoding::Json {
                    message.push(b'\n');
                }
                message.extend(written(encoding, incoming));
            }
            let message = Bytes::from(message);
            let received: Vec<Incoming> = envelopes(encoding, &message)
                .map(|envelope| envelope.and_then(|envelope| decode(encoding, &envelope)))
                .collect::<Result<_, _>>()
                .map_err(|error| TestCaseError::fail(format!("{encoding:?}: {error} in {}", String::from_utf8_lossy(&message))))?;
            prop_assert_eq!(&received, &sent);
        }
    }

    /// The hot path writes what the plain one does.
    #[test]
    fn a_shared_batch_is_written_like_an_owned_one(batch in batch()) {
        let events: Vec<Arc<Event>> = batch.events.iter().cloned().map(Arc::new).collect();
        let (after, through) = (batch.after.unwrap_or_default(), batch.through.unwrap_or_default());
        let shared = EventBatchRef { view: batch.view, after, through, limited: batch.limited, events: &events };
        let owned = Incoming { id: 0, traceparent: None, message: Message::Event(batch.clone()) };
        for encoding in Encoding::ALL {
            let mut out = Vec::new();
            encode_event_batch(encoding, shared, &mut out);
            prop_assert_eq!(out, written(encoding, &owned));
        }
    }

    /// The JSON form through serde is the one of the codec.
    #[test]
    fn serde_agrees_with_the_codec(page in (text(), vec(event(), 0..3), of(version())), watch in watch()) {
        let (topic, items, resource_version) = page;
        let page = HistoryPage { topic, items, resource_version, r#continue: None };
        let text = serde_json::to_string(&page).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(serde_json::from_str::<HistoryPage>(&text).ok(), Some(page.clone()));
        let value = serde_json::to_value(&page).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(serde_json::from_value::<HistoryPage>(value).is_ok());
        let text = serde_json::to_string(&watch).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(serde_json::from_str::<Watch>(&text).ok(), Some(watch));
    }

    /// W2: the parameters of a watch as a query make the same watch.
    #[test]
    fn a_watch_reads_back_from_its_parameters(watch in watch()) {
        let mut again = Watch::default();
        for (name, value) in watch.parameters() {
            prop_assert_eq!(again.set(&name, &value), Ok(()));
        }
        prop_assert_eq!(again, watch);
    }
}
