//! The maps of the hot path. A publication looks names up half a dozen times, which with the hash of the standard library
//! took some three hundredths of its CPU time. This one is seeded too, so that names that collide cannot be prepared; it
//! does not claim to withstand who can measure single look-ups, as that of the standard library does. The micro benches
//! alone have one seed for all runs, because what they count must be the same in all of them.

#[cfg(feature = "micro")]
pub(crate) use foldhash::fast::FixedState as Seeded;
#[cfg(not(feature = "micro"))]
pub(crate) use foldhash::fast::RandomState as Seeded;

/// As that of the standard library.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, Seeded>;

/// As that of the standard library.
pub(crate) type HashSet<T> = std::collections::HashSet<T, Seeded>;
