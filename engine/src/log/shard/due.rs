//! What is due in a shard, for the shell that proposes it: hot topics from the queue in memory, cold ones from the
//! store. Nothing here changes what replicas have to agree on.
//!
//! When other policies come, what is stored of cold topics was queued under those before. So all of them are reviewed, a page
//! at a time, and those that have to be trimmed earlier are due. A node that ends meanwhile leaves the rest to their next
//! publication, or to when they were due before.

use fanfare_cluster::StateFault;
use fanfare_protocol::TopicName;

use super::ShardState;
use crate::log::history::trim_due_ms;
use crate::log::rows::TopicRow;

/// A topic that was reported due is not reported again for so long: the proposal is on its way, or was refused.
const DUE_AGAIN_MS: u64 = 1_000;

/// How far the stored topics were looked at since the policies changed.
#[derive(Debug, Default)]
pub(super) struct Review {
    /// The last of the page before.
    after: Option<TopicName>,
}

impl ShardState {
    /// When to ask [`Self::due`] next, in shard time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let cold_ms = (self.cold_due_ms < u64::MAX).then_some(self.cold_due_ms);
        let review_ms = self.review.as_ref().map(|_| 0);
        self.deadlines.next().into_iter().chain(cold_ms).chain(review_ms).min()
    }

    /// Topics in which something is due, for each of which the caller proposes an `Expire`; at most `limit`, reported
    /// again after a second if nothing has come of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn due(&mut self, now_ms: u64, limit: usize) -> Result<Vec<TopicName>, StateFault> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some((_, name)) = self.deadlines.pop_due(now_ms)
        {
            let Some(slot) = self.topics.get_mut(&name) else { continue };
            slot.queued_ms = slot.log.next_deadline();
            if slot.queued_ms.is_some_and(|next_ms| next_ms <= now_ms) {
                slot.queued_ms = Some(now_ms.saturating_add(DUE_AGAIN_MS));
                due.push(name.clone());
            }
            if let Some(queued_ms) = slot.queued_ms {
                self.deadlines.insert(queued_ms, name);
            }
            self.books.dirtied(slot);
        }
        self.cold_due(now_ms, limit, &mut due)?;
        self.review(limit, &mut due)?;
        Ok(due)
    }

    /// A page is looked at until nothing in it is due: what was proposed may have been refused.
    fn review(&mut self, limit: usize, due: &mut Vec<TopicName>) -> Result<(), StateFault> {
        let Some((review, stored)) = self.review.as_ref().zip(self.stored.as_ref()) else { return Ok(()) };
        let room = limit.saturating_sub(due.len());
        let rows = stored.list("", review.after.as_ref().map(TopicName::as_str), room)?;
        let is_last = rows.len() < room;
        let last = rows.last().map(|(name, _)| name.clone());
        let is_due = |name: &TopicName, row: &TopicRow| {
            let policy = self.policies.of(name.namespace());
            let trim_ms = trim_due_ms(policy, row.history_count, row.history_bytes, row.oldest_ms);
            trim_ms.unwrap_or(u64::MAX) < row.due_ms.unwrap_or(u64::MAX) && self.is_cold(name.as_str())
        };
        let before = due.len();
        due.extend(rows.into_iter().filter(|(name, row)| is_due(name, row)).map(|(name, _)| name));
        if due.len() == before && room > 0 {
            self.review = (!is_last).then_some(Review { after: last });
        }
        Ok(())
    }

    fn cold_due(&mut self, now_ms: u64, limit: usize, due: &mut Vec<TopicName>) -> Result<(), StateFault> {
        let Some(stored) = self.stored.as_ref().filter(|_| self.cold_due_ms <= now_ms && due.len() < limit) else {
            return Ok(());
        };
        let rows = stored.due(now_ms, limit)?;
        // Rows of topics that have become hot stay until the next window rewrites them.
        self.cold_due_ms = match rows.first() {
            Some(_) => now_ms.saturating_add(DUE_AGAIN_MS),
            None => stored.due(u64::MAX, 1)?.first().map_or(u64::MAX, |(at_ms, _)| *at_ms),
        };
        due.extend(rows.into_iter().map(|(_, name)| name).filter(|name| self.is_cold(name.as_str())));
        Ok(())
    }
}
