//! Any bytes decode to a value or a typed error.

use bytes::{Bytes, BytesMut};
use fanfare_protocol::json::parse_publish_body;
use fanfare_protocol::limits::ERROR_MESSAGE_BYTES_MAX;
use fanfare_protocol::{
    Class, Code, DecodeError, Encoding, Incoming, ResourceVersion, TopicName, Watch, decode, envelopes, frame,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::messages::{incoming, written};

/// Damage done to bytes on their way.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Cut(Index),
    Repeat(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<(Index, u8)>().prop_map(|(at, byte)| Damage::Set(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        any::<(Index, u8)>().prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<Index>().prop_map(Damage::Cut),
        any::<(Index, Index)>().prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let count = bytes.len();
    match damage {
        Damage::Set(at, byte) => bytes[at.index(count)] = *byte,
        Damage::Remove(at) => drop(bytes.remove(at.index(count))),
        Damage::Insert(at, byte) => bytes.insert(at.index(count), *byte),
        Damage::Cut(at) => bytes.truncate(at.index(count)),
        Damage::Repeat(from, to) => {
            let (from, to) = (from.index(count), to.index(count));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.extend(part);
        }
    }
}

fn read_all(encoding: Encoding, message: Vec<u8>) -> Vec<Result<Incoming, DecodeError>> {
    let message = Bytes::from(message);
    envelopes(encoding, &message).map(|envelope| envelope.and_then(|envelope| decode(encoding, &envelope))).collect()
}

/// X1, X4: an error is one of the catalogue, terminal, and does not send the input back.
fn judge(outcomes: &[Result<Incoming, DecodeError>]) -> Result<(), TestCaseError> {
    for outcome in outcomes {
        if let Err(DecodeError { error, .. }) = outcome {
            let known = [Code::Malformed, Code::UnknownType, Code::UnknownParameter, Code::BadParameter];
            prop_assert!(error.known_code().is_some_and(|code| known.contains(&code)), "{}", error);
            prop_assert_eq!(error.class(), Class::Terminal);
            prop_assert!(!error.message.is_empty() && error.message.len() <= ERROR_MESSAGE_BYTES_MAX);
        }
    }
    Ok(())
}

proptest! {
    /// E9.
    #[test]
    fn any_bytes_give_values_or_typed_errors(bytes in vec(any::<u8>(), 0..200)) {
        for encoding in Encoding::ALL {
            judge(&read_all(encoding, bytes.clone()))?;
        }
        let _ = parse_publish_body("a", &bytes);
    }

    /// E9: damaged messages reach deeper than random bytes.
    #[test]
    fn damaged_messages_give_values_or_typed_errors(incoming in incoming(), damages in vec(damage(), 1..5)) {
        for encoding in Encoding::ALL {
            let mut bytes = written(encoding, &incoming);
            damages.iter().for_each(|damage| apply(damage, &mut bytes));
            judge(&read_all(encoding, bytes))?;
        }
    }

    /// E9: what was accepted can be said again, and is the same.
    #[test]
    fn what_a_damaged_message_reads_as_can_be_written(incoming in incoming(), damages in vec(damage(), 1..5)) {
        for encoding in Encoding::ALL {
            let mut bytes = written(encoding, &incoming);
            damages.iter().for_each(|damage| apply(damage, &mut bytes));
            for accepted in read_all(encoding, bytes).into_iter().flatten() {
                let text = written(encoding, &accepted);
                let again = read_all(encoding, text.clone()).pop().expect("there is an envelope");
                prop_assert_eq!(again.map(|again| written(encoding, &again)), Ok(text), "{:?}", encoding);
            }
        }
    }

    /// E14, E15: the frame decoder keeps its place or says why not, and never holds more than it was given.
    #[test]
    fn any_stream_gives_frames_or_an_error(
        envelopes in vec(vec(any::<u8>(), 1..40), 0..4),
        damages in vec(damage(), 0..3),
        cuts in vec(any::<Index>(), 0..4),
    ) {
        let mut stream = Vec::new();
        envelopes.iter().for_each(|envelope| frame::encode(envelope, &mut stream));
        damages.iter().for_each(|damage| apply(damage, &mut stream));
        let decoder = frame::Decoder::new(64);
        let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        bounds.extend([0, stream.len()]);
        bounds.sort_unstable();
        let (mut bytes, mut found) = (BytesMut::new(), Vec::new());
        'stream: for bound in bounds.windows(2) {
            bytes.extend_from_slice(&stream[bound[0]..bound[1]]);
            loop {
                let capacity = bytes.capacity();
                let frame = decoder.decode(&mut bytes);
                prop_assert!(bytes.capacity() <= capacity);
                match frame {
                    Ok(Some(envelope)) => found.push(envelope.to_vec()),
                    Ok(None) => break,
                    Err(_) => break 'stream,
                }
            }
        }
        if damages.is_empty() {
            prop_assert_eq!(found, envelopes);
            prop_assert!(decoder.finish(&bytes).is_ok());
        } else {
            // A damaged frame never passes as another one: each is one that was sent (a part may stand twice).
            prop_assert!(found.iter().all(|envelope| envelopes.contains(envelope)));
        }
    }

    /// V1, V8, W2.
    #[test]
    fn texts_give_values_or_typed_errors(text in ".{0,40}", name in "[a-zA-Z.]{0,12}") {
        if let Ok(version) = text.parse::<ResourceVersion>() {
            prop_assert_eq!(version.to_string(), text.clone());
        }
        if let Ok(topic) = TopicName::parse(&text) {
            prop_assert_eq!(topic.as_str(), text.as_str());
            prop_assert!(text.contains(topic.routing_key()) && !topic.routing_key().is_empty());
        }
        for known in Watch::PARAMETERS.iter().copied().chain([name.as_str()]) {
            let mut watch = Watch::default();
            let outcome = watch.set(known, &text);
            prop_assert!(outcome.is_ok() || watch == Watch::default());
        }
    }
}
