//! The maps of the hot path. A publication looks names up half a dozen times, which with the hash of the standard library
//! takes a twentieth of its CPU time; this one is seeded per process too, so that nobody can choose names that collide.

use foldhash::fast::RandomState;

/// As that of the standard library.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
