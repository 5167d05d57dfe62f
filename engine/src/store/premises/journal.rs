//! Journals of the engine: files `N.jnl`, one after the other, of batches that are not in tables yet.
//!
//! A batch is `1 | count u32 | number u64`, then for each row `2 | type u8 | compression u8 | table u64 | bytes of the key
//! u16, of the value u32, of the value as it is here u32 | key | value`, then `3 | XXH3 of all rows u64 | "FJL\x03"`; all
//! little-endian. The files are made longer than they are filled: zeros follow.
//!
//! Each is synced before the next one is begun, so where anything follows, nothing before it may be unreadable, and none
//! of our batches, which are numbered, may be missing. The end may be whatever a crash leaves, also holes with whole
//! batches behind them, because pages reach a disk in any order. Whether such a hole is damage is told by what is behind
//! it: each batch says up to which one everything was synced when it was written (see [`progress`]).

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use nix::{
    errno::Errno,
    unistd::{Whence, lseek},
};
use xxhash_rust::xxh3::Xxh3;

use super::entries;
use crate::store::codec;
use crate::store::fault::StoreError;
use crate::store::progress::{self, Progress};

const START: u8 = 1;
const ROW: u8 = 2;
const END: u8 = 3;
const START_BYTES: usize = 13;
const TRAILER: &[u8; 4] = b"FJL\x03";

const BUFFER_BYTES: usize = 1024 * 1024;

/// The end of a journal that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Cut {
    pub(in crate::store) path: PathBuf,
    pub(in crate::store) offset: u64,
}

/// Every journal that the engine will replay can be read, once the unfinished end of the last one is cut off.
pub(super) fn verify(rows: &Path) -> Result<Option<Cut>, StoreError> {
    let mut journals = Vec::new();
    for path in entries(rows)? {
        let is_journal = path.extension().is_some_and(|extension| extension == "jnl");
        if is_journal && let Some(number) = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()) {
            journals.push((number, path));
        }
    }
    journals.sort_unstable();
    for pair in journals.windows(2) {
        if let [(number, _), (next, _)] = pair
            && *next != number + 1
        {
            return Err(StoreError::MissingFile { path: rows.join(format!("{}.jnl", number + 1)) });
        }
    }
    // Without any the engine would count its batches from 0 again, and not see what it writes.
    if journals.is_empty() {
        return Err(StoreError::MissingFile { path: rows.join("N.jnl") });
    }
    let mut before = None;
    let mut unfinished: Option<(&Path, u64)> = None;
    for (_, path) in &journals {
        let read = whole_batches(path, before)?;
        // A journal is synced before the next one is begun, which may still be empty.
        if let Some((path, offset)) = unfinished.filter(|_| read.end > 0 || read.has_rest) {
            return Err(StoreError::CorruptFile { path: path.to_path_buf(), offset, what: "a batch cannot be read" });
        }
        before = read.last.or(before);
        if read.has_rest {
            unfinished = Some((path, read.end));
        }
    }
    let Some((path, offset)) = unfinished else { return Ok(None) };
    let path = path.to_path_buf();
    if was_synced(&path, offset, before)? {
        return Err(StoreError::CorruptFile { path, offset, what: "a batch that was synced cannot be read" });
    }
    let cut = File::options().write(true).open(&path).and_then(|file| {
        file.set_len(offset)?;
        file.sync_all()
    });
    cut.map_err(StoreError::io("truncate", &path))?;
    tracing::warn!(journal = %path.display(), offset, "cut off the end of the journal, which a crash left unfinished");
    Ok(Some(Cut { path, offset }))
}

struct WholeBatches {
    /// The number of the last one.
    last: Option<u64>,
    /// Where they end.
    end: u64,
    /// Something follows, not only zeros.
    has_rest: bool,
}

/// Batches one after the other, `before` being the number of the one in front of them.
fn whole_batches(path: &Path, mut before: Option<u64>) -> Result<WholeBatches, StoreError> {
    let failed = |error| StoreError::io("read", path)(error);
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, &file);
    let (mut last, mut end) = (None, 0);
    loop {
        let found = match read_batch(&mut reader, bytes - end) {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(failed(error)),
        };
        let number = found.progress.batch;
        if before.is_some_and(|before| number != before + 1) {
            break;
        }
        before = Some(number);
        last = before;
        end += found.bytes;
    }
    (&file).seek(SeekFrom::Start(end)).map_err(failed)?;
    Ok(WholeBatches { last, end, has_rest: !only_zeros(&file).map_err(failed)? })
}

/// From here to its end. What a file is made longer by is nowhere on the disk, and is passed over: there is up to 64 MiB
/// of it, and every start would look at it.
fn only_zeros(mut file: &File) -> Result<bool, std::io::Error> {
    let mut buffer = vec![0; BUFFER_BYTES];
    while past_hole(file)? {
        match file.read(&mut buffer)? {
            0 => return Ok(true),
            bytes if buffer[..bytes].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
    Ok(true)
}

/// Moves to where data begins; `false` where none is left.
#[cfg(target_os = "linux")]
fn past_hole(mut file: &File) -> Result<bool, std::io::Error> {
    let Ok(here) = file.stream_position()?.try_into() else { return Ok(true) };
    match lseek(file, here, Whence::SeekData) {
        Ok(_) => Ok(true),
        Err(Errno::ENXIO) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Reading them does as well.
#[cfg(not(target_os = "linux"))]
fn past_hole(_file: &File) -> Result<bool, std::io::Error> {
    Ok(true)
}

/// Whether anything behind a place tells that what cannot be read there had been synced.
fn was_synced(path: &Path, offset: u64, before: Option<u64>) -> Result<bool, StoreError> {
    let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
    let mut rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    let mut lost = before.map(|batch| batch + 1);
    while let Some(begin) = rest.windows(START_BYTES + 1).position(|w| w[0] == START && w[START_BYTES] == ROW) {
        rest = &rest[begin..];
        let Ok(Some(Found { progress, bytes })) = read_batch(&mut &*rest, rest.len() as u64) else {
            rest = &rest[1..];
            continue;
        };
        // The one in front of the first that can be read is lost in any case.
        let lost = *lost.get_or_insert(progress.batch.saturating_sub(1));
        if progress.synced >= lost {
            return Ok(true);
        }
        rest = usize::try_from(bytes).ok().and_then(|bytes| rest.get(bytes..)).unwrap_or_default();
    }
    Ok(false)
}

struct Found {
    progress: Progress,
    bytes: u64,
}

/// `None` where no whole batch of ours begins, of what is left of a file.
fn read_batch(file: &mut impl Read, left: u64) -> Result<Option<Found>, std::io::Error> {
    let [START, start @ ..] = array::<START_BYTES>(file)? else { return Ok(None) };
    let [a, b, c, d, ..] = start;
    let count = u32::from_le_bytes([a, b, c, d]);
    let mut bytes = START_BYTES as u64;
    let mut sum = Xxh3::new();
    let mut progress: Option<Progress> = None;
    let mut row = Vec::new();
    for _ in 0..count {
        let head @ [ROW, 0..=2, 0..=1, ..] = array::<21>(file)? else { return Ok(None) };
        let [.., k0, k1, _, _, _, _, v0, v1, v2, v3] = head;
        let key_bytes = u16::from_le_bytes([k0, k1]);
        let row_bytes = u64::from(key_bytes) + u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
        // Asked before memory is taken for it.
        if row_bytes > left.saturating_sub(bytes) {
            return Ok(None);
        }
        row.clear();
        if file.take(row_bytes).read_to_end(&mut row)? as u64 != row_bytes {
            return Ok(None);
        }
        sum.update(&head);
        sum.update(&row);
        bytes += head.len() as u64 + row_bytes;
        if let Some((key, value)) = row.split_at_checked(key_bytes.into())
            && key == progress::KEY
        {
            progress = codec::open(key, value).ok().or(progress);
        }
    }
    let [END, s0, s1, s2, s3, s4, s5, s6, s7, trailer @ ..] = array::<13>(file)? else { return Ok(None) };
    let is_whole = trailer == *TRAILER && u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]) == sum.digest();
    let bytes = bytes + 13;
    Ok(progress.filter(|_| is_whole).map(|progress| Found { progress, bytes }))
}

fn array<const N: usize>(file: &mut impl Read) -> Result<[u8; N], std::io::Error> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
