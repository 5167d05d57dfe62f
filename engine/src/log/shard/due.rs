//! What is due in a shard, for the shell that proposes it: hot topics from the queue in memory, cold ones from the
//! store. Nothing here changes what replicas have to agree on.

use fanfare_cluster::StateFault;
use fanfare_protocol::TopicName;

use super::ShardState;

/// A topic that was reported due is not reported again for so long: the proposal is on its way, or was refused.
const DUE_AGAIN_MS: u64 = 1_000;

impl ShardState {
    /// When to ask [`Self::due`] next, in shard time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let cold_ms = (self.cold_due_ms < u64::MAX).then_some(self.cold_due_ms);
        self.deadlines.next().into_iter().chain(cold_ms).min()
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
        Ok(due)
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
