//! Whether a publish may be appended: everything that can refuse it is looked at before anything changes, so that a
//! batch is all or nothing.

use fanfare_protocol::limits::{IDEMPOTENCY_KEY_BYTES_MAX, INTEGER_MAX, PUBLICATIONS_MAX};
use fanfare_protocol::{Publication, ResourceVersion};

use super::command::Publish;
use super::fold::{Fold, Standing};
use super::policy::{KEY_BYTES_MAX, Policy};
use super::refusal::{KindFault, Parameter, Refusal};
use super::weight;
use crate::hash::HashMap;

/// What the publications are judged against.
pub(super) struct Bench<'a> {
    pub(super) epoch: u64,
    pub(super) head: u64,
    pub(super) policy: &'a Policy,
    /// Of a `state` topic.
    pub(super) fold: Option<&'a Fold>,
    /// Of publisher and connection, which each event carries.
    pub(super) signature_bytes: u64,
}

/// Whether the request may be remembered under what it gives.
pub(super) fn identity(publish: &Publish) -> Result<(), Refusal> {
    let fits = |id: &str| (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&id.len());
    if publish.idempotency_key.as_deref().is_some_and(|key| !fits(key)) {
        return Err(Refusal::BadParameter(Parameter::IdempotencyKey));
    }
    match &publish.producer {
        Some(producer) if !fits(&producer.id) || producer.sequence >= INTEGER_MAX => {
            Err(Refusal::BadParameter(Parameter::Producer))
        }
        Some(_) | None => Ok(()),
    }
}

impl Bench<'_> {
    /// Each publication is judged as if those before it had been appended already.
    pub(super) fn judge(&self, publications: &[Publication]) -> Result<(), Refusal> {
        if !(1..=PUBLICATIONS_MAX).contains(&publications.len()) {
            return Err(Refusal::BadParameter(Parameter::Publications));
        }
        let mut batch = Batch::of(self.fold);
        for (offset, publication) in (self.head + 1..).zip(publications) {
            self.size(publication)?;
            match self.fold {
                None => self.stream(publication, offset)?,
                Some(fold) => self.state(publication, offset, fold, &mut batch)?,
            }
        }
        Ok(())
    }

    fn size(&self, publication: &Publication) -> Result<(), Refusal> {
        let bytes = weight::of_payload(publication);
        let bytes_max = self.policy.publication_bytes_max;
        if bytes > bytes_max {
            return Err(Refusal::PublicationTooLarge { bytes, bytes_max });
        }
        if publication.data.is_none() && !publication.delete {
            return Err(Refusal::BadParameter(Parameter::Data));
        }
        Ok(())
    }

    fn stream(&self, publication: &Publication, offset: u64) -> Result<(), Refusal> {
        if publication.delete {
            return Err(Refusal::WrongKind(KindFault::DeleteNotTaken));
        }
        if publication.key.is_some() {
            return Err(Refusal::WrongKind(KindFault::KeyNotTaken));
        }
        let current = offset.checked_sub(1).filter(|head| *head > 0);
        self.version(publication.if_version, current)
    }

    fn state<'p>(
        &self,
        publication: &'p Publication,
        offset: u64,
        fold: &Fold,
        batch: &mut Batch<'p>,
    ) -> Result<(), Refusal> {
        let Some(key) = publication.key.as_deref() else {
            return Err(Refusal::WrongKind(KindFault::KeyMissing));
        };
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) {
            return Err(Refusal::BadParameter(Parameter::Key));
        }
        let standing = batch.changed.get(key).copied().unwrap_or_else(|| fold.standing(key));
        self.version(publication.if_version, standing.map(|standing| standing.offset))?;
        let put = (!publication.delete)
            .then(|| Standing { offset, bytes: weight::of_publication(publication, self.signature_bytes) });
        batch.change(key, standing, put);
        let Policy { keys_max, fold_bytes_max: bytes_max, .. } = *self.policy;
        // A delete always may: it is the way out.
        if put.is_some() && (batch.keys > keys_max || batch.bytes > bytes_max) {
            return Err(Refusal::TopicFull { keys_max, bytes_max });
        }
        Ok(())
    }

    /// Any `EPOCH.0` says "must not exist": what has ended and what never was are the same to whoever asks for nothing.
    fn version(&self, wanted: Option<ResourceVersion>, current: Option<u64>) -> Result<(), Refusal> {
        let Some(wanted) = wanted else { return Ok(()) };
        let current = current.map_or(ResourceVersion::NONE, |offset| ResourceVersion::new(self.epoch, offset));
        let fits = if wanted.offset == 0 { current.is_none() } else { wanted == current };
        if fits { Ok(()) } else { Err(Refusal::VersionConflict { current }) }
    }
}

/// What the fold would be after the publications judged so far.
struct Batch<'p> {
    changed: HashMap<&'p str, Option<Standing>>,
    keys: u64,
    bytes: u64,
}

impl<'p> Batch<'p> {
    fn of(fold: Option<&Fold>) -> Self {
        Self { changed: HashMap::default(), keys: fold.map_or(0, Fold::keys_count), bytes: fold.map_or(0, Fold::bytes) }
    }

    fn change(&mut self, key: &'p str, old: Option<Standing>, new: Option<Standing>) {
        self.keys = self.keys + u64::from(new.is_some()) - u64::from(old.is_some());
        let bytes = |standing: Option<Standing>| standing.map_or(0, |standing| standing.bytes);
        self.bytes = self.bytes + bytes(new) - bytes(old);
        self.changed.insert(key, new);
    }
}
