//! Sends a snapshot to another node: a view, read as it goes, a few chunks ahead of what the other side has confirmed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use openraft::StorageError;
use openraft::errors::{ErrorSource, StreamingError, Unreachable};
use openraft::network::RPCOption;

use super::codec::{vote_from_bytes, vote_to_bytes};
use super::consensus::{Consensus, Vote};
use super::network::{Way, read, strange};
use super::views::Held;
use super::wire::{Offer, Piece, Reply, Request, Standing};
use crate::shard::{Chunk, SnapshotView, StateFault, Unavailable};

/// Chunks that are sent before the first of them is confirmed: 4 of 256 KiB, so that neither disk waits for the other.
const CHUNKS_IN_FLIGHT_MAX: usize = 4;

/// How long the other side may take to make the last chunk durable and to switch: 60 s.
const FINISH_DEADLINE: Duration = Duration::from_secs(60);

type Sent<T> = Result<T, StreamingError<Consensus>>;

/// Where a transfer goes on.
enum Next {
    /// Behind this place.
    Behind(Bytes),
    /// The other side has everything, or is ahead of us: its vote.
    Over(Vote),
}

/// Sends the view, from where the other side stands; returns the other side's vote.
pub(super) async fn send(way: &Way, vote: Vote, held: &mut Held, option: &RPCOption) -> Sent<Vote> {
    let view = Arc::clone(held.view());
    let offer = Offer { vote: vote_to_bytes(&vote), snapshot: view.id().into() };
    let standing = match way.call(Request::Offer(offer.clone()), option).await? {
        Reply::Standing(standing) => standing,
        _ => return Err(strange().into()),
    };
    let mut place = match next(standing, vote)? {
        Next::Behind(place) => place,
        Next::Over(theirs) => return Ok(theirs),
    };
    held.begun();
    loop {
        match send_from(way, vote, &view, place.clone(), option).await? {
            Next::Over(theirs) if theirs > vote => return Ok(theirs),
            Next::Over(_) => break,
            Next::Behind(elsewhere) if elsewhere != place => place = elsewhere,
            Next::Behind(_) => return Err(gone()),
        }
    }
    match way.call(Request::Finish(offer), &RPCOption::new(FINISH_DEADLINE)).await? {
        Reply::Finished(finished) => match finished.vote {
            Some(theirs) => Ok(read(vote_from_bytes(theirs))?),
            None => Err(gone()),
        },
        _ => Err(strange().into()),
    }
}

/// Sends everything behind a place. `Behind` when the other side stands elsewhere than it seemed.
async fn send_from(
    way: &Way,
    vote: Vote,
    view: &Arc<dyn SnapshotView>,
    mut place: Bytes,
    option: &RPCOption,
) -> Sent<Next> {
    let mut pieces = FuturesOrdered::new();
    let mut expected = VecDeque::new();
    let mut is_read = false;
    loop {
        while !is_read && pieces.len() < CHUNKS_IN_FLIGHT_MAX {
            let chunk = match chunk(way, view, place.clone()).await? {
                Read::Chunk(chunk) => chunk,
                Read::End => {
                    is_read = true;
                    break;
                }
                Read::Stale => return Err(stale(way)),
            };
            let after = std::mem::replace(&mut place, chunk.place.clone());
            expected.push_back(chunk.place.clone());
            let piece = Piece::new(view.id(), after, chunk);
            pieces.push_back(way.call(Request::Piece(piece), option));
        }
        let (Some(reply), Some(expected)) = (pieces.next().await, expected.pop_front()) else {
            return Ok(Next::Over(vote));
        };
        let Reply::Standing(standing) = reply? else {
            return Err(strange().into());
        };
        match next(standing, vote)? {
            Next::Behind(place) if place == expected => {}
            elsewhere => return Ok(elsewhere),
        }
    }
}

fn next(standing: Standing, vote: Vote) -> Sent<Next> {
    if let Some(higher) = standing.vote {
        return Ok(Next::Over(read(vote_from_bytes(higher))?));
    }
    match standing.place {
        _ if standing.has_all => Ok(Next::Over(vote)),
        Some(place) => Ok(Next::Behind(place)),
        None => Err(gone()),
    }
}

/// What is behind a place.
enum Read {
    Chunk(Chunk),
    End,
    /// The view is not to be held any longer.
    Stale,
}

/// Read away from the thread of the groups: it is a disk that answers. When it fails, it fails for the group.
async fn chunk(way: &Way, view: &Arc<dyn SnapshotView>, after: Bytes) -> Sent<Read> {
    type Source = openraft::alias::ErrorSourceOf<Consensus>;
    let view = Arc::clone(view);
    if view.is_stale() {
        return Ok(Read::Stale);
    }
    let read = move || Ok(view.chunk(&after)?.map_or(Read::End, Read::Chunk));
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.unwrap_or_else(|ended| Err(StateFault(Box::new(ended))));
    read.map_err(|fault| {
        way.group().fail(Unavailable::StorageFault, &fault);
        StreamingError::StorageError(StorageError::read_snapshot(None, Source::from_error(&fault)))
    })
}

/// The transfer is begun anew after a moment, with another view. Nobody can do more than say so: what is written meanwhile
/// waits in memory for as long as a view is held.
fn stale(way: &Way) -> StreamingError<Consensus> {
    let group = way.group().id;
    tracing::warn!(%group, to = way.to(), "more is written than a snapshot can be sent beside: it begins anew");
    StreamingError::Unreachable(Unreachable::from_string("the view was held for too long"))
}

/// It was restarted, or was offered another snapshot meanwhile: it is offered this one again after a moment.
fn gone() -> StreamingError<Consensus> {
    StreamingError::Unreachable(Unreachable::from_string("the receiver does not have the snapshot any more"))
}
