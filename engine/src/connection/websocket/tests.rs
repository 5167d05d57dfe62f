//! What of RFC 6455 is kept, and how it is refused.

use proptest::prelude::*;

use super::*;

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xFFFF => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    out
}

fn read_all(bytes: &[u8]) -> Result<Vec<Inbound>, Breach> {
    let (mut reader, mut buf, mut items) = (Reader::default(), BytesMut::from(bytes), vec![]);
    while let Some(item) = reader.read(&mut buf, 1_000)? {
        items.push(item);
    }
    Ok(items)
}

#[test]
fn fragments_are_joined_around_a_ping() {
    let bytes = [frame(0x01, b"he"), frame(0x89, b"?"), frame(0x00, b"l"), frame(0x80, b"lo")].concat();
    let items = read_all(&bytes).unwrap();
    assert_eq!(items[0], Inbound::Ping(Bytes::from_static(b"?")));
    assert_eq!(items[1], Inbound::Message { text: true, data: Bytes::from_static(b"hello") });
}

/// Case 6.4.1 of Autobahn's suite.
#[test]
fn text_that_can_no_longer_become_valid_is_refused_before_its_message_ends() {
    assert_eq!(read_all(&[frame(0x01, b"a\xce"), frame(0x00, b"\xba\xf4")].concat()), Ok(vec![]));
    let beyond_unicode = [frame(0x01, b"\xce"), frame(0x00, b"\xba\xf4"), frame(0x00, b"\x90")].concat();
    assert_eq!(read_all(&beyond_unicode), Err(Breach::Utf8));
    let binary = [frame(0x02, b"\xf4"), frame(0x00, b"\x90"), frame(0x80, b"")].concat();
    assert!(read_all(&binary).is_ok());
}

#[test]
fn text_that_ends_within_a_character_is_refused() {
    assert_eq!(read_all(&[frame(0x01, b"a\xce"), frame(0x80, b"")].concat()), Err(Breach::Utf8));
    let whole = read_all(&[frame(0x01, b"a\xce"), frame(0x00, b""), frame(0x80, b"\xba")].concat()).unwrap();
    assert_eq!(whole, [Inbound::Message { text: true, data: Bytes::from("a\u{3ba}") }]);
}

#[test]
fn an_announced_length_above_the_limit_is_refused_from_the_header_alone() {
    let header = [0x82, 0x80 | 127, 0, 0, 0, 0, 0x40, 0, 0, 0];
    assert_eq!(read_all(&header), Err(Breach::TooLarge { bytes_max: 1_000 }));
    assert_eq!(
        read_all(&[0x82, 0xFF, 255, 255, 255, 255, 255, 255, 255, 255]),
        Err(Breach::TooLarge { bytes_max: 1_000 })
    );
}

#[test]
fn joined_fragments_count_together_against_the_limit() {
    let bytes = [frame(0x02, &[7; 600]), frame(0x80, &[7; 600])].concat();
    assert_eq!(read_all(&bytes), Err(Breach::TooLarge { bytes_max: 1_000 }));
}

#[test]
fn a_flood_of_empty_fragments_ends() {
    let mut bytes = frame(0x02, b"");
    for _ in 0..FRAGMENTS_MAX {
        bytes.extend(frame(0x00, b""));
    }
    assert_eq!(read_all(&bytes), Err(Breach::TooManyFragments));
}

#[test]
fn breaches_of_the_rfc_have_their_close_codes() {
    let unmasked = [0x81, 0x01, b'x'];
    for (bytes, code) in [
        (unmasked.to_vec(), 1002),
        (frame(0xC1, b"x"), 1002),
        (frame(0x83, b"x"), 1002),
        (frame(0x80, b"x"), 1002),
        (frame(0x09, b"x"), 1002),
        (frame(0x89, &[0; 126]), 1002),
        (frame(0x88, &[3]), 1002),
        (frame(0x88, &[3, 0xED]), 1002),
        (frame(0x88, &[3, 0xE8, 0xFF]), 1007),
        (frame(0x81, &[0xFF]), 1007),
        ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
    ] {
        assert_eq!(read_all(&bytes).unwrap_err().close_code(), code, "{bytes:?}");
    }
}

#[test]
fn a_close_reason_is_cut_at_a_character() {
    let mut out = Vec::new();
    put_close(4000, &"ü".repeat(100), &mut out);
    assert_eq!(out[1], 2 + 122);
    assert!(std::str::from_utf8(&out[4..]).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_all(&bytes);
    }

    #[test]
    fn a_message_survives_any_cut_of_its_bytes(data in prop::collection::vec(any::<u8>(), 0..900), cut in 1usize..50) {
        let bytes = frame(0x82, &data);
        let (mut reader, mut buf, mut items) = (Reader::default(), BytesMut::new(), vec![]);
        for part in bytes.chunks(cut) {
            buf.extend_from_slice(part);
            while let Some(item) = reader.read(&mut buf, 1_000).unwrap() { items.push(item); }
        }
        prop_assert_eq!(items, vec![Inbound::Message { text: false, data: Bytes::from(data) }]);
    }
}
