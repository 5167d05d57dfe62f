//! The maps of the hot path. A publication looks names up half a dozen times, which with the hash of the standard library
//! took some three hundredths of its CPU time. This one is seeded too, so that names that collide cannot be prepared; it
//! does not claim to withstand who can measure single look-ups, as that of the standard library does.

pub(crate) use foldhash::fast::RandomState;

/// As that of the standard library.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
