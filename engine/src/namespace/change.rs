//! What a wish for another policy comes to. A core.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::declared::Declared;
use super::refusal::Refusal;
use crate::config::Namespace;
use crate::log::{IdempotencyPolicy, Kind, Policy};

/// What to do about a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// It is so since that version.
    Unchanged(u64),
    /// Put this row.
    Put {
        /// With its old durability and `moving_to`, if that is to change.
        policy: Box<Policy>,
        /// The version that the row has; 0 for none.
        if_version: u64,
        /// The kind that topics of the namespace would have, if there are any already: then they are in the way.
        unless_topics_of: Option<Kind>,
    },
}

/// Decides, by what is declared now.
pub(super) fn plan(declared: &Declared, wanted: &Policy) -> Result<Plan, Refusal> {
    let row = declared.get(&wanted.name);
    // Its topics, if it has any, are under `default` until it is declared.
    let now = row.map_or_else(|| declared.policies().of(&wanted.name).as_ref(), |(policy, _)| policy);
    if row.is_some() && wanted.kind != now.kind {
        return Err(Refusal::KindIsFixed { name: wanted.name.clone(), kind: now.kind, wanted: wanted.kind });
    }
    let moves = wanted.durability != now.durability;
    let policy = Policy { durability: now.durability, moving_to: moves.then_some(wanted.durability), ..wanted.clone() };
    match row {
        Some((held, version)) if *held == policy => Ok(Plan::Unchanged(version)),
        Some((_, version)) => Ok(Plan::Put { policy: Box::new(policy), if_version: version, unless_topics_of: None }),
        None => {
            let unless_topics_of = (wanted.kind != now.kind).then_some(now.kind);
            Ok(Plan::Put { policy: Box::new(policy), if_version: 0, unless_topics_of })
        }
    }
}

/// A policy whose topics have been ended under its old durability.
pub(super) fn moved(policy: &Policy) -> Policy {
    Policy { durability: policy.moving_to.unwrap_or(policy.durability), moving_to: None, ..policy.clone() }
}

/// What has come of a wish.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The namespace as it is now.
    pub policy: Policy,
    /// Since when.
    pub version: u64,
    /// What is other than before; `None` when it was not declared, empty when nothing is.
    pub differences: Option<Vec<Difference>>,
}

/// A key and its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// As in a configuration; those of `[idempotency]` with their section.
    pub key: String,
    /// Before.
    pub from: Value,
    /// Now.
    pub to: Value,
}

/// What two policies differ in, in the order of the keys' names.
#[must_use]
pub(super) fn differences(before: &Policy, after: &Policy) -> Vec<Difference> {
    let after = keys(after);
    let difference = |(key, from): (String, Value)| {
        let to = after.get(&key)?.clone();
        (to != from).then_some(Difference { key, from, to })
    };
    keys(before).into_iter().filter_map(difference).collect()
}

fn keys(policy: &Policy) -> Map<String, Value> {
    let Ok(Value::Object(mut keys)) = serde_json::to_value(Namespace::of_policy(policy)) else { return Map::new() };
    let IdempotencyPolicy { window_ms, entries_max, producers_max, producer_results_max } = policy.idempotency;
    let Value::Object(idempotency) = json!({
        "idempotency.window_ms": window_ms,
        "idempotency.entries_max": entries_max,
        "idempotency.producers_max": producers_max,
        "idempotency.producer_results_max": producer_results_max,
    }) else {
        return keys;
    };
    keys.extend(idempotency);
    keys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::Durability;

    fn declared(policies: &[Policy]) -> Declared {
        Declared::of(policies.iter().cloned())
    }

    fn stream(name: &str) -> Policy {
        Policy::new(name, Kind::Stream)
    }

    fn put(plan: Result<Plan, Refusal>) -> (Policy, u64, Option<Kind>) {
        match plan {
            Ok(Plan::Put { policy, if_version, unless_topics_of }) => (*policy, if_version, unless_topics_of),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_policy_changes_nothing() {
        let declared = declared(&[stream("default"), stream("a")]);
        assert_eq!(plan(&declared, &stream("a")), Ok(Plan::Unchanged(1)));
    }

    #[test]
    fn other_bounds_are_put_over_the_version_that_was_read() {
        let declared = declared(&[stream("a")]);
        let wanted = Policy { history_count: 5, ..stream("a") };
        assert_eq!(put(plan(&declared, &wanted)), (wanted, 1, None));
    }

    #[test]
    fn the_kind_of_a_declared_namespace_is_fixed() {
        let declared = declared(&[stream("a")]);
        let refused = plan(&declared, &Policy::new("a", Kind::State));
        let kinds = (Kind::Stream, Kind::State);
        assert_eq!(refused, Err(Refusal::KindIsFixed { name: "a".to_owned(), kind: kinds.0, wanted: kinds.1 }));
    }

    /// Its topics have the kind of `default`.
    #[test]
    fn a_new_namespace_of_another_kind_must_have_no_topics() {
        let declared = declared(&[stream("default")]);
        assert_eq!(put(plan(&declared, &Policy::new("a", Kind::State))).2, Some(Kind::Stream));
        assert_eq!(put(plan(&declared, &stream("a"))), (stream("a"), 0, None));
    }

    #[test]
    fn another_durability_begins_a_move_and_the_old_one_ends_it() {
        let first = declared(&[stream("a")]);
        let wanted = Policy { durability: Durability::Ephemeral, history_count: 5, ..stream("a") };
        let (marked, ..) = put(plan(&first, &wanted));
        assert_eq!((marked.durability, marked.moving_to), (Durability::Replicated, Some(Durability::Ephemeral)));
        assert_eq!(moved(&marked), wanted);
        let second = declared(&[marked]);
        assert_eq!(plan(&second, &wanted), Ok(Plan::Unchanged(1)), "the move goes on");
        assert_eq!(put(plan(&second, &stream("a"))).0, stream("a"), "the move is off");
    }

    #[test]
    fn a_new_namespace_of_another_durability_than_the_default_moves_too() {
        let declared = declared(&[stream("default")]);
        let wanted = Policy { durability: Durability::Ephemeral, ..stream("a") };
        let (marked, if_version, _) = put(plan(&declared, &wanted));
        assert_eq!((marked.moving_to, if_version), (Some(Durability::Ephemeral), 0));
    }

    #[test]
    fn differences_name_keys_as_the_configuration_does() {
        let before = stream("a");
        let mut after = Policy { history_count: 5, durability: Durability::Ephemeral, ..stream("a") };
        after.idempotency.window_ms = 7;
        let listed: Vec<_> =
            differences(&before, &after).into_iter().map(|d| format!("{}: {} → {}", d.key, d.from, d.to)).collect();
        assert_eq!(
            listed,
            [
                "durability: \"replicated\" → \"ephemeral\"",
                "history_count: 1000 → 5",
                "idempotency.window_ms: 120000 → 7",
            ]
        );
        assert_eq!(differences(&before, &before), []);
    }

    fn policies() -> impl Strategy<Value = Policy> {
        (0..3u64, any::<bool>(), any::<bool>()).prop_map(|(history_count, state, ephemeral)| Policy {
            history_count,
            durability: if ephemeral { Durability::Ephemeral } else { Durability::Replicated },
            ..Policy::new("a", if state { Kind::State } else { Kind::Stream })
        })
    }

    proptest! {
        /// Whatever was wished for before, once a plan is carried out to its end the wish is what holds.
        #[test]
        fn a_plan_that_is_carried_out_gives_what_was_wished(wishes in proptest::collection::vec((policies(), any::<bool>()), 1..12)) {
            let mut held = stream("a");
            for (wanted, finish) in wishes {
                match plan(&declared(std::slice::from_ref(&held)), &wanted) {
                    Err(_) => prop_assert_ne!(wanted.kind, held.kind),
                    Ok(Plan::Unchanged(_)) => prop_assert_eq!(moved(&held), wanted),
                    Ok(Plan::Put { policy, .. }) => {
                        prop_assert_eq!(policy.durability, held.durability, "only a finished move changes the lane");
                        prop_assert_eq!(moved(&policy), wanted);
                        held = if finish { moved(&policy) } else { *policy };
                    }
                }
            }
        }
    }
}
